"""The lists of advertisers, offers and partners: their filters, as SQL. Pages and exports show the same rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from catalog.advertiser_choice import AdvertiserChoice, find_chosen_advertiser
from catalog.fields import OS_VALUES, CatalogueKind
from catalog.search import search_query, searched
from core.errors import GokartError
from singular.requirements import FLAWED
from tenants.tenant import Tenant
from web.pages.formatting import OS_NAMES
from web.pages.forms import split_field_error

STATUS_NAMES = {"active": "Active", "paused": "Paused", "archived": "Archived"}
EVERY_STATUS = "all"
NO_OS = "none"


class ListFilter(msgspec.Struct, frozen=True):
    """A select above a list, whose first option is the default, with an empty value; or the choice of an
    advertiser.
    """

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    choice: AdvertiserChoice | None = None


class ListRows(msgspec.Struct):
    """Parts of a SELECT, as `web.pages.lists.read_list_page` needs them. `error` concerns the filter by advertiser."""

    columns: str
    source: str
    where: str
    args: list[Any]
    id: str
    error: str = ""


class CatalogueList(msgspec.Struct, frozen=True):
    """`columns` are those of the page. In SQL, `{s}` is the schema, and the table is t. `missing` has the conditions of
    the filter of missing data by value: label and SQL.
    """

    kind: CatalogueKind
    columns: str
    joins: str = ""
    missing: Mapping[str, tuple[str, str]] = {}
    by_advertiser: bool = False
    by_os: bool = False

    @property
    def filter_names(self) -> tuple[str, ...]:
        return ("q", "advertiser", "status", "os", "missing")

    def filters(self) -> list[ListFilter]:
        statuses = [(status, STATUS_NAMES[status]) for status in self.kind.statuses]
        found = [ListFilter("status", "Status", [("", "Not archived"), *statuses, (EVERY_STATUS, "All")])]
        if self.by_os:
            found.append(ListFilter("os", "OS", [("", "All"), *OS_NAMES.items(), (NO_OS, "None")]))
        if self.missing:
            options = [(value, label) for value, (label, _) in self.missing.items()]
            found.append(ListFilter("missing", "Missing data", [("", "Any"), *options]))
        return found

    async def select(self, tenant: Tenant, filters: Mapping[str, str]) -> ListRows:
        """Filters with unknown values have no effect."""
        args: list[Any] = []
        conditions: list[str] = []
        error = ""
        source = f"{tenant.schema}.{self.kind.table}"
        if text := filters.get("q"):
            if query := search_query(text):
                args.append(query)
                source = searched(tenant, self.kind.table, "$1")
            else:
                conditions.append("false")
        status = filters.get("status", "")
        if status in self.kind.statuses:
            args.append(status)
            conditions.append(f"t.status = ${len(args)}")
        elif status != EVERY_STATUS:
            conditions.append("t.status <> 'archived'")
        if self.by_advertiser and (given := filters.get("advertiser")):
            try:
                args.append(await find_chosen_advertiser(tenant, given))
                conditions.append(f"t.advertiser = ${len(args)}")
            except GokartError as problem:
                error = split_field_error(problem)[1]
                conditions.append("false")
        os = filters.get("os", "")
        if self.by_os and os in OS_VALUES:
            args.append(os)
            conditions.append(f"t.os = ${len(args)}")
        elif self.by_os and os == NO_OS:
            conditions.append("t.os IS NULL")
        if filters.get("missing", "") in self.missing:
            conditions.append(f"({self.missing[filters['missing']][1]})")
        return ListRows(
            columns=self.columns.format(s=tenant.schema),
            source=f"{source} t {self.joins.format(s=tenant.schema)}",
            where=" AND ".join(conditions).format(s=tenant.schema) or "true",
            args=args,
            id="t.id",
            error=error,
        )


ACTIVE_KEYS = """
    {s}.api_token k
    WHERE k.advertiser = t.id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
"""
NO_SINGULAR_KEY = f"NOT EXISTS (SELECT FROM {ACTIVE_KEYS} AND 'singular' = ANY (k.scopes))"
NO_USER = "NOT EXISTS (SELECT FROM {s}.advertiser_login u WHERE u.advertiser = t.id AND u.active)"
NO_API_KEY = f"NOT EXISTS (SELECT FROM {ACTIVE_KEYS})"
ADVERTISER_LIST_MISSING = {
    "singular": (
        "Singular not ready",
        f"""NOT t.singular_enabled OR {NO_SINGULAR_KEY}
            OR EXISTS (SELECT FROM {{s}}.offer o WHERE o.advertiser = t.id AND ({FLAWED.format(o="o")}))""",
    ),
    "offers": ("No offers", "NOT EXISTS (SELECT FROM {s}.offer o WHERE o.advertiser = t.id)"),
    "users": ("No users", NO_USER),
    "keys": ("No API key", NO_API_KEY),
    "contact": ("No contact email", "t.contact_email IS NULL"),
    "billing": ("No email for invoices", "t.billing_email IS NULL"),
}
OFFER_LIST_MISSING = {
    "singular": ("Data that Singular needs", f"a.singular_enabled AND ({FLAWED.format(o='t')})"),
    "store_id": ("No store ID", "t.store_id IS NULL AND t.os IS DISTINCT FROM 'WEB'"),
    "os": ("No OS", "t.os IS NULL"),
    "campaign": ("No campaign", "t.campaign_name IS NULL"),
}
