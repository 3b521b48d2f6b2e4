"""The dashboard: cost, conversions, clicks and views by day, offer and partner, and the CSV download."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, route
from litestar.di import NamedDependency

from auth.users.guards import requires_login, requires_scope
from database.pool import connection
from portal.advertiser_status import AdvertiserStatus, current_advertiser
from portal.layout import forbidden_page
from reporting.dashboard.downloads import cost_report_csv
from reporting.dashboard.periods import CUSTOM, LABELS, Period, read_period
from reporting.dashboard.summary import DashboardMetrics, DashboardSummary, TopItem, read_summary
from tenants.tenant import Tenant, current_tenant
from web.pages.formatting import format_count, format_day_range, format_money, format_percent, with_sign
from web.pages.origins import api_origin
from web.pages.rendering import PageLayout, render_page
from web.problems import FieldError, Problem
from web.requests import READ_METHODS, AnyRequest

METRICS = {"cost": "Cost", "conversions": "Conversions", "clicks": "Clicks", "views": "Views"}
FIELDS = ("date_from", "date_to", "offerId")  # form fields that show their errors


class DashboardController(Controller):
    guards = [requires_login]

    @get("/")
    async def dashboard(
        self,
        request: AnyRequest,
        layout: NamedDependency[PageLayout],
        advertiser: NamedDependency[AdvertiserStatus],
    ) -> Response[Any]:
        forbidden = forbidden_page(request, layout)
        if forbidden:
            return forbidden
        now = datetime.now(UTC)
        try:
            period = read_period(request, now)
        except Problem as problem:
            return await filters_page(request, layout, advertiser, problem.errors or [])
        return await metrics_page(request, layout, advertiser, period, now)

    @route("/report.csv", http_method=READ_METHODS, guards=[requires_scope("cost-report")])
    async def download(self, request: AnyRequest) -> Response[Any]:
        """The API's CSV, except that names cannot be formulas of a spreadsheet."""
        period = read_period(request, datetime.now(UTC))
        return await cost_report_csv(request, current_advertiser(request), period.filter)


class OfferOption(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    os: str | None
    campaign: str | None


class TotalTile(msgspec.Struct, frozen=True):
    """The total of a metric, and its change from the previous period."""

    label: str
    value: str
    change: str
    trend: str
    note: str


class CostShare(msgspec.Struct, frozen=True):
    """An offer or a partner with its share of the cost in percent, or of the clicks if the cost is 0."""

    top: TopItem
    percent: float


async def filters_page(
    request: AnyRequest, layout: PageLayout, advertiser: AdvertiserStatus, errors: Sequence[FieldError]
) -> Response[Any]:
    """The filters as submitted, with their errors."""
    given = {name: request.query_params.get(name, "") for name in FIELDS}
    at_fields = {error.field: error_sentence(error.message) for error in errors if error.field in FIELDS}
    return render_page(
        "portal/dashboard.html",
        layout,
        status=400,
        advertiser=advertiser,
        title="Choose the days",
        preset="",
        presets=period_links(None, None),
        offers=await read_offers(current_tenant(), advertiser.id),
        given=given,
        errors=at_fields,
        other_errors=[f"{e.field}: {e.message}" for e in errors if e.field not in FIELDS],
        summary=None,
    )


async def metrics_page(
    request: AnyRequest, layout: PageLayout, advertiser: AdvertiserStatus, period: Period, now: datetime
) -> Response[Any]:
    tenant = current_tenant()
    offers = await read_offers(tenant, advertiser.id)
    shown = await read_summary(tenant, advertiser.id, period.filter)
    return render_page(
        "portal/dashboard.html",
        layout,
        advertiser=advertiser,
        title=format_day_range(period.first, period.last),
        preset="" if period.name == CUSTOM else period.name,
        presets=period_links(period.name, period.offer),
        offers=with_unknown_offer(offers, period.offer),
        given={
            "date_from": str(period.first),
            "date_to": str(period.last),
            "offerId": str(period.offer or ""),
        },
        errors={},
        other_errors=[],
        summary=shown,
        ever=bool(shown.row_count) or await has_data(tenant, advertiser.id),
        now=now,
        metrics=METRICS,
        totals=[total_tile(shown, name, advertiser.currency, describe_days(shown)) for name in METRICS],
        top_offers=cost_shares(shown.offers, shown.totals),
        top_partners=cost_shares(shown.partners, shown.totals),
        offer_of={offer.id: offer for offer in offers},
        query_of=lambda offer: msgspec.structs.replace(period, offer=offer).query,
        download=urlencode(date_query(period)),
        api=api_origin(request),
        money=lambda amount: format_money(amount, advertiser.currency),
        count=format_count,
    )


def error_sentence(message: str) -> str:
    """The API's error message as a sentence below the field."""
    text = message.replace("date_from", "the start date").replace("date_to", "the end date")
    return f"{text[:1].upper()}{text[1:]}."


def period_links(name: str | None, offer: UUID | None) -> list[tuple[str, str, str, bool]]:
    """Name, label and query of each period, and whether it is selected."""
    more = {"offerId": str(offer)} if offer else {}
    return [(each, label, urlencode({"period": each} | more), each == name) for each, label in LABELS.items()]


def date_query(period: Period) -> dict[str, str]:
    """With fixed dates, so that the link returns the same days tomorrow."""
    query = {"date_from": str(period.first), "date_to": str(period.last)}
    return query | ({"offerId": str(period.offer)} if period.offer else {})


def with_unknown_offer(offers: list[OfferOption], chosen: UUID | None) -> list[OfferOption]:
    """Adds the chosen offer if it is not one of the advertiser's, to show that the data is filtered."""
    if chosen is None or any(offer.id == chosen for offer in offers):
        return offers
    return [OfferOption(chosen, f"Unknown offer ({chosen})", None, None), *offers]


def describe_days(shown: DashboardSummary) -> str:
    return "day" if len(shown.daily) == 1 else f"{len(shown.daily)} days"


def total_tile(shown: DashboardSummary, name: str, currency: str, days: str) -> TotalTile:
    def text(value: Decimal | int) -> str:
        return format_money(Decimal(value), currency) if name == "cost" else format_count(int(value))

    change = shown.changes[name]
    share = f" ({format_percent(change.percent)})" if change.percent is not None else ""
    return TotalTile(
        label=f"{METRICS[name]}, {currency}" if name == "cost" else METRICS[name],
        value=text(getattr(shown.totals, name)),
        change=f"{with_sign(text(change.difference))}{share}" if change.difference else "No change",
        trend="up" if change.difference > 0 else "down" if change.difference < 0 else "",
        note=f"Previous {days}: {text(getattr(shown.previous, name))}",
    )


def cost_shares(tops: list[TopItem], totals: DashboardMetrics) -> list[CostShare]:
    metric = "cost" if totals.cost else "clicks"
    whole = getattr(totals, metric)
    return [
        CostShare(top, round(float(getattr(top.metrics, metric) / whole * 100), 1) if whole else 0.0) for top in tops
    ]


async def read_offers(tenant: Tenant, advertiser: UUID) -> list[OfferOption]:
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT id, name, os, campaign_name FROM {tenant.schema}.offer WHERE advertiser = $1
            ORDER BY name, os, campaign_name, id
            """,
            advertiser,
        )
    return [OfferOption(*row) for row in rows]


async def has_data(tenant: Tenant, advertiser: UUID) -> bool:
    """On any day."""
    async with connection() as db:
        found: bool = await db.fetchval(
            f"""
            SELECT EXISTS (
                SELECT FROM {tenant.schema}.by_month
                WHERE offer IN (SELECT key FROM {tenant.schema}.offer WHERE advertiser = $1)
            )
            """,
            advertiser,
        )
    return found
