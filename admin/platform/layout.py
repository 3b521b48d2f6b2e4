"""What is around every page of the platform's admin."""

from auth.users.guards import session_of
from web.pages.rendering import Frame, Link
from web.requests import Call, state_of

AREA = "Platform"


async def platform_frame(request: Call) -> Frame:
    if "session" not in state_of(request.scope):
        return Frame(AREA, None)
    person = session_of(request).person
    pages = {"/": "Tenants"} | ({"/staff": "Staff"} if person.is_at_least("owner") else {}) | {"/audit": "Audit log"}
    first = "/" + request.url.path.split("/")[1]
    here = "/" if first in {"/tenants", "/new"} else first
    return Frame(AREA, None, person, [Link(href, label, here=href == here) for href, label in pages.items()])
