"""The list of tenants: filtered, by page. It reads the platform's own table alone."""

from datetime import datetime
from urllib.parse import urlencode

import msgspec

from database.pool import connection
from tenants.migrations import latest_version
from web.requests import AnyRequest

PAGE = 25
FARTHEST = 100_000
STATES = {
    "": "All",
    "active": "Active",
    "suspended": "Suspended",
    "outdated": "Older schema",
    "failed": "Migration failed",
}
CONDITIONS = {
    "": "true",
    "active": "status = 'active'",
    "suspended": "status = 'suspended'",
    "outdated": "version IS DISTINCT FROM $2",
    "failed": "migration_error IS NOT NULL",
}


class Search(msgspec.Struct, frozen=True):
    """`text` is in the name or the label; `state` a key of STATES; `number` that of the page, the first is 1."""

    text: str
    state: str
    number: int

    def url(self, **others: str | int) -> str:
        """Of the same search with `others` in the place of some of it."""
        asked = {"text": self.text, "state": self.state, "page": self.number} | others
        query = urlencode({name: value for name, value in asked.items() if value not in {"", 1}})
        return f"/?{query}" if query else "/"


class Listed(msgspec.Struct, frozen=True):
    slug: str
    name: str
    status: str
    version: str | None
    migration_error: str | None
    created_at: datetime
    up_to_date: bool


class Found(msgspec.Struct, frozen=True):
    """One page of them, by label; `counts` is how many there are in each of STATES, whatever the text."""

    search: Search
    tenants: list[Listed]
    more: bool
    counts: dict[str, int]


def read_search(request: AnyRequest) -> Search:
    """What makes no sense is as if it were not there."""
    asked = request.query_params
    state, number = asked.get("state", ""), asked.get("page", "")
    return Search(
        text=asked.get("text", "").replace("\0", "").strip()[:200],
        state=state if state in STATES else "",
        number=min(max(int(number), 1), FARTHEST) if number.isdecimal() and len(number) < 10 else 1,
    )


async def list_tenants(search: Search) -> Found:
    counted = ", ".join(f"count(*) FILTER (WHERE {sql}) AS {name or 'every'}" for name, sql in CONDITIONS.items())
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT slug, name, status, version, migration_error, created_at,
                version IS NOT DISTINCT FROM $2 AS up_to_date
            FROM tenant
            WHERE strpos(slug || ' ' || lower(name), lower($1)) > 0 AND {CONDITIONS[search.state]}
            ORDER BY slug LIMIT $3 OFFSET $4
            """,
            search.text,
            latest_version(),
            PAGE + 1,
            (search.number - 1) * PAGE,
        )
        counts = await db.fetchrow(f"SELECT {counted} FROM tenant".replace("$2", "$1"), latest_version())
    assert counts is not None
    return Found(
        search,
        [Listed(**row) for row in rows[:PAGE]],
        len(rows) > PAGE,
        {name: counts[name or "every"] for name in CONDITIONS},
    )
