"""Counts of open tasks, each with the URL of its list."""

import msgspec

from admin.catalogue_lists import NO_API_KEY, NO_USER
from database.pool import connection
from singular.requirements import FLAWED
from tenants.tenant import Tenant

MOST = 1_000  # the highest count
FLAWED_OFFERS = "{s}.offer o JOIN {s}.advertiser a ON a.id = o.advertiser"
TASKS = [  # one, several, the list, and SQL for its rows
    ("rejected record is waiting", "rejected records are waiting", "/staff/intake/rejected",
     "{s}.rejected_record r WHERE r.resolved_at IS NULL"),
    ("offer lacks data that Singular needs", "offers lack data that Singular needs", "/staff/offers?missing=singular",
     f"{FLAWED_OFFERS} WHERE a.singular_enabled AND o.status = 'active' AND ({FLAWED.format(o='o')})"),
    ("advertiser has no user", "advertisers have no user", "/staff/advertisers?missing=users",
     f"{{s}}.advertiser t WHERE t.status = 'active' AND {NO_USER}"),
    ("advertiser has no API key", "advertisers have no API key", "/staff/advertisers?missing=keys",
     f"{{s}}.advertiser t WHERE t.status = 'active' AND {NO_API_KEY}"),
]  # fmt: skip


class TaskCount(msgspec.Struct, frozen=True):
    """`count` is at most MOST, which then means “or more”."""

    count: int
    text: str
    href: str

    @property
    def number(self) -> str:
        return f"{self.count:,}" + ("+" if self.count == MOST else "")


async def read_task_counts(tenant: Tenant) -> list[TaskCount]:
    """The counts that are not zero."""
    counts = ", ".join(
        f"(SELECT count(*) FROM (SELECT FROM {rows.replace('{s}', tenant.schema)} LIMIT {MOST}) found)"
        for _, _, _, rows in TASKS
    )
    async with connection() as db:
        row = await db.fetchrow(f"SELECT {counts}")
    assert row is not None
    return [
        TaskCount(count, one if count == 1 else many, href)
        for count, (one, many, href, _) in zip(row.values(), TASKS, strict=True)
        if count
    ]
