"""Notifications of the demo's users, as if the background job had run every day, and a saved view."""

from datetime import datetime, timedelta

from database.pool import connection
from demo.people import ANNA
from notifications.job import find_and_notify
from tenants.tenant import Tenant, bound_to

DAYS = 30
READ_UNTIL = timedelta(days=7)  # before now


async def make_notifications(tenant: Tenant, now: datetime) -> None:
    """None is sent by email later. The demo's history is not a change to final days."""
    with bound_to(tenant):
        async with connection() as db, db.transaction():
            await db.execute(f"UPDATE {tenant.schema}.notification_progress SET final_days_until = $1", now)
            for days in range(DAYS, -1, -1):
                await find_and_notify(db, tenant.schema, now - timedelta(days=days))
            await db.execute(
                f"""
                UPDATE {tenant.schema}.notification
                SET email = false,
                    read_at = CASE WHEN created_at < $1 THEN coalesce(read_at, created_at) ELSE read_at END
                """,
                now - READ_UNTIL,
            )


async def make_saved_view(tenant: Tenant) -> None:
    """Of Anna, unless she has one with this name."""
    async with connection() as db:
        await db.execute(
            f"""
            INSERT INTO {tenant.schema}.saved_view (login, advertiser, sent_for, schedule, name, query)
            SELECT id, advertiser, current_date, 'weekly', $2::text, $3 FROM {tenant.schema}.advertiser_login u
            WHERE email = $1 AND NOT EXISTS (
                SELECT FROM {tenant.schema}.saved_view v WHERE v.login = u.id AND v.name = $2::text
            )
            """,
            ANNA.email,
            "Partners by week",
            "period=last_90_days&group=week&by=partner",
        )
