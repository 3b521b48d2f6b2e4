"""Deletes expired rows of the intake log, sessions, one-time links and login attempts. See `docs/data-model.md`."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from auth.users import login_throttle
from database.pool import connection
from ingest.intake_log import delete_batches_before
from tenants.tenant import Tenant

INTAKE_LOG_RETENTION = timedelta(days=90)
LINK_RETENTION = timedelta(days=90)  # after a link expires


async def clean_tenant(tenant: Tenant, now: datetime) -> Mapping[str, int]:
    deleted = await delete_expired_logins(tenant.schema, now)
    return deleted | {"batches_deleted": await delete_batches_before(tenant.schema, now - INTAKE_LOG_RETENTION)}


async def clean_platform(now: datetime) -> Mapping[str, int]:
    return await delete_expired_logins("public", now)


async def delete_expired_logins(schema: str, now: datetime) -> dict[str, int]:
    async with connection() as db:
        statuses = {
            "sessions": await db.execute(f"DELETE FROM {schema}.session WHERE expires_at <= $1", now),
            "links": await db.execute(
                f"DELETE FROM {schema}.one_time_link WHERE expires_at <= $1", now - LINK_RETENTION
            ),
            "attempts": await db.execute(
                f"""
                DELETE FROM {schema}.sign_in_attempt WHERE key IN (
                    SELECT key FROM {schema}.sign_in_attempt WHERE since < $1 FOR UPDATE SKIP LOCKED
                )
                """,
                now - login_throttle.OLD,
            ),
        }
    return {f"{name}_deleted": int(status.removeprefix("DELETE ")) for name, status in statuses.items()}
