"""What is of no use any more, and would only grow: `docs/data-model.md` has the ages."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from auth.users import login_throttle
from database.pool import connection
from jobs.chunks import delete_in_chunks
from tenants.tenant import Tenant

CALLS_KEPT = timedelta(days=90)
LINKS_KEPT = timedelta(days=90)  # after they have expired
CALLS_AT_ONCE = 1_000  # each may have as many rejects, which go with it


async def clear_tenant(tenant: Tenant, now: datetime) -> Mapping[str, int]:
    return await clear_people(tenant.schema, now) | {"calls_deleted": await clear_calls(tenant.schema, now)}


async def clear_platform(now: datetime) -> Mapping[str, int]:
    return await clear_people("public", now)


async def clear_people(schema: str, now: datetime) -> dict[str, int]:
    async with connection() as db:
        done = {
            "sessions": await db.execute(f"DELETE FROM {schema}.session WHERE expires_at <= $1", now),
            "links": await db.execute(f"DELETE FROM {schema}.one_time_link WHERE expires_at <= $1", now - LINKS_KEPT),
            "attempts": await db.execute(
                f"""
                DELETE FROM {schema}.sign_in_attempt WHERE key IN (
                    SELECT key FROM {schema}.sign_in_attempt WHERE since < $1 FOR UPDATE SKIP LOCKED
                )
                """,
                now - login_throttle.OLD,
            ),
        }
    return {f"{name}_deleted": int(status.removeprefix("DELETE ")) for name, status in done.items()}


async def clear_calls(schema: str, now: datetime) -> int:
    """All but the last, whose time every report tells."""
    return await delete_in_chunks(
        f"""
        DELETE FROM {schema}.intake WHERE id IN (
            SELECT id FROM {schema}.intake
            WHERE received_at < $1 AND received_at < (SELECT max(received_at) FROM {schema}.intake)
            ORDER BY received_at LIMIT $2
        )
        """,
        now - CALLS_KEPT,
        most=CALLS_AT_ONCE,
    )
