"""/staff/advertisers/{id}/conversions… and …/changes: an advertiser's single conversions, and what changed its figures.

The portal's pages, with clicks and the export for all staff.
"""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.users.guards import requires_login
from catalog.service import advertiser_names
from reporting.drilldown.changes import changes_page
from reporting.drilldown.changes_csv import changes_csv
from reporting.drilldown.conversions import conversion_page, conversions_csv, conversions_page
from reporting.drilldown.site import DrilldownSite
from tenants.tenant import current_tenant
from web.pages.rendering import PageLayout
from web.problems import Problem
from web.requests import AnyRequest


class StaffDrilldownController(Controller):
    path = "/advertisers/{row_id:uuid}"
    guards = [requires_login]

    @get("/conversions")
    async def conversions(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], row_id: FromPath[UUID]
    ) -> Response[Any]:
        return await conversions_page(request, layout, await site_or_404(row_id))

    @get("/conversions.csv")
    async def export(self, request: AnyRequest, row_id: FromPath[UUID]) -> Response[Any]:
        return await conversions_csv(request, await site_or_404(row_id))

    @get("/conversions/{conversion:uuid}")
    async def conversion(
        self, layout: NamedDependency[PageLayout], row_id: FromPath[UUID], conversion: FromPath[UUID]
    ) -> Response[Any]:
        return await conversion_page(layout, await site_or_404(row_id), conversion)

    @get("/changes")
    async def changes(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], row_id: FromPath[UUID]
    ) -> Response[Any]:
        return await changes_page(request, layout, await site_or_404(row_id))

    @get("/changes.csv")
    async def export_changes(self, request: AnyRequest, row_id: FromPath[UUID]) -> Response[Any]:
        return await changes_csv(request, await site_or_404(row_id))


async def site_or_404(advertiser: UUID) -> DrilldownSite:
    """Raises Problem 404."""
    names = await advertiser_names(current_tenant(), [advertiser])
    if advertiser not in names:
        raise Problem(404, "Advertiser not found.")
    root = f"/staff/advertisers/{advertiser}"
    return DrilldownSite(advertiser, root, back=(root, names[advertiser]))
