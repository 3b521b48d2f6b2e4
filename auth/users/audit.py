"""The audit log of the platform or of a tenant, for its staff. Database triggers write it; entries never change."""

from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.response import Stream

from auth.users.audit_export import FORMATS, audit_stream
from auth.users.audit_names import load_names
from auth.users.audit_search import ACTIONS, AuditSearch, search_conditions
from auth.users.audit_sentences import AuditChange, Part, changes_of, sentence_of
from auth.users.guards import current_user, realm_of, requires_login
from auth.users.realms import PLATFORM, STAFF, Realm
from auth.users.users import User
from database.pool import connection
from web.pages.lists import ListPage, ListRequest, Sort, read_days, read_list_page, read_list_request
from web.pages.rendering import PageLayout, render_page
from web.problems import Problem
from web.requests import AnyRequest
from web.streams import with_first_chunk

SUBJECTS = {
    PLATFORM.name: {"": "All", "tenant": "Tenants", "staff": "Staff", "audit_log": "Audit log"},
    STAFF.name: {
        "": "All",
        "advertiser": "Advertisers",
        "api_token": "API keys",
        "advertiser_login": "Advertiser users",
        "staff": "Staff",
        "one_time_link": "Invitations and links",
        "session": "Sessions",
        "setting": "Settings",
        "tenant": "Name",
        "logo": "Logo",
        "advertiser_view": "Views as advertiser",
        "offer": "Offers",
        "partner": "Partners",
        "conversion": "Conversions",
        "rejected_record": "Rejected records",
        "audit_log": "Audit log",
    },
}
SORTS = {"time": Sort("at", "timestamptz", descending=True)}
FILTERS = ("person", "subject", "key", "action", "from", "to")
COLUMNS = "id, at, actor, address, action, subject, key, label, before, after"
# The roles that open the pages below these paths; every other page of an entry opens for all.
ROLES_OF_PAGES = {
    PLATFORM.name: {"/staff/": "owner"},
    STAFF.name: {"/staff/people/staff/": "owner", "/staff/people/logins/": "manager", "/staff/settings": "owner"},
}
MEDIA_TYPES = {"csv": "text/csv", "ndjson": "application/x-ndjson"}


class AuditEntry(msgspec.Struct, frozen=True):
    """An entry in words. `action` is created, changed or deleted."""

    row: Any
    action: str
    sentence: list[Part]
    changes: list[AuditChange]


class AuditController(Controller):
    path = "/audit"
    guards = [requires_login]

    @get()
    async def log(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        realm = realm_of(request.route_handler)
        list_ = read_list_request(request, SORTS, FILTERS)
        search, errors = read_audit_search(realm, list_)
        entries, page = await entries_of(realm, list_, search, current_user(request))
        exported = urlencode({name: value for name, value in list_.filters.items() if name not in errors})
        return render_page(
            "users/audit.html",
            layout,
            list=list_,
            errors=errors,
            subjects=list(SUBJECTS[realm.name].items()),
            actions=list(ACTIONS.items()),
            entries=entries,
            page=page,
            requests_url=realm.path("/requests") if realm.name == STAFF.name else None,
            exports=[
                (f"{realm.path('/audit/export')}?{f'{exported}&' if exported else ''}format={name}", name.upper())
                for name in MEDIA_TYPES
            ],
        )

    @get("/export")
    async def export(self, request: AnyRequest) -> Response[Any]:
        """All entries of the filters, oldest first. Raises Problem 400."""
        realm = realm_of(request.route_handler)
        search, errors = read_audit_search(realm, read_list_request(request, SORTS, FILTERS))
        format_ = request.query_params.get("format", "csv")
        if errors or format_ not in MEDIA_TYPES:
            raise Problem(400, "Choose the format csv or ndjson, and days such as 2026-11-20.", title="Bad Request")
        return Stream(
            await with_first_chunk(audit_stream(realm, search, FORMATS[format_])),  # errors before are error pages
            media_type=MEDIA_TYPES[format_],
            headers={"Content-Disposition": f'attachment; filename="audit-log.{format_}"'},
        )


def read_audit_search(realm: Realm, list_: ListRequest) -> tuple[AuditSearch, dict[str, str]]:
    """Also what is wrong with the days, by filter. Ignores unknown subjects and actions."""
    given = list_.filters
    start, end, errors = read_days(list_)
    subject, action = given.get("subject", ""), given.get("action", "")
    return AuditSearch(
        person=given.get("person", ""),
        subject=subject if subject in SUBJECTS[realm.name] else "",
        key=given.get("key", ""),
        action=action if action in ACTIONS else "",
        start=start,
        end=end,
    ), errors


async def entries_of(
    realm: Realm, list_: ListRequest, search: AuditSearch, reader: User
) -> tuple[list[AuditEntry], ListPage]:
    """A page of entries, newest first, with links to what the reader may open. Ordered by time, then by id: each node
    of a Citus cluster has its own ids.
    """
    async with connection() as db:
        where, args = await search_conditions(db, realm, search)
        page = await read_list_page(
            db, list_, COLUMNS, f"{realm.schema}.audit_log", args, where=where, id_="id", id_type="bigint"
        )
        rows = [dict(row) | {side: decode(row[side]) for side in ("before", "after")} for row in page.rows]
        names = await load_names(db, realm, rows)
    entries = [
        AuditEntry(
            row,
            row["action"],
            [(text, href if may_open(realm, reader, href) else None) for text, href in sentence_of(realm, row, names)],
            changes_of(row, names),
        )
        for row in rows
    ]
    return entries, page


def may_open(realm: Realm, reader: User, href: str | None) -> bool:
    roles = [role for root, role in ROLES_OF_PAGES[realm.name].items() if (href or "").startswith(root)]
    return all(reader.is_at_least(role) for role in roles)


def decode(json: str | None) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(json) if json else {}
    return found
