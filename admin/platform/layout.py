"""What is around every page of the platform's admin."""

from auth.users.guards import current_session
from web.pages.rendering import Frame, Link
from web.requests import Call, state_of

AREA = "Platform"


async def platform_frame(request: Call) -> Frame:
    if "session" not in state_of(request.scope):
        return Frame(AREA, None)
    user = current_session(request).user
    pages = {"/": "Tenants"} | ({"/staff": "Staff"} if user.is_at_least("owner") else {}) | {"/audit": "Audit log"}
    first = "/" + request.url.path.split("/")[1]
    here = "/" if first in {"/tenants", "/new"} else first
    return Frame(AREA, None, user, [Link(href, label, here=href == here) for href, label in pages.items()])
