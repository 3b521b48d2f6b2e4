"""The pages /conversions and /conversions/{id}, and the export, of one advertiser."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar import Response

from core.time_zones import zone_of
from reporting.conversions.api import respond
from reporting.conversions.listing import SORTS, ConversionPage, find_conversion, read_conversion_page
from reporting.conversions.parameters import STATUSES, ConversionFilter, parse
from reporting.drilldown.site import (
    FILTERS,
    Drilldown,
    DrilldownSite,
    export_name,
    given_pairs,
    joined,
    local_time,
    read_drilldown,
)
from reporting.query.zones import local_date
from reporting.ranges import DAY
from tenants.tenant import current_tenant
from web.pages.formatting import format_count, format_money
from web.pages.lists import read_list_request
from web.pages.rendering import PageLayout, render_page
from web.problems import FieldError, Problem, invalid_parameters
from web.requests import AnyRequest

FIELDS = ("date_from", "date_to", *FILTERS)
USUAL_DAYS = 30
DETAILS = {
    "country": "Country of the offer",
    "category": "Category",
    "categoryId": "Category ID",
    "event": "Event",
    "eventId": "Event ID",
    "userCountry": "Country of the user",
    "device": "Device",
    "publisherClickId": "Publisher's click ID",
}


async def conversions_page(request: AnyRequest, layout: PageLayout, site: DrilldownSite) -> Response[Any]:
    """Without dates and ids, the last 30 days of the advertiser's time zone."""
    shown = await read_drilldown(site)
    try:
        filter_ = read_conversion_filter(request, shown)
        zone, times = filter_.resolve(shown.context.time_zone)
    except Problem as problem:
        if not problem.errors:
            raise
        return await list_page(layout, shown, zone_of(shown.context.time_zone), errors=problem.errors)
    list_ = msgspec.structs.replace(read_list_request(request, SORTS), filters=shown.given)
    filters = {"start": times["start"], "end": times["end"], **filter_.selection}
    found = await read_conversion_page(current_tenant(), site.advertiser, list_, filters)
    return await list_page(layout, shown, zone, found=found, export=list_.url().partition("?")[2])


def read_conversion_filter(request: AnyRequest, shown: Drilldown) -> ConversionFilter:
    """Of the page's query; `shown` gets what is given. Raises Problem 400."""
    pairs = given_pairs(request)
    shown.given = joined(pairs)
    filter_ = parse(pairs, ())
    if filter_.clicks and not shown.site.sees_clicks:
        raise invalid_parameters(FieldError("click_id", "requires the permission “Conversions”"))
    if shown.given.keys() & {"date_from", "date_to", "conversion_id", "click_id"}:
        return filter_
    today = local_date(shown.context.now, zone_of(filter_.time_zone or shown.context.time_zone))
    days = {"date_from": str(today - (USUAL_DAYS - 1) * DAY), "date_to": str(today)}
    shown.given = days | shown.given
    return msgspec.structs.replace(filter_, **days)


async def list_page(
    layout: PageLayout,
    shown: Drilldown,
    zone: ZoneInfo,
    *,
    found: ConversionPage | None = None,
    export: str = "",
    errors: Sequence[FieldError] = (),
) -> Response[Any]:
    return render_page(
        "drilldown/conversions.html",
        layout,
        status=400 if errors else 200,
        **await shown.values(FIELDS, errors, offers=[row["offer"] for row in found.page.rows] if found else ()),
        time_zone=shown.given.get("time_zone", ""),
        statuses=status_options(shown.given.get("status", "")),
        found=found,
        export=export,
        count=format_count,
        money=partial(format_money, currency=shown.context.currency),
        **zone_values(zone),
    )


def status_options(given: str) -> list[tuple[str, str]]:
    chosen = [] if given in ("", *STATUSES) else [(given, given)]
    return [("", "All"), *chosen, *((status, status) for status in STATUSES)]


def zone_values(zone: ZoneInfo) -> dict[str, Any]:
    return {"zone": zone.key, "local": lambda instant: local_time(instant, zone)}


async def conversions_csv(request: AnyRequest, site: DrilldownSite) -> Response[Any]:
    """The API's CSV of the page's filter, for a spreadsheet. Raises Problem 400."""
    shown = await read_drilldown(site)
    filter_ = read_conversion_filter(request, shown)
    name = export_name("conversions", shown.given)
    response = await respond(request, site.advertiser, filter_, "csv", for_spreadsheet=True, file_name=name)
    response.headers["Vary"] = response.headers["Vary"].replace("Authorization", "Cookie")
    return response


async def conversion_page(layout: PageLayout, site: DrilldownSite, conversion: UUID) -> Response[Any]:
    """One conversion with its history. Raises Problem 404, also for another advertiser's."""
    found = await find_conversion(current_tenant(), site.advertiser, conversion)
    if found is None:
        raise Problem(404, "No conversion of your offers has this ID.")
    shown = await read_drilldown(site)
    day = datetime.fromisoformat(found["occurredAt"]).date()
    return render_page(
        "drilldown/conversion.html",
        layout,
        **await shown.values(
            offers=[found["offerId"], *(state["offerId"] for state in found["history"])],
            partners=[state["partnerId"] for state in found["history"]],
        ),
        conversion=found,
        details=[(DETAILS.get(name, name), value) for name, value in (found["details"] or {}).items()],
        history=with_changes(found["history"]),
        recorded_since=shown.context.recorded_since,
        utc_day=day if day < shown.context.now.date() else None,
        money=lambda text: format_money(Decimal(text), shown.context.currency),
        instant=datetime.fromisoformat,
        **zone_values(zone_of(shown.context.time_zone)),
    )


def with_changes(history: list[dict[str, Any]]) -> list[tuple[dict[str, Any], set[str]]]:
    """Each state, newest first, with the fields that differ from the state before; none of the first."""
    befores = [None, *history[:-1]]
    return [
        (state, {name for name in state if before is not None and state[name] != before[name]})
        for before, state in zip(befores, history, strict=True)
    ][::-1]
