"""Deletes old quarter-hour buckets, which are most of the roll-ups. Days and months are kept.

It takes two runs. The first records the day before which the tenant keeps no quarters (`tenant.thinned_before`); from
then on reports widen their ranges accordingly. A later run deletes the rows, when every request that started before all
workers knew that day has finished. Rows that intake adds there afterwards are never read; the next run deletes them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from core.timestamps import midnight
from database.chunked_delete import delete_in_chunks
from database.pool import connection
from settings import settings
from tenants.tenant import Tenant

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
    """Skips rows that intake has locked; the next run deletes them."""
    deleted = 0
    for offer in await offers_with_quarters(schema, before):
        deleted += await delete_in_chunks(
            f"""
            DELETE FROM {schema}.by_quarter q USING (
                SELECT offer, bucket, partner FROM {schema}.by_quarter WHERE offer = $1 AND bucket < $2
                ORDER BY bucket, partner LIMIT $3 FOR UPDATE SKIP LOCKED
            ) AS old
            WHERE (q.offer, q.bucket, q.partner) = (old.offer, old.bucket, old.partner)
            """,
            offer,
            before,
        )
    return deleted


async def announce(tenant: Tenant, before: datetime, now: datetime) -> None:
    """Records that the tenant keeps no quarters before that day, if it has any there. The day never moves back."""
    if await offers_with_quarters(tenant.schema, before, limit=1):
        async with connection() as db:
            await db.execute(
                """
                UPDATE tenant SET thinned_before = $2, thinned_since = $3
                WHERE id = $1 AND (thinned_before IS NULL OR thinned_before < $2)
                """,
                tenant.id,
                before,
                now,
            )


async def offers_with_quarters(schema: str, before: datetime, *, limit: int | None = None) -> list[int]:
    """One index look-up per offer, because by_quarter has no index by time alone."""
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT key FROM {schema}.offer o CROSS JOIN LATERAL (
                SELECT 1 FROM {schema}.by_quarter WHERE offer = o.key AND bucket < $1 LIMIT 1
            ) AS q
            ORDER BY key LIMIT $2
            """,
            before,
            limit,
        )
    return [row["key"] for row in rows]
