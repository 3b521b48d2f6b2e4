"""The audit log of the platform or of a tenant, for its staff. Database triggers write it; entries never change."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from auth.users.guards import realm_of, requires_login
from auth.users.realms import PLATFORM, STAFF, Realm
from database.pool import connection
from web.pages.forms import parse_number
from web.pages.rendering import PageLayout, render_page
from web.requests import AnyRequest

PAGE = 50
LARGEST_ID = 2**63 - 1
SUBJECTS = {
    PLATFORM.name: {"": "All", "tenant": "Tenants", "staff": "Staff", "audit_log": "Audit log"},
    STAFF.name: {
        "": "All",
        "advertiser": "Advertisers",
        "api_token": "API keys",
        "advertiser_login": "Advertiser users",
        "staff": "Staff",
        "one_time_link": "One-time links",
        "session": "Sessions",
        "setting": "Settings",
        "offer": "Offers",
        "partner": "Partners",
        "conversion": "Conversions",
        "audit_log": "Audit log",
    },
}

SUBJECT_NAMES = {
    "api_token": "API key",
    "advertiser_login": "advertiser user",
    "one_time_link": "one-time link",
    "audit_log": "audit log",
}


class AuditSearch(msgspec.Struct, frozen=True):
    """`path` is the page's URL, `actor` a part of the actor's name, `key` the id of one row; empty: all.

    At most one of `before` and `after`, the id of an entry, is set; neither on the newest page.
    """

    path: str
    actor: str
    subject: str
    key: str
    before: int = 0
    after: int = 0

    def url(self, **others: int) -> str:
        asked = {"actor": self.actor, "subject": self.subject, "key": self.key} | others
        return f"{self.path}?" + urlencode({name: value for name, value in asked.items() if value})


class AuditChange(msgspec.Struct, frozen=True):
    """Of one column, as JSON. None: missing or empty."""

    column: str
    before: str | None
    after: str | None


class AuditEntry(msgspec.Struct, frozen=True):
    id: int
    at: datetime
    actor: str
    address: Any
    action: str
    subject: str
    key: str
    label: str
    changes: list[AuditChange]

    @property
    def subject_name(self) -> str:
        return SUBJECT_NAMES.get(self.subject, self.subject)


class AuditController(Controller):
    path = "/audit"
    guards = [requires_login]

    @get()
    async def log(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        realm = realm_of(request.route_handler)
        search = read_audit_search(realm, request)
        entries, newer, older = await entries_of(realm, search)
        return render_page(
            "users/audit.html",
            layout,
            search=search,
            subjects=list(SUBJECTS[realm.name].items()),
            entries=entries,
            newer=search.url(after=entries[0].id) if newer else None,
            older=search.url(before=entries[-1].id) if older else None,
        )


def read_audit_search(realm: Realm, request: AnyRequest) -> AuditSearch:
    """Ignores invalid parameters."""
    asked = {name: value.replace("\0", "").strip() for name, value in request.query_params.items()}

    def number(name: str) -> int:
        return parse_number(asked.get(name, ""), LARGEST_ID) or 0

    subject = asked.get("subject", "")
    return AuditSearch(
        path=realm.path("/audit"),
        actor=asked.get("actor", "")[:400],
        subject=subject if subject in SUBJECTS[realm.name] else "",
        key=asked.get("key", "")[:100],
        before=number("before"),
        after=0 if number("before") else number("after"),
    )


async def entries_of(realm: Realm, search: AuditSearch) -> tuple[list[AuditEntry], bool, bool]:
    """A page of entries, newest first, and whether there are newer and older entries.

    Ordered by time, then by id: each node of a Citus cluster has its own ids.
    """
    direction = "ASC" if search.after else "DESC"
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT id, at, actor, address, action, subject, key, label, before, after
            FROM {realm.schema}.audit_log
            WHERE strpos(lower(actor), lower($1)) > 0 AND ($2 = '' OR subject = $2) AND ($3 = '' OR key = $3)
                AND ($4::bigint = 0 OR (at, id) < (SELECT at, id FROM {realm.schema}.audit_log WHERE id = $4))
                AND ($5::bigint = 0 OR (at, id) > (SELECT at, id FROM {realm.schema}.audit_log WHERE id = $5))
            ORDER BY at {direction}, id {direction} LIMIT $6
            """,
            search.actor,
            search.subject,
            search.key,
            search.before,
            search.after,
            PAGE + 1,
        )
    more, entries = len(rows) > PAGE, [entry_of(dict(row)) for row in rows[:PAGE]]
    if search.after:
        return entries[::-1], more, bool(entries)
    return entries, bool(search.before and entries), more


def entry_of(row: dict[str, Any]) -> AuditEntry:
    before, after = (msgspec.json.decode(row[name]) if row[name] else {} for name in ("before", "after"))
    changes = [
        AuditChange(name, audit_text(before.get(name)), audit_text(after.get(name)))
        for name in sorted({*before, *after})
    ]
    fields = {name: value for name, value in row.items() if name not in {"before", "after"}}
    return AuditEntry(**fields, changes=[change for change in changes if (change.before, change.after) != (None, None)])


def audit_text(value: Any) -> str | None:
    """Text unchanged, other values as JSON."""
    if value is None or value in ("", [], {}):
        return None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
