"""GET /changes.csv: what the page /changes lists, for a spreadsheet. Columns and causes are named as in the API."""

from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from typing import Any

from litestar import Response

from core.spreadsheets import spreadsheet_rows
from core.timestamps import iso
from database.pool import connection
from reporting.changes.day_history import amount_of
from reporting.dashboard.figures import FIGURES
from reporting.drilldown.changes import TABLES, ChangedDays, ChangesOfDay, read_changes
from reporting.drilldown.names import OfferAndPartnerNames, read_names
from reporting.drilldown.site import DrilldownSite, export_name, given_pairs, read_drilldown
from reporting.list_parameters import ParameterReader
from tenants.tenant import current_tenant
from web.problems import Problem
from web.requests import AnyRequest

Row = Sequence[Any]
TABLE = "table"  # the parameter that only the file has
OFFER_AND_PARTNER = ("offerId", "offerName", "partnerId", "partnerName")
DAY_COLUMNS = ("date", "changedAt", "cause", "late", *(f"{name}Change" for name in FIGURES))
FIGURE_COLUMNS = (
    *("changedAt", "cause", "late", *OFFER_AND_PARTNER),
    *(column for name in FIGURES for column in (f"{name}Before", f"{name}After", f"{name}Change")),
)
CONVERSION_COLUMNS = (
    *("changedAt", "cause", "conversionId", *OFFER_AND_PARTNER),
    *("oldStatus", "newStatus", "oldCost", "newCost"),
)


async def changes_csv(request: AnyRequest, site: DrilldownSite) -> Response[Any]:
    """All rows of the page's filters, newest change first: the days, or the `table` of a day.

    Raises Problem 400, also for a day with more changes than are read.
    """
    pairs = given_pairs(request)
    own = ParameterReader([pair for pair in pairs if pair[0].lower() == TABLE], (TABLE,), ())
    table = own.one_of(TABLE, TABLES, TABLES[0])
    own.check()
    shown = await read_drilldown(site)
    found = await read_changes([pair for pair in pairs if pair[0].lower() != TABLE], shown, max_days=None)
    if isinstance(found, ChangedDays):
        kind, columns, rows = "changed-days", DAY_COLUMNS, day_rows(found)
    else:
        if not found.history.explained.complete:
            raise Problem(400, "There are more changes than a file can have. Choose an offer or a partner.")
        names = await names_in(found, site)
        kind, columns, rows = (
            ("changes", FIGURE_COLUMNS, figure_rows(found, names))
            if table == "figures"
            else ("changed-conversions", CONVERSION_COLUMNS, conversion_rows(found, names))
        )
    headers = {
        "Content-Disposition": f'attachment; filename="{export_name(kind, shown.given)}"',
        "Vary": "Cookie",
    }
    content = BOM_UTF8 + spreadsheet_rows([columns, *rows])
    return Response(content, media_type="text/csv", headers=headers)


async def names_in(found: ChangesOfDay, site: DrilldownSite) -> OfferAndPartnerNames:
    offers = [*(each.offer for each in found.changes), *(each["offer"] for each in found.conversions)]
    partners = [*(each.partner for each in found.changes), *(each["partner"] for each in found.conversions)]
    async with connection() as db:
        return await read_names(db, current_tenant(), site.advertiser, offers, partners)


def day_rows(found: ChangedDays) -> Iterator[Row]:
    for each in found.days:
        when = [each.day, iso(each.changed_at, "microseconds"), ", ".join(each.causes), boolean(each.late)]
        yield [*when, *(getattr(each.difference, name) for name in FIGURES)]


def figure_rows(found: ChangesOfDay, names: OfferAndPartnerNames) -> Iterator[Row]:
    for each in reversed(found.changes):
        sides = (each.old, each.new, each.difference)
        yield [
            *(iso(each.at, "microseconds"), each.cause, boolean(each.late)),
            *(each.offer, names.offer(each.offer), each.partner, names.partner(each.partner)),
            *(getattr(side, name) for name in FIGURES for side in sides),
        ]


def conversion_rows(found: ChangesOfDay, names: OfferAndPartnerNames) -> Iterator[Row]:
    for each in reversed(found.conversions):
        offer, partner = each["offer"], each["partner"]
        yield [
            *(iso(each["changed_at"], "microseconds"), each["cause"], each["id"]),
            *(offer, names.offer(offer), partner, names.partner(partner)),
            *(each["old_status"], each["status"]),
            *(None if cost is None else amount_of(cost) for cost in (each["old_cost"], each["cost"])),
        ]


def boolean(value: object) -> str:
    return "true" if value else "false"
