"""Conversion callbacks → the conversion's row in the ledger → signed deltas for the roll-ups."""

from asyncio import to_thread
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec

from core.timestamps import quarter_of
from database.pool import Connection, connection
from database.sql import Query, SqlFile
from ingest.batches import BatchResult, intake_transaction, rejection_of, retry_deadlocks, sort_by_index
from ingest.conversion_batches import ConversionBatch, parse_conversions
from ingest.intake_log import log_batch
from ingest.records import ConversionStatus, Record, RecordError, Rejection
from ingest.rollups import BucketDelta, OfferPartner, apply_deltas, cost_overflow, to_columns
from ingest.surrogate_ids import (
    KnownOffer,
    create_missing,
    create_missing_offers,
    known_offers,
    moved_offer_error,
    surrogate_ids_by_text,
)
from tenants.nodes import is_cluster
from tenants.tenant import Tenant

UPSERT = SqlFile(Path(__file__).parent / "sql" / "upsert_conversions.sql")
SQL = Path(__file__).parent / "sql" / "conversions.sql"
INSERT = SqlFile(SQL, "insert")
UPDATE = SqlFile(SQL, "update")
LOAD = SqlFile(SQL, "load")
LOCK = SqlFile(SQL, "lock")

# Of offers and partners. The partner None is the tenant itself.
CatalogueKeys = tuple[Mapping[str, int], Mapping[str | None, int]]
Rank = tuple[int, str]
T = TypeVar("T", str, UUID)  # a callback's id
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
    batch, rejections = await to_thread(parse_conversions, records, now)
    async with connection() as db, intake_transaction(db, api_key):
        batch, offers, wrong = await find_offers(db, tenant.schema, batch, records)
        keys = offers, await find_partners(db, tenant, batch)
        write = write_on_cluster if await is_cluster(db) else write_conversions
        accepted = await write(db, tenant.schema, batch, keys, now) if batch.ids else 0
        result = BatchResult(accepted, len(batch.ids) - accepted, sort_by_index(rejections + wrong))
        await log_batch(db, tenant.schema, "conversions", result, records=records, api_key=api_key, replay=replay)
    return result


async def find_offers(
    db: Connection, schema: str, batch: ConversionBatch, records: Sequence[Record]
) -> tuple[ConversionBatch, dict[str, int], list[Rejection]]:
    """Creates missing offers and advertisers. Rejects callbacks whose offer cannot be created, or belongs to another
    advertiser than they state; the batch returned is without them.
    """
    owners = set(zip(batch.offers, batch.advertisers, strict=True))
    offers = await known_offers(db, schema, {UUID(offer) for offer, _ in owners})
    if not offers.keys() >= {UUID(offer) for offer, _ in owners}:
        offers |= await create_offers(db, schema, batch, offers)
    errors = {owner: error for owner in owners if (error := owner_error(*owner, offers))}
    keys = {str(id_): offer.key for id_, offer in offers.items()}
    if not errors:
        return batch, keys, []
    known, rejections = [], []
    for n, owner in enumerate(zip(batch.offers, batch.advertisers, strict=True)):
        if error := errors.get(owner):
            rejections.append(rejection_of(batch.indexes[n], records[batch.indexes[n]], error))
        else:
            known.append(n)
    return batch.select(known), keys, rejections


def owner_error(offer: str, advertiser: str | None, offers: Mapping[UUID, KnownOffer]) -> RecordError | None:
    field = "conversion.offerAdvertiserId"
    known = offers.get(UUID(offer))
    if known is None:
        return RecordError(field, f"is required: offer {offer} is new")
    if advertiser in {None, str(known.advertiser)}:
        return None
    return moved_offer_error(field, UUID(offer), known.advertiser, UUID(advertiser))


async def create_offers(
    db: Connection, schema: str, batch: ConversionBatch, known: Mapping[UUID, KnownOffer]
) -> dict[UUID, KnownOffer]:
    """Those that can be created because a callback names the advertiser: the batch's first one does."""
    new: dict[UUID, UUID] = {}
    for offer, advertiser in zip(batch.offers, batch.advertisers, strict=True):
        if advertiser and UUID(offer) not in known:
            new.setdefault(UUID(offer), UUID(advertiser))
    owners = set(new.values())
    advertisers = first_names(batch.advertisers, batch.advertiser_names)
    await create_missing(db, schema, "advertiser", {id_: name for id_, name in advertisers.items() if id_ in owners})
    names = first_names(batch.offers, batch.offer_names)
    return await create_missing_offers(db, schema, {id_: (by, names[id_]) for id_, by in new.items()})


async def find_partners(db: Connection, tenant: Tenant, batch: ConversionBatch) -> dict[str | None, int]:
    """Creates missing partners."""
    tenant_id = str(tenant.id)
    ids = {partner or tenant_id for partner in batch.partners}
    keys = await surrogate_ids_by_text(db, tenant.schema, "partner", ids)
    if not keys.keys() >= ids:
        names = first_names((partner or tenant_id for partner in batch.partners), batch.partner_names)
        await create_missing(db, tenant.schema, "partner", names)
        keys = await surrogate_ids_by_text(db, tenant.schema, "partner", ids)
    return {partner: keys[partner or tenant_id] for partner in set(batch.partners)}


def first_names(ids: Iterable[str | None], names: Iterable[str | None]) -> dict[UUID, str | None]:
    """Each id with the first name that is not empty, if there is one."""
    first: dict[str, str | None] = {}
    for id_, name in zip(ids, names, strict=True):
        if id_ is not None:
            first[id_] = first.get(id_) or name
    return {UUID(id_): name for id_, name in first.items()}


async def write_conversions(
    db: Connection, schema: str, batch: ConversionBatch, keys: CatalogueKeys, now: datetime
) -> int:
    """Writes the ledger, earlier states and roll-ups. Returns how many callbacks are accepted: in order of arrival,
    each that was sent later than all before it.
    """
    offers, partners = keys
    ranks = ranks_of_repeated(batch)
    latest = latest_callbacks(batch, ranks) if ranks else batch
    query = UPSERT.bind(
        schema,
        ids=latest.ids,
        sent_ticks=latest.sent_ticks,
        callbacks=latest.callbacks,
        seconds=latest.seconds,
        costs=latest.costs,
        offers=[offers[offer] for offer in latest.offers],
        partners=[partners[partner] for partner in latest.partners],
        statuses=latest.statuses,
        rejection_reasons=latest.rejection_reasons,
        clicks=latest.clicks,
        details=latest.details,
        repeated=list(ranks),
        now=now,
    )
    with cost_overflow():
        [(written, repeated)] = await db.fetch(query.sql, *query.args)
    accepted: int = written - len(repeated)
    for id_, ticks, callback in repeated:
        accepted += count_accepted(ranks[str(id_)], None if callback is None else (ticks, str(callback)))
    return accepted


def ranks_of_repeated(batch: ConversionBatch) -> dict[str, list[Rank]]:
    """The ranks, in order of arrival, of the callbacks for each conversion that has more than one in the batch."""
    if len(set(batch.ids)) == len(batch.ids):
        return {}
    ranks: dict[str, list[Rank]] = defaultdict(list)
    for id_, ticks, callback in zip(batch.ids, batch.sent_ticks, batch.callbacks, strict=True):
        ranks[id_].append((ticks, callback))
    return {id_: of for id_, of in ranks.items() if len(of) > 1}


def latest_callbacks(batch: ConversionBatch, ranks: Mapping[str, list[Rank]]) -> ConversionBatch:
    """The batch with one callback for each conversion."""
    latest = {id_: max(of) for id_, of in ranks.items()}
    positions: dict[str, int] = {}
    for n, (id_, *rank) in enumerate(zip(batch.ids, batch.sent_ticks, batch.callbacks, strict=True)):
        if id_ not in latest or latest[id_] == (*rank,):
            positions.setdefault(id_, n)
    return batch.select(positions.values())


def count_accepted(ranks: Iterable[tuple[int, T]], before: tuple[int, T] | None) -> int:
    """How many callbacks of a conversion are accepted, if it had the rank `before` (None: it is new)."""
    accepted = 0
    for rank in ranks:
        if before is None or rank > before:
            accepted += 1
            before = rank
    return accepted


async def write_on_cluster(
    db: Connection, schema: str, batch: ConversionBatch, keys: CatalogueKeys, now: datetime
) -> int:
    """The same with a statement for each table, as `rollups_on_cluster.sql`. The trigger `keep_state` keeps states."""
    offers, partners = keys
    history: dict[UUID, list[ConversionState]] = defaultdict(list)
    for n, id_ in enumerate(map(UUID, batch.ids)):
        history[id_].append(
            ConversionState(
                id_,
                (batch.sent_ticks[n], UUID(batch.callbacks[n])),
                datetime.fromtimestamp(batch.seconds[n], UTC),
                batch.costs[n],
                offers[batch.offers[n]],
                partners[batch.partners[n]],
                batch.statuses[n],
                batch.rejection_reasons[n],
                UUID(click) if (click := batch.clicks[n]) else None,
                batch.details[n],
            )
        )
    known = await insert_new(db, schema, history)
    accepted, deltas = await update_known(db, schema, history, known)
    await apply_deltas(db, schema, deltas, now)
    return accepted


async def insert_new(db: Connection, schema: str, history: History) -> set[UUID]:
    """Inserts the conversions that are new. Returns the ids of the others, which are committed by now."""
    rows = [conversion_row(latest_state(history[id_])) for id_ in sorted(history)]
    if not rows:
        return set()
    query = bind_rows(INSERT, schema, rows)
    inserted = await db.fetch(query.sql, *query.args)
    return history.keys() - {row["id"] for row in inserted}


async def update_known(db: Connection, schema: str, history: History, known: set[UUID]) -> tuple[int, Deltas]:
    """Updates the conversions that existed before. Returns how many callbacks are accepted, and what all conversions of
    the batch add to the roll-ups.
    """
    before = await lock_conversions(db, schema, known)
    accepted = 0
    changes: list[StateChange] = []
    for id_, states in history.items():
        old, latest = before.get(id_), latest_state(states)
        accepted += count_accepted([state.rank for state in states], old.rank if old else None)
        if old is None or latest.rank > old.rank:
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
