"""GET /conversions… and /changes: an advertiser's single conversions, and what changed the figures of past days."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.users.guards import current_user, requires_login, requires_scope
from portal.advertiser_status import advertiser_of
from portal.layout import forbidden_page
from reporting.drilldown.changes import changes_page
from reporting.drilldown.changes_csv import changes_csv
from reporting.drilldown.conversions import conversion_page, conversions_csv, conversions_page
from reporting.drilldown.site import DrilldownSite
from web.pages.rendering import PageLayout
from web.requests import AnyRequest


class DrilldownController(Controller):
    guards = [requires_login]

    @get("/conversions")
    async def conversions(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return forbidden_page(request, layout) or await conversions_page(request, layout, site_of(request))

    @get("/conversions.csv", guards=[requires_scope("conversions")])
    async def export(self, request: AnyRequest) -> Response[Any]:
        return await conversions_csv(request, site_of(request))

    @get("/conversions/{conversion:uuid}")
    async def conversion(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], conversion: FromPath[UUID]
    ) -> Response[Any]:
        return forbidden_page(request, layout) or await conversion_page(layout, site_of(request), conversion)

    @get("/changes")
    async def changes(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return forbidden_page(request, layout) or await changes_page(request, layout, site_of(request))

    @get("/changes.csv", guards=[requires_scope("cost-report")])
    async def export_changes(self, request: AnyRequest) -> Response[Any]:
        return await changes_csv(request, site_of(request))


def site_of(request: AnyRequest) -> DrilldownSite:
    """Users who may see costs may also see the conversions behind them. Clicks need the scope `conversions`."""
    user = current_user(request)
    return DrilldownSite(
        advertiser_of(user), sees_clicks="conversions" in user.scopes, sees_changes="cost-report" in user.scopes
    )
