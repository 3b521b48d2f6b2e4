"""The layout of the staff pages: area, navigation, notices."""

from admin.api_keys import ingest_key_reminder
from auth.users.guards import current_user
from tenants.tenant import current_tenant
from web.pages.rendering import NavLink, PageLayout
from web.requests import AnyRequest, request_state

AREA = "Admin"
# The pages of each tab; the first is the one that the tab links to.
TABS = {
    "Spend": ["/staff", "/staff/views"],
    "Advertisers": ["/staff/advertisers"],
    "Offers": ["/staff/offers"],
    "Partners": ["/staff/partners"],
    "Intake": ["/staff/intake", "/staff/corrections"],
    "API keys": ["/staff/keys"],
    "Users": ["/staff/people"],
    "Singular": ["/staff/singular"],
    "Logs": ["/staff/requests", "/staff/audit"],
    "Settings": ["/staff/settings"],
    "Database": ["/admin/"],
}
OWNER_TABS = {"Settings"}


async def staff_layout(request: AnyRequest) -> PageLayout:
    user = current_user(request) if "session" in request_state(request.scope) else None
    here = "/".join(request.url.path.split("/")[:3])
    return PageLayout(
        AREA,
        current_tenant(),
        user,
        [
            NavLink(paths[0], label, here=here in paths)
            for label, paths in TABS.items()
            if user and (label not in OWNER_TABS or user.is_at_least("owner"))
        ],
        reminder=await ingest_key_reminder(request) if user else None,
        home_url="/staff",
        sign_out_url="/staff/sign-out",
        account_url="/staff/account",
    )
