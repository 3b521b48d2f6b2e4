"""Deletes expired rows of logs, sessions, one-time links and login attempts, and old dumps. `docs/operations.md` lists
what is deleted when.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from auth.api_keys.request_log import delete_requests_before
from auth.users import login_throttle
from database.chunked_delete import delete_in_chunks
from database.pool import connection
from database.sql import SqlFile
from ingest.intake_log import delete_batches_before
from ingest.rejected_records import delete_rejected_records_before
from notifications.service import delete_notifications_before
from settings import settings
from tenants.lifecycle import delete_dumps_before
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql" / "cleanup.sql"
DELETE_SESSIONS = SqlFile(SQL, "delete_sessions")
DELETE_LINKS = SqlFile(SQL, "delete_links")
DELETE_ATTEMPTS = SqlFile(SQL, "delete_attempts")
FORGET_HISTORY = SqlFile(SQL, "forget_history")
DELETE_RESTATEMENTS = SqlFile(SQL, "delete_restatements")
DELETE_STATES = SqlFile(SQL, "delete_states")
DELETE_PULLS = SqlFile(SQL, "delete_pulls")
DELETE_AUDIT_ENTRIES = SqlFile(SQL, "delete_audit_entries")


async def clean_tenant(tenant: Tenant, now: datetime) -> Mapping[str, int]:
    oldest = now - timedelta(days=settings.log_retention_days)
    return {
        **await delete_expired_logins(tenant.schema, now),
        **await delete_audit_entries(tenant.schema, now),
        **await delete_history(tenant.schema, now),
        "batches_deleted": await delete_batches_before(tenant.schema, oldest),
        "rejected_records_deleted": await delete_rejected_records_before(tenant.schema, oldest),
        "requests_deleted": await delete_requests_before(
            tenant.schema, now - timedelta(days=settings.request_retention_days)
        ),
        "singular_requests_deleted": await delete_in_chunks(DELETE_PULLS, tenant.schema, before=oldest),
        "notifications_deleted": await delete_notifications_before(tenant.schema, oldest),
    }


async def clean_platform(now: datetime) -> Mapping[str, int]:
    deleted = {**await delete_expired_logins("public", now), **await delete_audit_entries("public", now)}
    if settings.dump_retention_days is not None:
        deleted["dumps_deleted"] = delete_dumps_before(now - timedelta(days=settings.dump_retention_days))
    return deleted


async def delete_audit_entries(schema: str, now: datetime) -> dict[str, int]:
    if settings.audit_retention_days is None:
        return {}
    before = now - timedelta(days=settings.audit_retention_days)
    allow = {"gokart.audit_log": "expire"}
    return {"audit_entries_deleted": await delete_in_chunks(DELETE_AUDIT_ENTRIES, schema, local=allow, before=before)}


async def delete_history(schema: str, now: datetime) -> dict[str, int]:
    """Of figures and of conversions. What it deletes expired a day ago, so that no report as of an earlier time loses
    changes while it is being made.
    """
    if settings.history_retention_days is None:
        return {}
    since = now - timedelta(days=settings.history_retention_days)
    forget = FORGET_HISTORY.bind(schema, since=since)
    async with connection() as db:
        await db.execute(forget.sql, *forget.args)
    before = since - timedelta(days=1)
    return {
        "changes_deleted": await delete_in_chunks(DELETE_RESTATEMENTS, schema, before=before),
        "states_deleted": await delete_in_chunks(DELETE_STATES, schema, before=before),
    }


async def delete_expired_logins(schema: str, now: datetime) -> dict[str, int]:
    queries = {
        "sessions_deleted": DELETE_SESSIONS.bind(schema, before=now),
        "links_deleted": DELETE_LINKS.bind(schema, before=now - timedelta(days=settings.log_retention_days)),
        "attempts_deleted": DELETE_ATTEMPTS.bind(schema, before=now - login_throttle.OLD),
    }
    async with connection() as db:
        return {
            name: int((await db.execute(query.sql, *query.args)).removeprefix("DELETE "))
            for name, query in queries.items()
        }
