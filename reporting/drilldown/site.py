"""What the pages of single conversions and of changes have in common, on the portal and for staff."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from database.pool import connection
from reporting.context import ReportContext, read_context
from reporting.dimensions import OFFERS, PARTNERS
from reporting.filters import query_pairs
from reporting.list_parameters import errors_at_fields
from tenants.tenant import current_tenant
from web.pages.formatting import os_name
from web.problems import FieldError
from web.requests import AnyRequest

PAGING = ("after", "before", "row", "sort")  # parameters of `web.pages.lists`
SHORT_ID = 8  # characters
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


class OfferAndPartnerNames(msgspec.Struct, frozen=True):
    """By id: the names of the advertiser's offers and partners, and notes that distinguish offers of the same name."""

    offers: dict[str, str]
    partners: dict[str, str]
    offer_notes: dict[str, str]

    def offer(self, id_: object) -> str:
        return self.offers.get(str(id_), f"Offer {str(id_)[:SHORT_ID]}")

    def offer_note(self, id_: object) -> str:
        """OS, campaign, and the beginning of the id if that is not enough."""
        return self.offer_notes.get(str(id_), "")

    def partner(self, id_: object) -> str:
        return self.partners.get(str(id_), f"Partner {str(id_)[:SHORT_ID]}")

    def offer_options(self, given: str) -> list[tuple[str, str]]:
        labels = {id_: " · ".join(filter(None, [name, self.offer_notes[id_]])) for id_, name in self.offers.items()}
        return options(labels, "All offers", "offer", given)

    def partner_options(self, given: str) -> list[tuple[str, str]]:
        return options(self.partners, "All partners", "partner", given)


def options(labels: Mapping[str, str], everything: str, noun: str, given: str) -> list[tuple[str, str]]:
    """Value and label of each. `given` is an option too if it is several ids, or one that is unknown."""
    chosen = [] if given in labels or not given else [(given, describe_ids(given, noun))]
    return [("", everything), *chosen, *labels.items()]


def describe_ids(given: str, noun: str) -> str:
    count = given.count(",") + 1
    return f"{count} {noun}s" if count > 1 else f"Unknown {noun} ({given[:36]})"


class Drilldown(msgspec.Struct):
    """What a page shows. `given` are its filters by name, as in the query; several values are separated by commas."""

    site: DrilldownSite
    context: ReportContext
    names: OfferAndPartnerNames
    given: dict[str, str] = msgspec.field(default_factory=dict)

    def values(self, fields: Sequence[str], errors: Sequence[FieldError] = ()) -> dict[str, Any]:
        """For the template. `fields` are the filters in the page's form."""
        return {
            "site": self.site,
            "names": self.names,
            "given": {name: self.given.get(name, "") for name in fields},
            "offers": self.names.offer_options(self.given.get("offer_id", "")),
            "partners": self.names.partner_options(self.given.get("partner_id", "")),
            **errors_at_fields(errors, fields),
            "currency": self.context.currency,
            "causes": CAUSES,
            "moved_away": MOVED_AWAY,
            "badges": STATUS_BADGES,
            "short": SHORT_ID,
        }


async def read_drilldown(site: DrilldownSite) -> Drilldown:
    """Raises DatabaseUnavailable."""
    tenant = current_tenant()
    statements = [each.columns.bind(tenant.schema, advertiser=site.advertiser) for each in (OFFERS, PARTNERS)]
    async with connection() as db:
        context = await read_context(db, tenant, site.advertiser)
        offers, partners = [await db.fetch(query.sql, *query.args) for query in statements]
    notes = {str(row["id"]): " · ".join(filter(None, [os_name(row["os"]), row["campaign"]])) for row in offers}
    shared = Counter((row["name"], notes[str(row["id"])]) for row in offers)
    for row in offers:
        id_ = str(row["id"])
        if shared[row["name"], notes[id_]] > 1:
            notes[id_] = " · ".join(filter(None, [notes[id_], id_[:SHORT_ID]]))
    names = OfferAndPartnerNames(
        {str(row["id"]): row["name"] for row in offers}, {str(row["id"]): row["name"] for row in partners}, notes
    )
    return Drilldown(site, context, names)


def given_pairs(request: AnyRequest) -> list[tuple[str, Any]]:
    """The filters of a page's query: what forms leave empty is not given. Raises Problem 400."""
    return [
        (name, value)
        for name, value in query_pairs(request.scope["query_string"])
        if value.strip() and name.lower() not in PAGING
    ]


def joined(pairs: list[tuple[str, Any]]) -> dict[str, str]:
    """The values by name in lower case; several are separated by commas."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key = name.lower()
        found[key] = f"{found[key]},{value.strip()}" if key in found else value.strip()
    return found


def local_time(instant: datetime, zone: ZoneInfo) -> str:
    """To the second, in the zone."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M:%S}"
