"""GET /staff: the spend of all advertisers, and what needs the staff's attention."""

from contextlib import suppress
from typing import Any

import msgspec
from litestar import Controller, Response, get, route
from litestar.di import NamedDependency

from admin.overview import read_open_tasks
from auth.users.guards import requires_login
from database.pool import connection
from reporting.context import read_tenant_context
from reporting.dashboard.choices import read_currency
from reporting.dashboard.exports import spend_export
from reporting.dashboard.pages import spend_page
from reporting.dashboard.spend import SpendScope
from reporting.dashboard.view import SpendLinks
from reporting.query.scope import AllAdvertisers
from tenants.tenant import Tenant, current_tenant
from web.pages.rendering import PageLayout
from web.requests import READ_METHODS, AnyRequest

LINKS = SpendLinks(
    page="/staff",
    export="/staff/export",
    conversions="/staff/advertisers/{advertiser}/conversions",
    changes="/staff/advertisers/{advertiser}/changes",
    records="/staff",
)
USUAL_CURRENCY = "USD"  # of a tenant without advertisers


class StaffSpendController(Controller):
    guards = [requires_login]

    @get()
    async def spend(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        currencies = await read_currencies(current_tenant())
        replaces_part = "hx-request" in request.headers
        scope = await read_scope(request, currencies)
        return await spend_page(
            request,
            layout,
            scope,
            msgspec.structs.replace(LINKS, time_zone=scope.context.time_zone),
            template="admin/spend.html",
            page_title="Spend",
            currencies=currencies,
            tasks=None if replaces_part else await read_open_tasks(),
        )

    @route("/export", http_method=READ_METHODS)
    async def export(self, request: AnyRequest) -> Response[Any]:
        scope = await read_scope(request, await read_currencies(current_tenant()))
        return await spend_export(request, scope, f"gokart-spend-{scope.context.currency}")


async def read_scope(request: AnyRequest, currencies: list[str]) -> SpendScope:
    """The currency is the chosen one, or the one that most advertisers have."""
    tenant = current_tenant()
    currency = currencies[0] if currencies else USUAL_CURRENCY
    with suppress(ValueError):
        currency = read_currency(request.query_params.get("currency", ""))
    async with connection() as db:
        return SpendScope(tenant, AllAdvertisers(), await read_tenant_context(db, tenant, currency))


async def read_currencies(tenant: Tenant) -> list[str]:
    """Those of the advertisers, the most frequent one first."""
    async with connection() as db:
        rows = await db.fetch(
            f"SELECT currency FROM {tenant.schema}.advertiser GROUP BY currency ORDER BY count(*) DESC, currency"
        )
    return [row["currency"] for row in rows]
