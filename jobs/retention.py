"""Deletes old quarter-hour buckets, which are most of the roll-ups. Days and months are kept.

It takes two runs. The first records the day before which the tenant keeps no quarters (`tenant.thinned_before`); from
then on reports widen their ranges accordingly. A later run deletes the rows, when every request that started before all
workers knew that day has finished. Rows that intake adds there afterwards are never read; the next run deletes them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from core.timestamps import midnight
from database.chunked_delete import delete_in_chunks
from database.pool import connection
from database.sql import SqlFile
from settings import settings
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql" / "retention.sql"
OFFERS_WITH_QUARTERS = SqlFile(SQL, "offers_with_quarters")
DELETE_QUARTERS = SqlFile(SQL, "delete_quarters")
ANNOUNCE = SqlFile(SQL, "announce")

# Longer than any request can take from its start until it has read its figures.
READERS_FINISHED_AFTER = timedelta(minutes=10, seconds=10 * (settings.database_wait + settings.report_timeout))


async def delete_old_quarters(tenant: Tenant, now: datetime) -> Mapping[str, int]:
    """The quarters of a day are deleted about one run after the day is GOKART_QUARTER_RETENTION_DAYS old."""
    async with connection() as db:
        row = await db.fetchrow("SELECT thinned_before, thinned_since FROM tenant WHERE id = $1", tenant.id)
    if row is None:
        return {}  # the tenant was deleted meanwhile
    deleted = 0
    if row["thinned_since"] and row["thinned_since"] <= now - READERS_FINISHED_AFTER:
        deleted = await delete_quarters_before(tenant.schema, row["thinned_before"])
    if settings.quarter_retention_days is not None:
        await announce(tenant, midnight((now - timedelta(days=settings.quarter_retention_days)).date()), now)
    return {"quarters_deleted": deleted}


async def delete_quarters_before(schema: str, before: datetime) -> int:
    offers = await offers_with_quarters(schema, before)
    return sum([await delete_in_chunks(DELETE_QUARTERS, schema, offer=offer, before=before) for offer in offers])


async def announce(tenant: Tenant, before: datetime, now: datetime) -> None:
    """Records that the tenant keeps no quarters before that day, if it has any there."""
    if await offers_with_quarters(tenant.schema, before, limit=1):
        query = ANNOUNCE.bind(tenant.schema, tenant=tenant.id, before=before, now=now)
        async with connection() as db:
            await db.execute(query.sql, *query.args)


async def offers_with_quarters(schema: str, before: datetime, *, limit: int | None = None) -> list[int]:
    """Surrogate ids, in order."""
    query = OFFERS_WITH_QUARTERS.bind(schema, before=before, limit=limit)
    async with connection() as db:
        return [row["key"] for row in await db.fetch(query.sql, *query.args)]
