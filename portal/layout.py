"""The layout of the portal's pages."""

from collections.abc import Collection
from typing import Any

from litestar import Response
from litestar.di import NamedDependency

from auth.users.guards import current_session, current_user
from auth.users.users import User
from notifications.service import count_unread
from portal.advertiser_status import AdvertiserStatus
from portal.api_keys import reminder
from tenants.tenant import Tenant, current_tenant
from web.pages.branding import current_branding
from web.pages.rendering import NavLink, Notice, PageLayout, render_page
from web.requests import AnyRequest

AREA = "Advertiser portal"
# The title of each page, and its scopes: the user needs one of them. A page without scopes is for every user.
PAGES = {
    "/": ("Dashboard", ["cost-report"]),
    "/conversions": ("Conversions", ["conversions", "cost-report"]),
    "/changes": ("Changes", ["cost-report"]),
    "/keys": ("API keys", []),
    "/singular": ("Singular", ["singular"]),
    "/api": ("API", []),
    "/team": ("Team", []),
    "/notifications": ("Notifications", []),
    "/views": ("Saved views", ["cost-report"]),
    "/account": ("Account", []),
}
TABS = {"/changes": "/conversions", "/views": "/"}  # of pages that are not tabs themselves
PERSONAL_TABS = {"/account", "/notifications"}  # not shown to staff who view the portal


async def portal_layout(request: AnyRequest, advertiser: NamedDependency[AdvertiserStatus | None]) -> PageLayout:
    tenant = current_tenant()
    if advertiser is None:
        return PageLayout(AREA, tenant)
    user, view = current_user(request), current_session(request).view
    here = page_path(request)
    badges = {} if view else {"/notifications": unread_badge(await count_unread(tenant.schema, user))}
    nav = [
        NavLink(href, label, here=href == TABS.get(here, here), badge=badges.get(href))
        for href, (label, scopes) in PAGES.items()
        if href not in TABS and may_open(user, scopes) and not (view and href in PERSONAL_TABS)
    ]
    notices = paused_notices(tenant, advertiser)
    reminds = None if view else await reminder(request)  # staff cannot dismiss it
    return PageLayout(AREA, tenant, user, nav, notices, reminds, home_url=nav[0].href, view=view)


def unread_badge(unread: int) -> str | None:
    return "99+" if unread > 99 else str(unread) if unread else None


def paused_notices(tenant: Tenant, advertiser: AdvertiserStatus) -> list[Notice]:
    if advertiser.active:
        return []
    text = (
        f"{tenant.name} has paused your account. You can still view your data here, but API keys do not work, "
        f"including Singular's. Contact {current_branding().contact('the staff')}."
    )
    return [Notice("warning", text)]


def page_path(request: AnyRequest) -> str:
    """The page in PAGES to which the URL belongs."""
    return "/" + request.url.path.split("/")[1]


def may_open(user: User, scopes: Collection[str]) -> bool:
    return not scopes or not user.scopes.isdisjoint(scopes)


def forbidden_page(request: AnyRequest, layout: PageLayout) -> Response[Any] | None:
    """The response for users without any of the page's scopes; None for others."""
    label, scopes = PAGES[page_path(request)]
    if may_open(current_user(request), scopes):
        return None
    return render_page("portal/forbidden.html", layout, status=403, label=label)
