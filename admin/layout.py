"""What is around every page of the staff's desk."""

from admin.api_keys import ingest_notices
from auth.users.guards import current_user
from tenants.tenant import current_tenant
from web.pages.rendering import NavLink, PageLayout
from web.requests import AnyRequest, request_state

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


async def staff_layout(request: AnyRequest) -> PageLayout:
    user = current_user(request) if "session" in request_state(request.scope) else None
    here = "/".join(request.url.path.split("/")[:3])
    return PageLayout(
        AREA,
        current_tenant(),
        user,
        [
            NavLink(href, label, here=href == here)
            for href, label in PAGES.items()
            if user and (href not in OWNERS or user.is_at_least("owner"))
        ],
        await ingest_notices(user) if user else (),
        home_url="/staff",
        sign_out_url="/staff/sign-out",
        account_url="/staff/account",
    )
