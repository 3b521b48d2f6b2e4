"""/staff/singular…: enables and disables Singular for advertisers, and shows what is missing for it."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from admin.singular_advertisers import LIST_LIMIT, get_advertiser, list_advertisers, set_singular_enabled
from auth.users.guards import requires_login, requires_role
from singular.descriptions import describe_request
from singular.request_log import recent_singular_requests
from singular.requirements import flawed_offers
from tenants.tenant import current_tenant
from web.pages.forms import read_form
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.requests import AnyRequest

ROOT = "/staff/singular"
DONE = {
    "on": "Singular is enabled: it can read this advertiser's costs.",
    "off": "Singular is disabled: GoKart rejects its requests.",
}
OFFER_LIMIT = 100
REQUEST_LIMIT = 5


class StaffSingularController(Controller):
    path = "/singular"
    guards = [requires_login]

    @get()
    async def advertisers(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        name = request.query_params.get("name", "").replace("\0", "").strip()[:200]
        found = await list_advertisers(current_tenant(), name)
        return render_page("admin/singular.html", layout, root=ROOT, advertisers=found, name=name, most=LIST_LIMIT)

    @get("/{advertiser:uuid}")
    async def advertiser(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], advertiser: FromPath[UUID]
    ) -> Response[Any]:
        tenant = current_tenant()
        found = await get_advertiser(tenant, advertiser)
        offers = await flawed_offers(tenant, advertiser)
        return render_page(
            "admin/singular_advertiser.html",
            layout,
            root=ROOT,
            advertiser=found,
            offers=offers[:OFFER_LIMIT],
            flawed=len(offers),
            requests=[
                describe_request(each) for each in await recent_singular_requests(tenant, advertiser, REQUEST_LIMIT)
            ],
            done=DONE.get(request.query_params.get("done", "")),
        )

    @post("/{advertiser:uuid}", guards=[requires_role("manager")])
    async def switch(self, request: AnyRequest, advertiser: FromPath[UUID]) -> Response[Any]:
        """Unmet requirements do not prevent it: staff can meet them afterwards."""
        enabled = (await read_form(request))["singular"] == "on"
        await set_singular_enabled(current_tenant(), advertiser, enabled)
        return redirect(request, f"{ROOT}/{advertiser}?done={'on' if enabled else 'off'}")
