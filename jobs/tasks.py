"""What is done regularly, at one tenant after the other."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import msgspec

from ingest.partitions import make_ahead, prune_tenant
from jobs.cleanup import clear_platform, clear_tenant
from jobs.retention import thin
from settings import settings
from tenants.tenant import Tenant

Done = Mapping[str, int]  # how many of what


class Task(msgspec.Struct, frozen=True):
    """Both parts may be done again, and by two processes at once: a run may be taken over from one that seems dead.

    They are given the database's clock, and tell what they have done.
    """

    name: str
    summary: str
    at_tenant: Callable[[Tenant, datetime], Awaitable[Done]]
    at_platform: Callable[[datetime], Awaitable[Done]] | None = None


async def make_months(tenant: Tenant, now: datetime) -> Done:
    return {"months_made": 0 if tenant.suspended else int(await make_ahead(tenant, now))}


async def drop_months(tenant: Tenant, now: datetime) -> Done:
    if settings.event_retention_days is None:
        return {}
    return {"months_dropped": len(await prune_tenant(tenant, now))}


TASKS = {
    task.name: task
    for task in [
        Task("make-months", "makes the ledger's next month", make_months),
        Task("drop-months", "drops what is beyond GOKART_EVENT_RETENTION_DAYS from the ledger", drop_months),
        Task("thin", "deletes quarters of an hour beyond GOKART_QUARTER_RETENTION_DAYS", thin),
        Task("clear", "deletes old logs of calls, attempts, links and sessions", clear_tenant, clear_platform),
    ]
}
