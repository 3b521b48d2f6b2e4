"""What is around every page of the portal."""

from typing import Any
from uuid import UUID

from litestar import Response

from auth.users.guards import person_of
from portal.advertiser_status import advertiser_of, read_standing
from portal.api_keys import expiring_notices
from tenants.tenant import Tenant, current_tenant
from web.pages.rendering import Frame, Link, Notice, page
from web.requests import Call, state_of

AREA = "Advertiser portal"
# Each page's name, and the scope without which there is nothing to see on it.
PAGES = {
    "/": ("Dashboard", "cost-report"),
    "/keys": ("API keys", None),
    "/singular": ("Singular", "singular"),
    "/api": ("API", None),
    "/account": ("Account", None),
}


async def portal_frame(request: Call) -> Frame:
    tenant = current_tenant()
    if "session" not in state_of(request.scope):
        return Frame(AREA, tenant)
    person = person_of(request)
    here = page_of(request)
    nav = [
        Link(href, label, here=href == here)
        for href, (label, scope) in PAGES.items()
        if scope is None or scope in person.scopes
    ]
    notices = [*await paused_notices(tenant, advertiser_of(request)), *await expiring_notices(person)]
    return Frame(AREA, tenant, person, nav, notices, home_url=nav[0].href)


async def paused_notices(tenant: Tenant, advertiser: UUID) -> list[Notice]:
    if (await read_standing(tenant, advertiser)).active:
        return []
    text = (
        f"{tenant.name} has paused your account: what is here can still be read, but API keys are refused, "
        "Singular's included. Ask the staff."
    )
    return [Notice("warning", text)]


def page_of(request: Call) -> str:
    """Of PAGES, the one that the URL is of or below."""
    return "/" + request.url.path.split("/")[1]


def closed(request: Call, frame: Frame) -> Response[Any] | None:
    """For somebody without the page's scope: why it is closed, and what is open."""
    label, scope = PAGES[page_of(request)]
    if scope is None or scope in person_of(request).scopes:
        return None
    return page("portal/closed.html", frame, status=403, label=label)
