"""The dashboard: cost, conversions, clicks and views by day, offer and partner."""

from typing import Any

from litestar import Controller, Response, get, route
from litestar.di import NamedDependency

from auth.users.guards import current_session, current_user, requires_login, requires_scope
from database.pool import connection
from portal.advertiser_status import AdvertiserStatus
from portal.layout import forbidden_page
from reporting.context import read_context
from reporting.dashboard.exports import spend_export
from reporting.dashboard.pages import spend_page
from reporting.dashboard.spend import SpendScope
from reporting.dashboard.view import SpendLinks
from saved_views.service import SavedView, list_views
from tenants.tenant import current_tenant
from web.pages.origins import api_origin
from web.pages.rendering import PageLayout
from web.requests import READ_METHODS, AnyRequest

LINKS = SpendLinks(page="/", export="/export", conversions="/conversions", changes="/changes")


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
        return await spend_page(
            request,
            layout,
            await read_scope(advertiser),
            LINKS,
            template="portal/dashboard.html",
            page_title="Dashboard",
            start="portal/dashboard_start.html",
            api=api_origin(request),
            saved_views=await saved_views_of(request),
        )

    @route("/export", http_method=READ_METHODS, guards=[requires_scope("cost-report")])
    async def export(self, request: AnyRequest, advertiser: NamedDependency[AdvertiserStatus]) -> Response[Any]:
        return await spend_export(request, await read_scope(advertiser), "gokart")


async def saved_views_of(request: AnyRequest) -> list[SavedView] | None:
    """None for staff who view the portal."""
    if current_session(request).view:
        return None
    return await list_views(current_tenant().schema, current_user(request))


async def read_scope(advertiser: AdvertiserStatus) -> SpendScope:
    tenant = current_tenant()
    async with connection() as db:
        return SpendScope(tenant, advertiser.id, await read_context(db, tenant, advertiser.id))
