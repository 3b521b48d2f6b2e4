"""Conversion callbacks → the conversion's row in the ledger → signed deltas for the roll-ups."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec

from core.timestamps import quarter_of
from database.pool import Connection, connection
from database.sql import Query, SqlFile
from ingest.batches import (
    BatchResult,
    intake_transaction,
    parse_in_thread,
    rejection_of,
    retry_deadlocks,
    sort_by_index,
)
from ingest.intake_log import log_batch
from ingest.records import Conversion, ConversionStatus, Record, RecordError, Rejection, parse_conversion
from ingest.rollups import BucketDelta, OfferPartner, apply_deltas, to_columns
from ingest.surrogate_ids import (
    KnownOffer,
    create_missing,
    create_missing_offers,
    known_offers,
    moved_offer_error,
    partner_keys,
)
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql" / "conversions.sql"
INSERT = SqlFile(SQL, "insert")
UPDATE = SqlFile(SQL, "update")
LOAD = SqlFile(SQL, "load")
LOCK = SqlFile(SQL, "lock")

ParsedConversions = list[tuple[int, Record, Conversion]]
Deltas = defaultdict[tuple[OfferPartner, datetime], BucketDelta]


class ConversionState(msgspec.Struct, frozen=True, gc=False):
    """A conversion as stored in the ledger. `rank` is that of the callback that set it."""

    id: UUID
    rank: tuple[int, UUID]
    occurred_at: datetime
    cost: int
    offer: int
    partner: int
    status: ConversionStatus
    rejection_reason: str | None
    click: UUID | None
    details: str | None  # JSON


StateChange = tuple[ConversionState | None, ConversionState]  # old (None: a new conversion) and new
History = Mapping[UUID, list[ConversionState]]  # of each conversion, the batch's callbacks in order of arrival


@retry_deadlocks
async def ingest_conversions(
    tenant: Tenant, records: Sequence[Record], now: datetime, api_key: int | None, *, replay: bool = False
) -> BatchResult:
    """Ingests conversion callbacks in one transaction. `replay` is as for `log_batch`.

    Raises CostOverflowError, DatabaseUnavailable.
    """
    parsed, rejections = await parse_in_thread(records, lambda record: parse_conversion(record, now))
    async with connection() as db, intake_transaction(db, api_key):
        history, unresolved = await resolve_ids(db, tenant, parsed)
        known = await insert_new(db, tenant.schema, history)
        accepted, deltas = await update_known(db, tenant.schema, history, known)
        await apply_deltas(db, tenant.schema, deltas, now)
        duplicates = len(parsed) - len(unresolved) - accepted
        result = BatchResult(accepted, duplicates, sort_by_index(rejections + unresolved))
        await log_batch(db, tenant.schema, "conversions", result, records=records, api_key=api_key, replay=replay)
    return result


async def resolve_ids(db: Connection, tenant: Tenant, parsed: ParsedConversions) -> tuple[History, list[Rejection]]:
    """Creates missing advertisers, offers and partners. Rejects callbacks whose offer cannot be created, or belongs to
    another advertiser than they state.
    """
    offers = await resolve_offers(db, tenant.schema, [conversion for _, _, conversion in parsed])
    known: list[Conversion] = []
    rejections: list[Rejection] = []
    for index, record, c in parsed:
        if error := owner_error(c, offers.get(c.offer)):
            rejections.append(rejection_of(index, record, error))
        else:
            known.append(c)
    names = first_names((c.partner or tenant.id, c.partner_name) for c in known)
    await create_missing(db, tenant.schema, "partner", names)
    partners = await partner_keys(db, tenant.schema, names)
    history: dict[UUID, list[ConversionState]] = defaultdict(list)
    for c in known:
        offer, partner = offers[c.offer].key, partners[c.partner or tenant.id]
        history[c.id].append(
            ConversionState(
                c.id, c.rank, c.occurred_at, c.cost, offer, partner, c.status, c.rejection_reason, c.click, c.details
            )
        )
    return history, rejections


def owner_error(conversion: Conversion, offer: KnownOffer | None) -> RecordError | None:
    field = "conversion.offerAdvertiserId"
    if offer is None:
        return RecordError(field, f"is required: offer {conversion.offer} is new")
    if conversion.advertiser in {None, offer.advertiser}:
        return None
    assert conversion.advertiser is not None
    return moved_offer_error(field, conversion.offer, offer.advertiser, conversion.advertiser)


async def resolve_offers(db: Connection, schema: str, conversions: list[Conversion]) -> dict[UUID, KnownOffer]:
    """The offers that exist, or can be created because a callback names the advertiser: the batch's first one does."""
    known = await known_offers(db, schema, (c.offer for c in conversions))
    new: dict[UUID, UUID] = {}
    for c in conversions:
        if c.advertiser and c.offer not in known:
            new.setdefault(c.offer, c.advertiser)
    if not new:
        return known
    owners = set(new.values())
    advertisers = first_names((c.advertiser, c.advertiser_name) for c in conversions if c.advertiser in owners)
    await create_missing(db, schema, "advertiser", advertisers)
    names = first_names((c.offer, c.offer_name) for c in conversions)
    return known | await create_missing_offers(db, schema, {id_: (by, names[id_]) for id_, by in new.items()})


def first_names(pairs: Iterable[tuple[UUID, str | None]]) -> dict[UUID, str | None]:
    """Each id with the first name that is not empty, if there is one."""
    names: dict[UUID, str | None] = {}
    for id_, name in pairs:
        names[id_] = names.get(id_) or name
    return names


async def insert_new(db: Connection, schema: str, history: History) -> set[UUID]:
    """Inserts the conversions that are new. Returns the ids of the others, which are committed by now."""
    rows = [conversion_row(latest_state(history[id_])) for id_ in sorted(history)]
    if not rows:
        return set()
    query = bind_rows(INSERT, schema, rows)
    inserted = await db.fetch(query.sql, *query.args)
    return history.keys() - {row["id"] for row in inserted}


async def update_known(db: Connection, schema: str, history: History, known: set[UUID]) -> tuple[int, Deltas]:
    """Updates the conversions that existed before. Returns how many callbacks are accepted (in order of arrival, each
    that was sent later than all before it), and what all conversions of the batch add to the roll-ups.
    """
    before = await lock_conversions(db, schema, known)
    accepted = 0
    changes: list[StateChange] = []
    for id_, states in history.items():
        old = before.get(id_)
        latest = old
        for state in states:
            if latest is None or state.rank > latest.rank:
                accepted += 1
                latest = state
        if latest is not None and latest is not old:
            changes.append((old, latest))
    return accepted, await update_conversions(db, schema, changes)


async def update_conversions(db: Connection, schema: str, changes: Iterable[StateChange]) -> Deltas:
    """Writes the new states of conversions that the transaction has locked. Returns the deltas for the roll-ups.

    A change without an old state adds its deltas only: the row has been inserted already.
    """
    deltas: Deltas = defaultdict(BucketDelta)
    rows = []
    for old, new in changes:
        if old is not None:
            add_to_deltas(deltas, old, -1)
            rows.append(conversion_row(new))
        add_to_deltas(deltas, new, +1)
    if rows:
        query = bind_rows(UPDATE, schema, rows)
        await db.execute(query.sql, *query.args)
    return deltas


async def lock_conversions(db: Connection, schema: str, ids: Iterable[UUID]) -> dict[UUID, ConversionState]:
    """The conversions that exist; their rows are locked until the transaction ends."""
    return await fetch_states(db, LOCK.bind(schema, ids=list(ids)))


async def load_conversions(db: Connection, schema: str, ids: Iterable[UUID]) -> dict[UUID, ConversionState]:
    return await fetch_states(db, LOAD.bind(schema, ids=list(ids)))


async def fetch_states(db: Connection, query: Query) -> dict[UUID, ConversionState]:
    rows = await db.fetch(query.sql, *query.args)
    return {row[0]: ConversionState(row[0], (row[1], row[2]), *row[3:]) for row in map(tuple, rows)}


def add_to_deltas(deltas: Deltas, state: ConversionState, sign: int) -> None:
    """Only conversions with status Success count."""
    if state.status == "Success":
        bucket = (state.offer, state.partner), quarter_of(state.occurred_at)
        deltas[bucket].add(BucketDelta(conversions=sign, cost=sign * state.cost))


def latest_state(states: list[ConversionState]) -> ConversionState:
    return max(states, key=lambda state: state.rank)


def conversion_row(state: ConversionState) -> tuple[object, ...]:
    ticks, callback = state.rank
    return (
        state.id, ticks, callback, state.occurred_at, state.cost, state.offer, state.partner, state.status,
        state.rejection_reason, state.click, state.details,
    )  # fmt: skip


ROW_PARAMETERS = (
    "ids", "sent_ticks", "callbacks", "occurred_at", "costs", "offers", "partners", "statuses", "rejection_reasons",
    "clicks", "details",
)  # fmt: skip


def bind_rows(sql: SqlFile, schema: str, rows: list[tuple[object, ...]]) -> Query:
    return sql.bind(schema, **dict(zip(ROW_PARAMETERS, to_columns(rows), strict=True)))
