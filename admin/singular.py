"""/staff/singular…: which advertisers Singular may pull the costs of, and what is still missing for it."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from admin.advertisers import MOST, find_advertiser, list_advertisers, switch_singular
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
    "on": "Singular is on: it may pull this advertiser's costs.",
    "off": "Singular is off: its pulls are refused from now on.",
}
MOST_OFFERS = 100
PULLS = 5


class StaffSingularController(Controller):
    path = "/singular"
    guards = [requires_login]

    @get()
    async def advertisers(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        name = request.query_params.get("name", "").replace("\0", "").strip()[:200]
        found = await list_advertisers(current_tenant(), name)
        return render_page("admin/singular.html", layout, root=ROOT, advertisers=found, name=name, most=MOST)

    @get("/{advertiser:uuid}")
    async def advertiser(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], advertiser: FromPath[UUID]
    ) -> Response[Any]:
        tenant = current_tenant()
        found = await find_advertiser(tenant, advertiser)
        offers = await flawed_offers(tenant, advertiser)
        return render_page(
            "admin/singular_advertiser.html",
            layout,
            root=ROOT,
            advertiser=found,
            offers=offers[:MOST_OFFERS],
            flawed=len(offers),
            pulls=[describe_request(pull) for pull in await recent_singular_requests(tenant, advertiser, PULLS)],
            done=DONE.get(request.query_params.get("done", "")),
        )

    @post("/{advertiser:uuid}", guards=[requires_role("manager")])
    async def switch(self, request: AnyRequest, advertiser: FromPath[UUID]) -> Response[Any]:
        """What is missing does not stand in the way: the staff may know better, or mend it afterwards."""
        on = (await read_form(request))["singular"] == "on"
        await switch_singular(current_tenant(), advertiser, on)
        return redirect(request, f"{ROOT}/{advertiser}?done={'on' if on else 'off'}")
