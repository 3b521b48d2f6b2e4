"""Choosing an advertiser in a form: from a list if there are few, or by search. Names are shown with ids, because
several advertisers may have the same name.
"""

import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from catalog.search import search_query, searched
from core.errors import GokartError
from database.pool import Connection, connection
from tenants.tenant import Tenant
from web.pages.formatting import short_id

LIST_LIMIT = 100
SUGGESTION_LIMIT = 20
UUID_AT_END = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=\)?$)", re.IGNORECASE)
Option = tuple[str, str]  # value and label


class AdvertiserChoice(msgspec.Struct, frozen=True):
    """`searchable`: there are too many for a list, so `options` are suggestions for a text field. `value` is that of
    the field: an id, or any text.
    """

    options: Sequence[Option]
    value: str
    searchable: bool


async def advertiser_choice(tenant: Tenant, given: str = "") -> AdvertiserChoice:
    """For a form. `given` is the field's value, or an id. Archived advertisers are left out unless one is given."""
    chosen = id_at_end(given)
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT id, name FROM {tenant.schema}.advertiser WHERE status <> 'archived'
            ORDER BY lower(name), id LIMIT {LIST_LIMIT + 1}
            """
        )
        own = chosen and await db.fetchrow(f"SELECT id, name FROM {tenant.schema}.advertiser WHERE id = $1", chosen)
        if len(rows) <= LIST_LIMIT:
            if own and own not in rows:
                rows.append(own)
            options = [(str(row["id"]), f"{row['name']} · {short_id(row['id'])}") for row in rows]
            return AdvertiserChoice(options, str(chosen or ""), searchable=False)
        suggestions = await fetch_suggestions(db, tenant, given) if given and not own else []
    value = suggestion_text(own["name"], own["id"]) if own else given[:600]
    return AdvertiserChoice(suggestions, value, searchable=True)


async def suggest_advertisers(tenant: Tenant, text: str) -> list[Option]:
    """Advertisers that match the text, at most SUGGESTION_LIMIT."""
    async with connection() as db:
        return await fetch_suggestions(db, tenant, text)


async def fetch_suggestions(db: Connection, tenant: Tenant, text: str) -> list[Option]:
    query = search_query(text)
    if query is None:
        return []
    rows = await db.fetch(
        f"""
        SELECT a.id, a.name, (SELECT count(*) FROM {tenant.schema}.offer WHERE advertiser = a.id) AS offers
        FROM (
            SELECT id, name FROM {searched(tenant, "advertiser", "$1")} found WHERE status <> 'archived'
            ORDER BY lower(name), id LIMIT {SUGGESTION_LIMIT}
        ) a ORDER BY lower(a.name), a.id
        """,
        query,
    )
    return [(suggestion_text(row["name"], row["id"]), f"{row['offers']} offers") for row in rows]


async def find_chosen_advertiser(tenant: Tenant, given: str) -> UUID:
    """The advertiser of a submitted form: an id, a suggestion, or a name that only one has. Raises GokartError."""
    text = given.strip()
    if not text:
        raise GokartError("advertiser: Choose an advertiser.")
    async with connection() as db:
        if chosen := id_at_end(text):
            rows = await db.fetch(f"SELECT id FROM {tenant.schema}.advertiser WHERE id = $1", chosen)
        else:
            rows = await db.fetch(
                f"""
                SELECT id FROM {tenant.schema}.advertiser
                WHERE lower(name) = lower($1) AND status <> 'archived' LIMIT 2
                """,
                text.replace("\0", ""),
            )
    if not rows:
        raise GokartError("advertiser: Choose an advertiser: no advertiser has this name or ID.")
    if len(rows) > 1:
        raise GokartError(
            "advertiser: Several advertisers have this name. Choose one of the suggestions, or enter an ID."
        )
    id_: UUID = rows[0]["id"]
    return id_


def suggestion_text(name: str, id_: UUID) -> str:
    """The value of the text field for an advertiser."""
    return f"{name} ({id_})"


def id_at_end(text: str) -> UUID | None:
    found = UUID_AT_END.search(text.strip())
    return UUID(found[0]) if found else None
