"""What is around every page of the portal."""

from typing import Any
from uuid import UUID

from litestar import Response

from auth.users.guards import current_user
from portal.advertiser_status import advertiser_of, read_advertiser_status
from portal.api_keys import expiry_notices
from tenants.tenant import Tenant, current_tenant
from web.pages.rendering import NavLink, Notice, PageLayout, render_page
from web.requests import AnyRequest, request_state

AREA = "Advertiser portal"
# Each page's name, and the scope without which there is nothing to see on it.
PAGES = {
    "/": ("Dashboard", "cost-report"),
    "/keys": ("API keys", None),
    "/singular": ("Singular", "singular"),
    "/api": ("API", None),
    "/account": ("Account", None),
}


async def portal_layout(request: AnyRequest) -> PageLayout:
    tenant = current_tenant()
    if "session" not in request_state(request.scope):
        return PageLayout(AREA, tenant)
    user = current_user(request)
    here = page_of(request)
    nav = [
        NavLink(href, label, here=href == here)
        for href, (label, scope) in PAGES.items()
        if scope is None or scope in user.scopes
    ]
    notices = [*await paused_notices(tenant, advertiser_of(request)), *await expiry_notices(user)]
    return PageLayout(AREA, tenant, user, nav, notices, home_url=nav[0].href)


async def paused_notices(tenant: Tenant, advertiser: UUID) -> list[Notice]:
    if (await read_advertiser_status(tenant, advertiser)).active:
        return []
    text = (
        f"{tenant.name} has paused your account: what is here can still be read, but API keys are refused, "
        "Singular's included. Ask the staff."
    )
    return [Notice("warning", text)]


def page_of(request: AnyRequest) -> str:
    """Of PAGES, the one that the URL is of or below."""
    return "/" + request.url.path.split("/")[1]


def forbidden_page(request: AnyRequest, layout: PageLayout) -> Response[Any] | None:
    """For somebody without the page's scope: why it is closed, and what is open."""
    label, scope = PAGES[page_of(request)]
    if scope is None or scope in current_user(request).scopes:
        return None
    return render_page("portal/closed.html", layout, status=403, label=label)
