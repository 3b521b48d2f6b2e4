"""The monthly partitions of the event ledger. Each has a unique index on the event id.

A background job creates next month's partition for tenants with regular events; otherwise the first event creates it.
"""

import asyncio
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

from catalog.tenants import GokartTenant
from core.errors import GokartError
from core.timestamps import EPOCH, midnight
from database.pool import Connection, connection
from ingest.batches import intake_transaction
from ingest.intake_log import delete_batches_before
from settings import settings
from tenants.cache import TRUST_SECONDS
from tenants.tenant import Tenant

CREATE_FROM_DAY = 20  # of the month before: leaves ten days to fix a failure
DROP_LOCK_TIMEOUT = "2s"  # while a drop waits, no event of any month can be inserted

_created_months: set[tuple[UUID, date]] = set()


class MonthDroppedError(GokartError):
    """A month was dropped after the batch's tenant was loaded, which may be long before its body is read."""


async def ensure_months(db: Connection, tenant: Tenant, days: Iterable[date]) -> None:
    """Creates missing partitions, outside of the transaction that inserts events. Raises MonthDroppedError."""
    for month in sorted({day.replace(day=1) for day in days}):
        if (tenant.id, month) not in _created_months:
            await create_month(db, tenant.schema, month)
            _created_months.add((tenant.id, month))


def forget_months(tenant: Tenant) -> None:
    """Checks the tenant's partitions again, because one is missing."""
    _created_months.difference_update([one for one in _created_months if one[0] == tenant.id])


async def create_next_month(tenant: Tenant, now: datetime) -> bool:
    """Late in a month, creates the next one if the tenant has had events in this one. True if it was created."""
    this = now.date().replace(day=1)
    if now.day < CREATE_FROM_DAY:
        return False
    async with connection() as db:
        if await db.fetchval("SELECT to_regclass($1)", f"{tenant.schema}.event_{this:%Y_%m}") is None:
            return False
        return await create_month(db, tenant.schema, next_month(this))


async def create_month(db: Connection, schema: str, month: date) -> bool:
    """False if it exists. Raises MonthDroppedError: a dropped month that is created again counts events twice."""
    name = f"event_{month:%Y_%m}"
    async with intake_transaction(db, None):
        await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{schema}.{name}")
        if await db.fetchval("SELECT to_regclass($1)", f"{schema}.{name}"):
            return False
        if await db.fetchval("SELECT pruned_before > $1 FROM tenant WHERE schema = $2", midnight(month), schema):
            raise MonthDroppedError
        # ATTACH, unlike CREATE … PARTITION OF, does not block other transactions that insert events.
        # Citus does not accept several of these statements in one text.
        await db.execute(f"CREATE TABLE {schema}.{name} (LIKE {schema}.event)")
        await db.execute(f"CREATE UNIQUE INDEX ON {schema}.{name} (id)")
        await db.execute(
            f"""
            ALTER TABLE {schema}.event ATTACH PARTITION {schema}.{name}
                FOR VALUES FROM ('{midnight(month)}') TO ('{midnight(next_month(month))}')
            """
        )
    return True


def oldest_accepted(tenant: Tenant, now: datetime) -> datetime:
    """The oldest time of an event that is ingested."""
    return max(oldest_retained(tenant, now), midnight(settings.oldest_event_date))


def oldest_retained(tenant: Tenant, now: datetime) -> datetime:
    """Before this time the ledger may have been pruned, so a repeated event would be counted twice."""
    assert isinstance(tenant, GokartTenant)
    days = settings.event_retention_days
    return max(tenant.pruned_before or EPOCH, now - timedelta(days=days) if days else EPOCH)


async def drop_old_months(tenant: Tenant, now: datetime) -> list[str]:
    """Drops the months of which no event is accepted any more, and the intake log of that age. Returns the tables.

    Reports do not change. First records `pruned_before` and waits until every worker has reloaded the tenant, so that
    no worker accepts such events, whatever its own setting is.
    """
    oldest = oldest_retained(tenant, now).date().replace(day=1)
    async with connection() as db:
        rows = await db.fetch(
            "SELECT relid::regclass::text AS name FROM pg_partition_tree($1::regclass) WHERE isleaf AND level = 1",
            f"{tenant.schema}.event",
        )
        names = sorted(row["name"] for row in rows if month_of(row["name"]) < oldest)
        if names:
            await db.execute("UPDATE tenant SET pruned_before = $1 WHERE id = $2", midnight(oldest), tenant.id)
            await asyncio.sleep(TRUST_SECONDS)
        for name in names:
            async with db.transaction():
                await db.execute(f"SET LOCAL lock_timeout = '{DROP_LOCK_TIMEOUT}'")
                await db.execute(f"DROP TABLE IF EXISTS {name}")
    await delete_batches_before(tenant.schema, midnight(oldest))
    return names


def month_of(table: str) -> date:
    year, month = table.rsplit("_", 2)[-2:]
    return date(int(year), int(month), 1)


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
