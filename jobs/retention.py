"""Quarters of an hour, which are most of the roll-ups, are deleted when they are old. Days and months stay.

In two steps, in two runs: first the tenant says before which day it keeps none (`tenant.thinned_before`), and reports
go by that from then on (`reporting.thinning`). What was before it is deleted by a later run, when no request is left
that began before every worker had heard. What intake writes there meanwhile or afterwards nobody reads, and the next
run deletes it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from core.timestamps import midnight
from database.pool import connection
from jobs.chunks import delete_in_chunks
from settings import settings
from tenants.tenant import Tenant

# Longer than a request may wait, in all its turns, until it reads what it was going to when it began.
SETTLED = timedelta(minutes=10, seconds=10 * (settings.database_wait + settings.report_timeout))


async def thin(tenant: Tenant, now: datetime) -> Mapping[str, int]:
    """A day's quarters are gone once it is GOKART_QUARTER_RETENTION_DAYS and about one run old."""
    async with connection() as db:
        said = await db.fetchrow("SELECT thinned_before, thinned_since FROM tenant WHERE id = $1", tenant.id)
    if said is None:
        return {}  # it has just been deleted
    deleted = 0
    if said["thinned_since"] and said["thinned_since"] <= now - SETTLED:
        deleted = await delete(tenant.schema, said["thinned_before"])
    if settings.quarter_retention_days is not None:
        await say(tenant, midnight((now - timedelta(days=settings.quarter_retention_days)).date()), now)
    return {"quarters_deleted": deleted}


async def delete(schema: str, before: datetime) -> int:
    """Rows that intake is changing are left for the next time."""
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


async def say(tenant: Tenant, before: datetime, now: datetime) -> None:
    """Where there is nothing to delete nothing is said, since no report needs it. It is never taken back."""
    if await offers_with_quarters(tenant.schema, before, most=1):
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


async def offers_with_quarters(schema: str, before: datetime, *, most: int | None = None) -> list[int]:
    """By a look into the index for each offer: there is none by time alone."""
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT key FROM {schema}.offer o CROSS JOIN LATERAL (
                SELECT 1 FROM {schema}.by_quarter WHERE offer = o.key AND bucket < $1 LIMIT 1
            ) AS q
            ORDER BY key LIMIT $2
            """,
            before,
            most,
        )
    return [row["key"] for row in rows]
