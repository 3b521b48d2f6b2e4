"""The list of tenants, filtered and paginated. Reads only the platform's table `tenant`."""

from datetime import datetime
from urllib.parse import urlencode

import msgspec

from database.pool import connection
from tenants.migrations import latest_version
from web.requests import AnyRequest

PAGE_SIZE = 25
LAST_PAGE = 100_000
TENANT_FILTERS = {
    "": "All",
    "active": "Active",
    "suspended": "Suspended",
    "outdated": "Outdated schema",
    "failed": "Migration failed",
}
CONDITIONS = {
    "": "true",
    "active": "status = 'active'",
    "suspended": "status = 'suspended'",
    "outdated": "coalesce(version, '') < $2",
    "failed": "migration_error IS NOT NULL",
}


class TenantSearch(msgspec.Struct, frozen=True):
    """`text`: part of the name or slug. `state`: a key of TENANT_FILTERS. `number`: of the page, from 1."""

    text: str
    state: str
    number: int

    def url(self, **others: str | int) -> str:
        """URL of this search with `others` replaced."""
        parameters = {"text": self.text, "state": self.state, "page": self.number} | others
        query = urlencode({name: value for name, value in parameters.items() if value not in {"", 1}})
        return f"/?{query}" if query else "/"


class TenantListItem(msgspec.Struct, frozen=True):
    slug: str
    name: str
    status: str
    version: str | None
    migration_error: str | None
    created_at: datetime
    up_to_date: bool


class TenantPage(msgspec.Struct, frozen=True):
    """One page of tenants, ordered by slug. `counts`: how many match each of TENANT_FILTERS, ignoring the text."""

    search: TenantSearch
    tenants: list[TenantListItem]
    more: bool
    counts: dict[str, int]


def read_tenant_search(request: AnyRequest) -> TenantSearch:
    """Ignores invalid parameters."""
    query = request.query_params
    state, number = query.get("state", ""), query.get("page", "")
    return TenantSearch(
        text=query.get("text", "").replace("\0", "").strip()[:200],
        state=state if state in TENANT_FILTERS else "",
        number=min(max(int(number), 1), LAST_PAGE) if number.isdecimal() and len(number) < 10 else 1,
    )


async def list_tenants(search: TenantSearch) -> TenantPage:
    counted = ", ".join(f"count(*) FILTER (WHERE {sql}) AS {name or 'every'}" for name, sql in CONDITIONS.items())
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT slug, name, status, version, migration_error, created_at,
                coalesce(version, '') >= $2 AS up_to_date
            FROM tenant
            WHERE strpos(slug || ' ' || lower(name), lower($1)) > 0 AND {CONDITIONS[search.state]}
            ORDER BY slug LIMIT $3 OFFSET $4
            """,
            search.text,
            latest_version(),
            PAGE_SIZE + 1,
            (search.number - 1) * PAGE_SIZE,
        )
        counts = await db.fetchrow(f"SELECT {counted} FROM tenant".replace("$2", "$1"), latest_version())
    assert counts is not None
    return TenantPage(
        search,
        [TenantListItem(**row) for row in rows[:PAGE_SIZE]],
        len(rows) > PAGE_SIZE,
        {name: counts[name or "every"] for name in CONDITIONS},
    )
