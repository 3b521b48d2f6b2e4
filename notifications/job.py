"""The background job that finds what users are told about, and sends the emails."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from database.pool import Connection, connection
from database.sql import SqlFile
from notifications.emails import send_notifications
from notifications.findings import (
    find_changed_final_days,
    find_expiring_keys,
    find_stopped_data,
    find_stopped_singular,
    read_notified_advertisers,
)
from notifications.kinds import NotifiedAdvertiser
from notifications.service import notify
from notifications.spend import find_unusual_spend
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql" / "notifications.sql"
PROGRESS = SqlFile(SQL, "progress")
CLAIM_PROGRESS = SqlFile(SQL, "claim_progress")
RECORD_PROGRESS = SqlFile(SQL, "record_progress")

COMMITTED_AFTER = timedelta(minutes=15)  # longer than any transaction of intake takes to commit


async def notify_tenant(tenant: Tenant, now: datetime) -> Mapping[str, int]:
    """Idempotent, and safe to run twice at once."""
    if tenant.suspended:
        return {}
    async with connection() as db:
        created = await find_and_notify(db, tenant.schema, now)
    return {"notifications_created": created, "emails_sent": await send_notifications(tenant, now)}


async def find_and_notify(db: Connection, schema: str, now: datetime) -> int:
    advertisers = await read_notified_advertisers(db, schema)
    if not advertisers:
        return 0
    progress = PROGRESS.bind(schema)
    last_run = await db.fetchval(progress.sql, *progress.args) + COMMITTED_AFTER
    created = 0
    for find in find_expiring_keys, find_stopped_singular, find_stopped_data:
        created += await notify(db, schema, await find(db, schema, advertisers, now), now)
    created += await notify(db, schema, await find_unusual_spend(db, schema, advertisers, last_run, now), now)
    return created + await notify_of_final_days(db, schema, advertisers, now)


async def notify_of_final_days(
    db: Connection, schema: str, advertisers: list[NotifiedAdvertiser], now: datetime
) -> int:
    """Of changes since the last run: one transaction, so that each change is told once. The last step of a run, because
    it records that the run was complete.
    """
    until = now - COMMITTED_AFTER
    claim, record = CLAIM_PROGRESS.bind(schema), RECORD_PROGRESS.bind(schema, until=until)
    async with db.transaction():
        since = await db.fetchval(claim.sql, *claim.args)
        if since >= until:
            return 0
        created = await notify(db, schema, await find_changed_final_days(db, schema, advertisers, since, until), now)
        await db.execute(record.sql, *record.args)
    return created
