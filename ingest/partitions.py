"""The event ledger's months. Each is unique by event id; one is made when its first event comes."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from database.pool import Connection, connection
from ingest.calls import taking
from instants import EPOCH
from settings import settings
from tenants.changes import TRUSTED_FOR
from tenants.current import Tenant

_made: set[tuple[UUID, date]] = set()  # never dropped while events of that month are still taken


async def ensure_months(db: Connection, tenant: Tenant, days: Iterable[date]) -> None:
    """Outside of the transaction that takes the events in: waits for nobody who does."""
    for month in sorted({day.replace(day=1) for day in days}):
        if (tenant.id, month) not in _made:
            await make_month(db, tenant.schema, month)
            _made.add((tenant.id, month))


async def make_month(db: Connection, schema: str, month: date) -> None:
    name = f"event_{month:%Y_%m}"
    async with taking(db, None):
        await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{schema}.{name}")
        if await db.fetchval("SELECT to_regclass($1)", f"{schema}.{name}"):
            return
        # ATTACH, unlike CREATE … PARTITION OF, lets other transactions go on writing events meanwhile.
        await db.execute(
            f"""
            CREATE TABLE {schema}.{name} (LIKE {schema}.event);
            CREATE UNIQUE INDEX ON {schema}.{name} (id);
            ALTER TABLE {schema}.event ATTACH PARTITION {schema}.{name}
                FOR VALUES FROM ('{midnight(month)}') TO ('{midnight(next_month(month))}');
            """
        )


def oldest_taken(tenant: Tenant, now: datetime) -> datetime:
    """Before this the ledger has been pruned, or may be at any time: a repeated event would be counted twice."""
    days = settings.event_retention_days
    return max(tenant.pruned_before or EPOCH, now - timedelta(days=days) if days else EPOCH)


async def prune_tenant(tenant: Tenant, now: datetime) -> list[str]:
    """Drops the months of which no event is taken any more, and the log of calls of that age; no report changes by it.
    Returns the months' tables.

    First the tenant remembers what it has forgotten, and every worker hears of it, whatever its own setting is.
    """
    oldest = oldest_taken(tenant, now).date().replace(day=1)
    async with connection() as db:
        rows = await db.fetch(
            "SELECT relid::regclass::text AS name FROM pg_partition_tree($1::regclass) WHERE isleaf AND level = 1",
            f"{tenant.schema}.event",
        )
        names = sorted(row["name"] for row in rows if month_of(row["name"]) < oldest)
        if names:
            await db.execute("UPDATE tenant SET pruned_before = $1 WHERE id = $2", midnight(oldest), tenant.id)
            await asyncio.sleep(TRUSTED_FOR)
        for name in names:
            await db.execute(f"DROP TABLE {name}")
        # All but the last call, whose time every report tells.
        await db.execute(
            f"""
            DELETE FROM {tenant.schema}.intake
            WHERE received_at < $1 AND received_at < (SELECT max(received_at) FROM {tenant.schema}.intake)
            """,
            midnight(oldest),
        )
    return names


def month_of(table: str) -> date:
    year, month = table.rsplit("_", 2)[-2:]
    return date(int(year), int(month), 1)


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
