"""GET /staff: the spend of all advertisers, and what needs the staff's attention."""

from contextlib import suppress
from typing import Any

import msgspec
from litestar import Controller, Response, get, route
from litestar.di import NamedDependency

from admin.overview import read_open_tasks
from auth.users.guards import current_user, requires_login
from reporting.dashboard.choices import read_currency
from reporting.dashboard.exports import spend_export
from reporting.dashboard.pages import spend_page
from reporting.dashboard.spend import SpendScope
from reporting.dashboard.staff_scope import read_currencies, read_staff_scope
from reporting.dashboard.view import SpendLinks
from saved_views.service import list_views
from tenants.tenant import current_tenant
from web.pages.rendering import PageLayout
from web.requests import READ_METHODS, AnyRequest

LINKS = SpendLinks(
    page="/staff",
    export="/staff/export",
    conversions="/staff/advertisers/{advertiser}/conversions",
    changes="/staff/advertisers/{advertiser}/changes",
    records="/staff",
)


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
            saved_views=await list_views(current_tenant().schema, current_user(request)),
            tasks=None if replaces_part else await read_open_tasks(),
        )

    @route("/export", http_method=READ_METHODS)
    async def export(self, request: AnyRequest) -> Response[Any]:
        scope = await read_scope(request, await read_currencies(current_tenant()))
        return await spend_export(request, scope, f"gokart-spend-{scope.context.currency}")


async def read_scope(request: AnyRequest, currencies: list[str]) -> SpendScope:
    """The currency is the chosen one, or the one that most advertisers have."""
    currency = None
    with suppress(ValueError):
        currency = read_currency(request.query_params.get("currency", ""))
    return await read_staff_scope(current_tenant(), currency, currencies)
