"""The dashboard: what the advertiser's offers cost by day, offer and publisher; and the same as CSV."""

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
from portal.advertiser_status import advertiser_of, read_advertiser_status
from portal.formatting import span
from portal.layout import forbidden_page
from reporting.dashboard.downloads import cost_report_csv
from reporting.dashboard.formats import format_count, format_money, format_percent, with_sign
from reporting.dashboard.periods import CUSTOM, LABELS, Period, read_period
from reporting.dashboard.summary import DashboardMetrics, DashboardSummary, TopItem, read_summary
from tenants.tenant import Tenant, current_tenant
from web.pages.origins import api_origin
from web.pages.rendering import PageLayout, render_page
from web.problems import FieldError, Problem
from web.requests import READ_METHODS, AnyRequest

MEASURES = {"cost": "Cost", "conversions": "Conversions", "clicks": "Clicks", "views": "Views"}
FIELDS = ("date_from", "date_to", "offerId")  # where an error can be shown


class DashboardController(Controller):
    guards = [requires_login]

    @get("/")
    async def dashboard(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        refused = forbidden_page(request, layout)
        if refused:
            return refused
        now = datetime.now(UTC)
        try:
            period = read_period(request, now)
        except Problem as problem:
            return await filters_page(request, layout, problem.errors or [])
        return await figures_page(request, layout, period, now)

    @route("/report.csv", http_method=READ_METHODS, guards=[requires_scope("cost-report")])
    async def download(self, request: AnyRequest) -> Response[Any]:
        """The very bytes of the API's CSV, names of offers included, whatever a spreadsheet may make of them."""
        period = read_period(request, datetime.now(UTC))
        return await cost_report_csv(request, advertiser_of(request), period.filter)


class Offer(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    os: str | None
    campaign: str | None


class Total(msgspec.Struct, frozen=True):
    """A figure of the whole period, and how it compares with the period before."""

    label: str
    value: str
    change: str
    trend: str
    note: str


class Share(msgspec.Struct, frozen=True):
    """An offer or a partner, with its share of the cost in percent (of the clicks, where nothing cost anything)."""

    top: TopItem
    percent: float


async def filters_page(request: AnyRequest, layout: PageLayout, errors: Sequence[FieldError]) -> Response[Any]:
    """The filters as they were given, with what is wrong at each."""
    tenant, advertiser = current_tenant(), advertiser_of(request)
    given = {name: request.query_params.get(name, "") for name in FIELDS}
    at_fields = {error.field: sentence(error.message) for error in errors if error.field in FIELDS}
    return render_page(
        "portal/dashboard.html",
        layout,
        status=400,
        standing=await read_advertiser_status(tenant, advertiser),
        title="Which days?",
        preset="",
        presets=presets(None, None),
        offers=await read_offers(tenant, advertiser),
        given=given,
        errors=at_fields,
        other_errors=[f"{e.field}: {e.message}" for e in errors if e.field not in FIELDS],
        summary=None,
    )


async def figures_page(request: AnyRequest, layout: PageLayout, period: Period, now: datetime) -> Response[Any]:
    tenant, advertiser = current_tenant(), advertiser_of(request)
    standing = await read_advertiser_status(tenant, advertiser)
    offers = await read_offers(tenant, advertiser)
    shown = await read_summary(tenant, advertiser, period.filter)
    return render_page(
        "portal/dashboard.html",
        layout,
        standing=standing,
        title=span(period.first, period.last),
        preset="" if period.name == CUSTOM else period.name,
        presets=presets(period.name, period.offer),
        offers=with_unknown_offer(offers, period.offer),
        given={
            "date_from": str(period.first),
            "date_to": str(period.last),
            "offerId": str(period.offer or ""),
        },
        errors={},
        other_errors=[],
        summary=shown,
        ever=bool(shown.row_count) or await has_figures(tenant, advertiser),
        now=now,
        measures=MEASURES,
        totals=[total(shown, name, standing.currency, shown_days(shown)) for name in MEASURES],
        top_offers=shares(shown.offers, shown.totals),
        top_partners=shares(shown.partners, shown.totals),
        offer_of={offer.id: offer for offer in offers},
        query_of=lambda offer: msgspec.structs.replace(period, offer=offer).query,
        download=urlencode(dated(period)),
        api=api_origin(request),
        money=lambda amount: format_money(amount, standing.currency),
        count=format_count,
    )


def sentence(message: str) -> str:
    """The API's message, which follows the field's name, to stand by itself in the form."""
    text = message.replace("date_from", "the first day").replace("date_to", "the last day")
    return f"{text[:1].upper()}{text[1:]}."


def presets(name: str | None, offer: UUID | None) -> list[tuple[str, str, str, bool]]:
    """Name, label, query and whether it is the one shown."""
    more = {"offerId": str(offer)} if offer else {}
    return [(each, label, urlencode({"period": each} | more), each == name) for each, label in LABELS.items()]


def dated(period: Period) -> dict[str, str]:
    """Asks for these very days, tomorrow too."""
    asked = {"date_from": str(period.first), "date_to": str(period.last)}
    return asked | ({"offerId": str(period.offer)} if period.offer else {})


def with_unknown_offer(offers: list[Offer], chosen: UUID | None) -> list[Offer]:
    """With the offer asked for, where it is none of the advertiser's: what is shown is not all of them."""
    if chosen is None or any(offer.id == chosen for offer in offers):
        return offers
    return [Offer(chosen, f"No offer of yours ({chosen})", None, None), *offers]


def shown_days(shown: DashboardSummary) -> str:
    return "day" if len(shown.daily) == 1 else f"{len(shown.daily)} days"


def total(shown: DashboardSummary, name: str, currency: str, days: str) -> Total:
    def text(value: Decimal | int) -> str:
        return format_money(Decimal(value), currency) if name == "cost" else format_count(int(value))

    change = shown.changes[name]
    share = f" ({format_percent(change.percent)})" if change.percent is not None else ""
    return Total(
        label=f"{MEASURES[name]}, {currency}" if name == "cost" else MEASURES[name],
        value=text(getattr(shown.totals, name)),
        change=f"{with_sign(text(change.difference))}{share}" if change.difference else "No change",
        trend="up" if change.difference > 0 else "down" if change.difference < 0 else "",
        note=f"{days} before: {text(getattr(shown.previous, name))}".capitalize(),
    )


def shares(tops: list[TopItem], totals: DashboardMetrics) -> list[Share]:
    measure = "cost" if totals.cost else "clicks"
    whole = getattr(totals, measure)
    return [Share(top, round(float(getattr(top.metrics, measure) / whole * 100), 1) if whole else 0.0) for top in tops]


async def read_offers(tenant: Tenant, advertiser: UUID) -> list[Offer]:
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT id, name, os, campaign_name FROM {tenant.schema}.offer WHERE advertiser = $1
            ORDER BY name, os, campaign_name, id
            """,
            advertiser,
        )
    return [Offer(*row) for row in rows]


async def has_figures(tenant: Tenant, advertiser: UUID) -> bool:
    """Of any day."""
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
