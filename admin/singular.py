"""/staff/singular…: which advertisers Singular may pull the costs of, and what is still missing for it."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from admin.advertisers import MOST, find_advertiser, list_advertisers, switch_singular
from auth.users.guards import requires_login, requires_role
from portal.singular import shown
from singular.request_log import recent_singular_requests
from singular.requirements import flawed_offers
from tenants.tenant import current_tenant
from web.pages.forms import form_of
from web.pages.rendering import Frame, page
from web.pages.responses import lead
from web.requests import Call

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
    async def advertisers(self, request: Call, frame: NamedDependency[Frame]) -> Response[Any]:
        name = request.query_params.get("name", "").replace("\0", "").strip()[:200]
        found = await list_advertisers(current_tenant(), name)
        return page("admin/singular.html", frame, root=ROOT, advertisers=found, name=name, most=MOST)

    @get("/{advertiser:uuid}")
    async def advertiser(
        self, request: Call, frame: NamedDependency[Frame], advertiser: FromPath[UUID]
    ) -> Response[Any]:
        tenant = current_tenant()
        found = await find_advertiser(tenant, advertiser)
        offers = await flawed_offers(tenant, advertiser)
        return page(
            "admin/singular_advertiser.html",
            frame,
            root=ROOT,
            advertiser=found,
            offers=offers[:MOST_OFFERS],
            flawed=len(offers),
            pulls=[shown(pull) for pull in await recent_singular_requests(tenant, advertiser, PULLS)],
            done=DONE.get(request.query_params.get("done", "")),
        )

    @post("/{advertiser:uuid}", guards=[requires_role("manager")])
    async def switch(self, request: Call, advertiser: FromPath[UUID]) -> Response[Any]:
        """What is missing does not stand in the way: the staff may know better, or mend it afterwards."""
        on = (await form_of(request))["singular"] == "on"
        await switch_singular(current_tenant(), advertiser, on)
        return lead(request, f"{ROOT}/{advertiser}?done={'on' if on else 'off'}")
