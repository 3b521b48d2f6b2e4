"""/staff…: the platform's own staff. Only owners manage them."""

from typing import Any

from litestar import Response, get
from litestar.di import NamedDependency

from auth.users.directory import list_users
from auth.users.guards import requires_login, requires_role
from auth.users.pages import StaffUserController, UserSection, users_page
from auth.users.realms import PLATFORM
from web.pages.rendering import PageLayout

ROOT = "/staff"


class PlatformStaffController(StaffUserController):
    path = ROOT
    guards = [requires_login, requires_role("owner")]
    realm = PLATFORM
    root = ROOT
    back = (ROOT, "Staff")
    invite_title = "Invite staff"
    role_help = {
        "owner": "Full access, including platform staff.",
        "manager": "Create, suspend, limit and migrate tenants, and invite their owners.",
        "viewer": "Read-only access.",
    }

    @get()
    async def staff(self, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return users_page(
            layout,
            "Staff",
            "Users who manage the platform. Each tenant manages its own staff.",
            [UserSection("Staff", await list_users(PLATFORM), ROOT)],
            [(f"{ROOT}/new", self.invite_title)],
        )
