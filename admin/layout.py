"""The layout of the staff pages: area, navigation, notices."""

from admin.api_keys import ingest_key_notices
from auth.users.guards import current_user
from tenants.tenant import current_tenant
from web.pages.rendering import NavLink, PageLayout
from web.requests import AnyRequest, request_state

AREA = "Admin"
PAGES = {
    "/staff": "Overview",
    "/staff/keys": "API keys",
    "/staff/people": "Users",
    "/staff/singular": "Singular",
    "/staff/offers": "Offers",
    "/staff/corrections": "Corrections",
    "/staff/audit": "Audit log",
    "/staff/settings": "Settings",
    "/admin/": "Database",
}
OWNER_PAGES = {"/staff/settings"}


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
            if user and (href not in OWNER_PAGES or user.is_at_least("owner"))
        ],
        await ingest_key_notices(user) if user else (),
        home_url="/staff",
        sign_out_url="/staff/sign-out",
        account_url="/staff/account",
    )
