"""Conversion callbacks → the conversion's row in the ledger → signed deltas for the roll-ups."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from core.timestamps import quarter_of
from database.pool import Connection, connection
from ingest.batches import Answer, parse_all, reject, retrying, taking, write_log
from ingest.records import Conversion, Record, RecordError, Reject, Status, parse_conversion
from ingest.rollups import Figures, Pair, apply, columns
from ingest.surrogate_ids import create_missing, create_offers, keys_of
from tenants.tenant import Tenant

Good = list[tuple[int, Record, Conversion]]
Deltas = defaultdict[tuple[Pair, datetime], Figures]


class State(msgspec.Struct, frozen=True, gc=False):
    """A conversion as the ledger has it. `rank` is that of the callback that made it so."""

    id: UUID
    rank: tuple[int, UUID]
    occurred_at: datetime
    cost: int
    offer: int
    partner: int
    status: Status
    rejection_reason: str | None
    click: UUID | None


Change = tuple[State | None, State]  # a conversion's old state, if it was known, and its new one
History = Mapping[UUID, list[State]]  # of each conversion, what the call's callbacks say, in order of arrival


@retrying
async def take_conversions(tenant: Tenant, records: Sequence[Record], now: datetime, token: int | None) -> Answer:
    """One transaction: durable, counted exactly once, in the next report. Raises DatabaseUnavailable."""
    good, rejects = await parse_all(records, lambda record: parse_conversion(record, now))
    async with connection() as db, taking(db, token):
        history, homeless = await resolve(db, tenant, good)
        known = await insert_new(db, tenant.schema, history)
        accepted, deltas = await settle(db, tenant.schema, history, known)
        await apply(db, tenant.schema, deltas, now)
        duplicates = len(good) - len(homeless) - accepted
        answer = Answer(accepted, duplicates, sorted(rejects + homeless, key=lambda r: r.index))
        await write_log(db, tenant.schema, "conversions", token, answer)
    return answer


async def resolve(db: Connection, tenant: Tenant, good: Good) -> tuple[History, list[Reject]]:
    """Makes the advertisers, offers and partners not seen before. Rejects: callbacks for an offer that cannot be."""
    offers = await resolve_offers(db, tenant.schema, [conversion for _, _, conversion in good])
    housed = [conversion for _, _, conversion in good if conversion.offer in offers]
    homeless = [
        reject(index, record, RecordError("conversion.offerAdvertiserId", f"is needed: offer {c.offer} is a new one"))
        for index, record, c in good
        if c.offer not in offers
    ]
    names = named((c.partner or tenant.id, c.partner_name) for c in housed)
    await create_missing(db, tenant.schema, "partner", names)
    partners = await keys_of(db, tenant.schema, "partner", names)
    history: dict[UUID, list[State]] = defaultdict(list)
    for c in housed:
        offer, partner = offers[c.offer], partners[c.partner or tenant.id]
        history[c.id].append(
            State(c.id, c.rank, c.occurred_at, c.cost, offer, partner, c.status, c.rejection_reason, c.click)
        )
    return history, homeless


async def resolve_offers(db: Connection, schema: str, sent: list[Conversion]) -> dict[UUID, int]:
    """Keys of the offers that exist, or can be made because a callback names the advertiser."""
    advertisers = named((c.advertiser, c.advertiser_name) for c in sent if c.advertiser)
    await create_missing(db, schema, "advertiser", advertisers)
    known = await keys_of(db, schema, "offer", (c.offer for c in sent))
    new = {c.offer: c.advertiser for c in sent if c.offer not in known and c.advertiser}
    names = named((c.offer, c.offer_name) for c in sent)
    return known | await create_offers(db, schema, {id_: (by, names[id_]) for id_, by in new.items()})


def named(pairs: Iterable[tuple[UUID, str | None]]) -> dict[UUID, str | None]:
    """Each id with the first name that comes with it, if any does."""
    names: dict[UUID, str | None] = {}
    for id_, name in pairs:
        names[id_] = names.get(id_) or name
    return names


async def insert_new(db: Connection, schema: str, history: History) -> set[UUID]:
    """Writes the conversions not seen before. Returns the ids of the others, each committed: the insert has waited
    for every other transaction that was writing one of these ids.
    """
    rows = [ledger_row(last_sent(history[id_])) for id_ in sorted(history)]
    if not rows:
        return set()
    inserted = await db.fetch(
        f"""
        INSERT INTO {schema}.conversion
            (id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click)
        SELECT * FROM {LEDGER_ROWS} ON CONFLICT DO NOTHING RETURNING id
        """,
        *columns(rows),
    )
    return history.keys() - {row["id"] for row in inserted}


async def settle(db: Connection, schema: str, history: History, known: set[UUID]) -> tuple[int, Deltas]:
    """Writes what the callbacks change of known conversions. Returns how many callbacks, in order of arrival, were
    later than all before them, and what all of it adds to the roll-ups.
    """
    before = await lock(db, schema, known)
    accepted = 0
    changes: list[Change] = []
    for id_, sent in history.items():
        old = before.get(id_)
        latest = old
        for state in sent:
            if latest is None or state.rank > latest.rank:
                accepted += 1
                latest = state
        if latest is not None and latest is not old:
            changes.append((old, latest))
    return accepted, await change(db, schema, changes)


async def change(db: Connection, schema: str, changes: Iterable[Change]) -> Deltas:
    """Writes the new states of known conversions, whose rows are locked. Returns what all of it adds to the roll-ups,
    new conversions included, whose old state is None and whose rows are written already.
    """
    deltas: Deltas = defaultdict(Figures)
    rows = []
    for old, new in changes:
        if old is not None:
            count(deltas, old, -1)
            rows.append(ledger_row(new))
        count(deltas, new, +1)
    if rows:
        await db.execute(
            f"""
            UPDATE {schema}.conversion c SET (sent_ticks, callback, occurred_at, cost, offer, partner, status,
                rejection_reason, click, received_at) = (t.sent_ticks, t.callback, t.occurred_at, t.cost, t.offer,
                t.partner, t.status, t.rejection_reason, t.click, now())
            FROM {LEDGER_ROWS} WHERE c.id = t.id
            """,
            *columns(rows),
        )
    return deltas


async def lock(db: Connection, schema: str, ids: Iterable[UUID]) -> dict[UUID, State]:
    """These conversions as they are; nobody else changes them before this transaction ends."""
    return await states(db, schema, ids, "FOR UPDATE")


async def states(db: Connection, schema: str, ids: Iterable[UUID], locking: str = "") -> dict[UUID, State]:
    rows = await db.fetch(
        f"""
        SELECT id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click
        FROM {schema}.conversion WHERE id = ANY($1::uuid[]) ORDER BY id {locking}
        """,
        list(ids),
    )
    return {row[0]: State(row[0], (row[1], row[2]), *row[3:]) for row in map(tuple, rows)}


def count(deltas: Deltas, state: State, sign: int) -> None:
    """Only a Success counts and costs."""
    if state.status == "Success":
        bucket = (state.offer, state.partner), quarter_of(state.occurred_at)
        deltas[bucket].add(Figures(conversions=sign, cost=sign * state.cost))


def last_sent(states: list[State]) -> State:
    return max(states, key=lambda state: state.rank)


LEDGER_ROWS = """unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::timestamptz[], $5::bigint[], $6::int[], $7::int[],
    $8::text[], $9::text[], $10::uuid[])
    AS t (id, sent_ticks, callback, occurred_at, cost, offer, partner, status, rejection_reason, click)"""


def ledger_row(state: State) -> tuple[object, ...]:
    ticks, callback = state.rank
    return (
        state.id, ticks, callback, state.occurred_at, state.cost, state.offer, state.partner, state.status,
        state.rejection_reason, state.click,
    )  # fmt: skip
