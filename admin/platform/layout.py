"""The layout of the platform admin's pages."""

from auth.users.guards import current_session
from web.pages.rendering import NavLink, PageLayout
from web.requests import AnyRequest, request_state

AREA = "Platform"


async def platform_layout(request: AnyRequest) -> PageLayout:
    if "session" not in request_state(request.scope):
        return PageLayout(AREA, None)
    user = current_session(request).user
    pages = {"/": "Tenants"} | ({"/staff": "Staff"} if user.is_at_least("owner") else {}) | {"/audit": "Audit log"}
    first = "/" + request.url.path.split("/")[1]
    here = "/" if first in {"/tenants", "/new"} else first
    return PageLayout(AREA, None, user, [NavLink(href, label, here=href == here) for href, label in pages.items()])
