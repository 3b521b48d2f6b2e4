"""Deletes expired rows of the intake log, sessions, one-time links and login attempts. See `docs/data-model.md`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from auth.users import login_throttle
from database.pool import connection
from database.sql import SqlFile
from ingest.intake_log import delete_batches_before
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql" / "cleanup.sql"
DELETE_SESSIONS = SqlFile(SQL, "delete_sessions")
DELETE_LINKS = SqlFile(SQL, "delete_links")
DELETE_ATTEMPTS = SqlFile(SQL, "delete_attempts")

INTAKE_LOG_RETENTION = timedelta(days=90)
LINK_RETENTION = timedelta(days=90)  # after a link expires


async def clean_tenant(tenant: Tenant, now: datetime) -> Mapping[str, int]:
    deleted = await delete_expired_logins(tenant.schema, now)
    return deleted | {"batches_deleted": await delete_batches_before(tenant.schema, now - INTAKE_LOG_RETENTION)}


async def clean_platform(now: datetime) -> Mapping[str, int]:
    return await delete_expired_logins("public", now)


async def delete_expired_logins(schema: str, now: datetime) -> dict[str, int]:
    queries = {
        "sessions_deleted": DELETE_SESSIONS.bind(schema, before=now),
        "links_deleted": DELETE_LINKS.bind(schema, before=now - LINK_RETENTION),
        "attempts_deleted": DELETE_ATTEMPTS.bind(schema, before=now - login_throttle.OLD),
    }
    async with connection() as db:
        return {
            name: int((await db.execute(query.sql, *query.args)).removeprefix("DELETE "))
            for name, query in queries.items()
        }
