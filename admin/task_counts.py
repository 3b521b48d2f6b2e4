"""Counts of open tasks, each with the URL of the list that has as many rows."""

import msgspec

from admin.catalogue_lists import ADVERTISER_LIST_MISSING, OFFER_LIST_MISSING
from database.pool import connection
from tenants.tenant import Tenant

MOST = 1_000  # the highest count
ADVERTISERS_MISSING = {
    name: f"{{s}}.advertiser t WHERE t.status = 'active' AND ({condition})"
    for name, (_, condition) in ADVERTISER_LIST_MISSING.items()
}
OFFERS_LACKING_DATA = f"""{{s}}.offer t JOIN {{s}}.advertiser a ON a.id = t.advertiser
    WHERE t.status <> 'archived' AND ({OFFER_LIST_MISSING["singular"][1]})"""
TASKS = [  # one, several, the list, and SQL for its rows
    ("rejected record is waiting", "rejected records are waiting", "/staff/intake/rejected",
     "{s}.rejected_record r WHERE r.resolved_at IS NULL"),
    ("offer lacks data that Singular needs", "offers lack data that Singular needs", "/staff/offers?missing=singular",
     OFFERS_LACKING_DATA),
    ("advertiser has no user", "advertisers have no user", "/staff/advertisers?missing=users&status=active",
     ADVERTISERS_MISSING["users"]),
    ("advertiser has no API key", "advertisers have no API key", "/staff/advertisers?missing=keys&status=active",
     ADVERTISERS_MISSING["keys"]),
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
