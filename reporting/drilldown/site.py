"""What the pages of single conversions and of changes have in common, on the portal and for staff."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from database.pool import connection
from reporting.context import ReportContext, read_context
from reporting.dashboard.options import MAX_OPTIONS, SHORT_ID
from reporting.drilldown.names import read_filter_options, read_names
from reporting.filters import query_pairs
from reporting.list_parameters import errors_at_fields
from tenants.tenant import current_tenant
from web.problems import FieldError
from web.requests import AnyRequest

DAYS = ("date", "date_from", "date_to")  # filters, in the order of file names
FILTERS = ("offer_id", "partner_id", "status", "conversion_id", "click_id")
PAGING = ("after", "before", "row", "sort")  # parameters of `web.pages.lists`
CAUSES = {
    "callback": "Callback",
    "import": "Import of history",
    "correction": "Correction by staff",
    "move": "Moved here",
    None: "Not recorded",
}
MOVED_AWAY = "Moved away"
STATUS_BADGES = {"Success": "success", "Pending": "info", "Rejected": "danger"}


class DrilldownSite(msgspec.Struct, frozen=True):
    """Whose conversions the pages show, to whom. `root` is the URL before /conversions and /changes.

    `sees_clicks`: also click ids, devices and other details, and the export. `sees_changes`: also the pages of changes.
    `back` is the URL and name of the advertiser's page, for staff.
    """

    advertiser: UUID
    root: str = ""
    sees_clicks: bool = True
    sees_changes: bool = True
    back: tuple[str, str] | None = None

    def segments(self, here: str) -> list[tuple[str, str, bool]]:
        """Of the navigation between the pages. `here` is conversions or changes."""
        pages = [("Conversions", "conversions"), *[("Changed days", "changes")] * self.sees_changes]
        return [(label, f"{self.root}/{page}", page == here) for label, page in pages]


class Drilldown(msgspec.Struct):
    """What a page shows. `given` are its filters by name, as in the query; several values are separated by commas."""

    site: DrilldownSite
    context: ReportContext
    given: dict[str, str] = msgspec.field(default_factory=dict)

    async def values(
        self,
        fields: Sequence[str] = (),
        errors: Sequence[FieldError] = (),
        *,
        offers: Iterable[object] = (),
        partners: Iterable[object] = (),
    ) -> dict[str, Any]:
        """For the template. `fields` are the filters in the page's form, `offers` and `partners` the ids whose names it
        shows.
        """
        tenant, advertiser = current_tenant(), self.site.advertiser
        async with connection() as db:
            names = await read_names(db, tenant, advertiser, offers, partners)
            options = await read_filter_options(db, tenant, advertiser, self.given) if fields else {}
        return {
            "site": self.site,
            "names": names,
            "given": {name: self.given.get(name, "") for name in fields},
            "options": options,
            "most_options": MAX_OPTIONS,
            **errors_at_fields(errors, fields),
            "currency": self.context.currency,
            "causes": CAUSES,
            "moved_away": MOVED_AWAY,
            "badges": STATUS_BADGES,
            "short": SHORT_ID,
        }


async def read_drilldown(site: DrilldownSite) -> Drilldown:
    """Raises DatabaseUnavailable."""
    async with connection() as db:
        return Drilldown(site, await read_context(db, current_tenant(), site.advertiser))


def given_pairs(request: AnyRequest) -> list[tuple[str, Any]]:
    """The filters of a page's query: what forms leave empty is not given. Raises Problem 400."""
    return [
        (name, value)
        for name, value in query_pairs(request.scope["query_string"])
        if value.strip() and name.lower() not in PAGING
    ]


def joined(pairs: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """The values by name in lower case; several are separated by commas."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        found[key] = f"{found[key]},{value.strip()}" if key in found else value.strip()
    return found


def local_time(instant: datetime, zone: ZoneInfo) -> str:
    """To the second, in the zone."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M:%S}"


def export_name(rows: str, given: Mapping[str, str]) -> str:
    """The name of a CSV file: what its rows are, with the days and the other filters, shortened."""
    days = [given[name][:10] for name in DAYS if name in given]
    others = [given[name][:SHORT_ID] for name in FILTERS if name in given]
    name = "-".join(filter(None, [f"gokart-{rows}", "_".join(days), *others]))
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name) + ".csv"
