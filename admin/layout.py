"""What is around every page of the staff's desk."""

from admin.api_keys import ingest_notices
from auth.users.guards import person_of
from tenants.tenant import current_tenant
from web.pages.rendering import Frame, Link
from web.requests import Call, state_of

AREA = "Staff desk"
PAGES = {
    "/staff": "Overview",
    "/staff/keys": "API keys",
    "/staff/people": "People",
    "/staff/singular": "Singular",
    "/staff/corrections": "Corrections",
    "/staff/audit": "Audit log",
    "/staff/settings": "Settings",
    "/admin/": "All tables",
}
OWNERS = {"/staff/settings"}


async def staff_frame(request: Call) -> Frame:
    person = person_of(request) if "session" in state_of(request.scope) else None
    here = "/".join(request.url.path.split("/")[:3])
    return Frame(
        AREA,
        current_tenant(),
        person,
        [
            Link(href, label, here=href == here)
            for href, label in PAGES.items()
            if person and (href not in OWNERS or person.is_at_least("owner"))
        ],
        await ingest_notices(person) if person else (),
        home_url="/staff",
        sign_out_url="/staff/sign-out",
        account_url="/staff/account",
    )
