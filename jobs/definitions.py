"""The background jobs: each runs at every tenant in turn, and some once for the platform."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import msgspec

from ingest.partitions import create_next_month, drop_old_months
from jobs.cleanup import clean_platform, clean_tenant
from jobs.retention import delete_old_quarters
from notifications.job import notify_tenant
from saved_views.emails import send_saved_views
from settings import settings
from tenants.tenant import Tenant

DEFAULT_INTERVAL = timedelta(seconds=settings.tasks_every)
EMAIL_INTERVAL = timedelta(seconds=min(settings.tasks_every, settings.notifications_every))

Counts = Mapping[str, int]  # for the log: what was done, and how often


class Job(msgspec.Struct, frozen=True):
    """Both functions are idempotent and safe to run twice at once, because another process may take over a run.

    They receive the time of the database's clock. `interval` is from one start to the next.
    """

    name: str
    summary: str
    run_at_tenant: Callable[[Tenant, datetime], Awaitable[Counts]]
    run_at_platform: Callable[[datetime], Awaitable[Counts]] | None = None
    interval: timedelta = DEFAULT_INTERVAL


async def create_months(tenant: Tenant, now: datetime) -> Counts:
    return {"months_created": 0 if tenant.suspended else int(await create_next_month(tenant, now))}


async def drop_months(tenant: Tenant, now: datetime) -> Counts:
    if settings.event_retention_days is None:
        return {}
    return {"months_dropped": len(await drop_old_months(tenant, now))}


JOBS = {
    job.name: job
    for job in [
        Job("create-months", "creates next month's partition of the event ledger", create_months),
        Job("drop-months", "drops partitions older than GOKART_EVENT_RETENTION_DAYS", drop_months),
        Job("quarters", "deletes quarter-hour buckets older than GOKART_QUARTER_RETENTION_DAYS", delete_old_quarters),
        Job("cleanup", "deletes old logs, login attempts, links, sessions and dumps", clean_tenant, clean_platform),
        Job(
            "notifications",
            "finds what advertiser users are told about, and sends emails",
            notify_tenant,
            interval=EMAIL_INTERVAL,
        ),
        Job("saved-views", "sends saved views by email", send_saved_views, interval=EMAIL_INTERVAL),
    ]
}
INTERVALS = {name: job.interval for name, job in JOBS.items()}
