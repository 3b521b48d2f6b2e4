"""Replays rejected records: staff send them again, fixed or unchanged, as records of their sender.

A replay goes through the same functions as an ingest call, so it is validated like one, and a record that was received
before is a duplicate. Decision 0065 has the reasons.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from core.metrics import Kind, count_records
from database.audit_context import current_actor
from database.pool import Connection, connection
from database.sql import SqlFile
from database.transactions import transaction
from ingest.batches import BatchResult
from ingest.catalogue import ingest_offers, ingest_partners
from ingest.conversions import ingest_conversions
from ingest.events import ingest_events
from ingest.records import MAX_FIELD, Record, Rejection
from ingest.rejected_records import cause_of, reason_of
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql" / "replay.sql"
LOAD = SqlFile(SQL, "load")
LOAD_OPEN = SqlFile(SQL, "load_open")
COUNT_OPEN = SqlFile(SQL, "count_open")
LOCK = SqlFile(SQL, "lock")
RESOLVE = SqlFile(SQL, "resolve")
REJECT_AGAIN = SqlFile(SQL, "reject_again")
DISMISS = SqlFile(SQL, "dismiss")

BATCH = 500  # records, each of at most MAX_PAYLOAD
MAX_REPLAYED = 5_000  # records of one request


class RejectedRecord(msgspec.Struct, frozen=True):
    """`payload` is None if it was too long to be stored, or the record was dismissed. `fixed` is the text that staff
    replayed instead. `size` is in bytes.
    """

    id: int
    cause: UUID
    kind: Kind
    api_key: int
    sender: str
    hint: str
    record: str | None
    field: str
    message: str
    payload: str | None
    size: int
    times: int
    first_at: datetime
    last_at: datetime
    resolution: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    fixed: str | None


class ReplayTotals(msgspec.Struct):
    """Counts of records. `left` are those that one request does not reach."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    left: int = 0


async def find_rejected_record(tenant: Tenant, id_: int) -> RejectedRecord | None:
    query = LOAD.bind(tenant.schema, id=id_)
    async with connection() as db:
        row = await db.fetchrow(query.sql, *query.args)
    return RejectedRecord(**row) if row else None


async def replay_record(tenant: Tenant, record: RejectedRecord, text: str) -> BatchResult:
    """`text` is the record's payload or a corrected one. Resolves the record unless it is rejected again.

    Raises CostOverflowError, DatabaseUnavailable.
    """
    result = await ingest_again(tenant, record.kind, record.api_key, [text.encode()])
    if not result.rejected:
        await resolve(tenant, [record.id], None if text == record.payload else text)
    elif text == record.payload:
        await reject_again(tenant, record.kind, record.api_key, [(record.id, result.rejected[0])])
    return result


async def replay_cause(tenant: Tenant, cause: UUID) -> ReplayTotals:
    """Replays the open records of a cause as they were sent, at most MAX_REPLAYED, the oldest first.

    Raises CostOverflowError, DatabaseUnavailable: then those before are replayed.
    """
    totals, last = ReplayTotals(), 0
    for _ in range(MAX_REPLAYED // BATCH):
        query = LOAD_OPEN.bind(tenant.schema, cause=cause, after=last, most=BATCH)
        async with connection() as db:
            rows = await db.fetch(query.sql, *query.args)
        if not rows:
            return totals
        kind, api_key, last = rows[0]["kind"], rows[0]["token"], rows[-1]["id"]
        result = await ingest_again(tenant, kind, api_key, [row["payload"].encode() for row in rows])
        again = {rejection.index: rejection for rejection in result.rejected}
        await resolve(tenant, [row["id"] for n, row in enumerate(rows) if n not in again])
        await reject_again(tenant, kind, api_key, [(rows[n]["id"], rejection) for n, rejection in again.items()])
        totals.accepted += result.accepted
        totals.duplicates += result.duplicates
        totals.rejected += len(again)
    query = COUNT_OPEN.bind(tenant.schema, cause=cause, after=last)
    async with connection() as db:
        totals.left = await db.fetchval(query.sql, *query.args)
    return totals


async def dismiss(tenant: Tenant, *, record: int | None = None, cause: UUID | None = None) -> int:
    """Resolves a record, or all open ones of a cause, without replaying it, and deletes its text. Returns how many."""
    async with transaction() as db:
        ids = await lock_open(db, tenant, [] if record is None else [record], cause)
        query = DISMISS.bind(tenant.schema, ids=ids, now=datetime.now(UTC), by=actor_name())
        await db.execute(query.sql, *query.args)
    return len(ids)


async def ingest_again(tenant: Tenant, kind: Kind, api_key: int, records: Sequence[Record]) -> BatchResult:
    result = await INGEST[kind](tenant, records, api_key)
    count_records(kind, result.accepted, result.duplicates, 0)
    return result


INGEST: dict[str, Callable[[Tenant, Sequence[Record], int], Awaitable[BatchResult]]] = {
    "conversions": lambda tenant, records, api_key: ingest_conversions(
        tenant, records, datetime.now(UTC), api_key, replay=True
    ),
    "events": lambda tenant, records, api_key: ingest_events(tenant, records, datetime.now(UTC), api_key, replay=True),
    "offers": lambda tenant, records, api_key: ingest_offers(tenant, records, api_key, replay=True),
    "partners": lambda tenant, records, api_key: ingest_partners(tenant, records, api_key, replay=True),
}


async def resolve(tenant: Tenant, ids: Sequence[int], fixed: str | None = None) -> None:
    """As replayed, by the current actor."""
    if ids:
        async with transaction() as db:
            locked = await lock_open(db, tenant, ids)
            query = RESOLVE.bind(tenant.schema, ids=locked, now=datetime.now(UTC), by=actor_name(), fixed=fixed)
            await db.execute(query.sql, *query.args)


async def reject_again(tenant: Tenant, kind: str, api_key: int, rejected: Sequence[tuple[int, Rejection]]) -> None:
    """The records stay open, with the reasons for which they are rejected now."""
    if not rejected:
        return
    query = REJECT_AGAIN.bind(
        tenant.schema,
        ids=[id_ for id_, _ in rejected],
        causes=[cause_of(kind, api_key, one) for _, one in rejected],
        fields=[one.field[:MAX_FIELD] for _, one in rejected],
        messages=[one.message for _, one in rejected],
        reasons=[reason_of(one.message) for _, one in rejected],
    )
    async with transaction() as db:
        await lock_open(db, tenant, [id_ for id_, _ in rejected])
        await db.execute(query.sql, *query.args)


async def lock_open(db: Connection, tenant: Tenant, ids: Sequence[int], cause: UUID | None = None) -> list[int]:
    """Those of the records, and of the cause's, that are open. They stay locked until the end of the transaction."""
    query = LOCK.bind(tenant.schema, ids=ids, cause=cause)
    return [row["id"] for row in await db.fetch(query.sql, *query.args)]


def actor_name() -> str | None:
    actor = current_actor()
    return actor.name if actor else None
