"""/staff/people…: the tenant's staff and its advertiser users.

Only owners manage staff: a manager who could create a link for an owner could sign in as that owner.
"""

from typing import Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from admin.catalogue import back_to_advertiser
from auth.users.directory import list_users
from auth.users.guards import current_user, requires_login, requires_role
from auth.users.pages import AdvertiserUserController, StaffUserController, UserSection, users_page
from auth.users.realms import ADVERTISER, STAFF
from catalog.service import advertiser_names
from tenants.tenant import current_tenant
from web.pages.rendering import PageLayout
from web.requests import AnyRequest

ROOT = "/staff/people"


class TenantUsersController(Controller):
    path = "/people"
    guards = [requires_login]

    @get()
    async def users(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        user = current_user(request)
        is_owner, is_manager = user.is_at_least("owner"), user.is_at_least("manager")
        advertiser_users = await list_users(ADVERTISER)
        names = await advertiser_names(
            current_tenant(), {each.advertiser for each in advertiser_users if each.advertiser}
        )
        advertiser_users.sort(
            key=lambda each: (names[each.advertiser], str(each.advertiser)) if each.advertiser else ("", "")
        )
        invite_advertiser_user = (f"{ROOT}/logins/new", TenantAdvertiserUserController.invite_title)
        invite_staff = (f"{ROOT}/staff/new", TenantStaffController.invite_title)
        return users_page(
            layout,
            "Users",
            "Staff, and the users who sign in to the portal for an advertiser.",
            [
                UserSection("Staff", await list_users(STAFF), f"{ROOT}/staff" if is_owner else None),
                UserSection(
                    "Advertiser users", advertiser_users, f"{ROOT}/logins" if is_manager else None, advertisers=names
                ),
            ],
            [invite_advertiser_user] * is_manager + [invite_staff] * is_owner,
        )


class TenantStaffController(StaffUserController):
    path = "/people/staff"
    guards = [requires_login, requires_role("owner")]
    realm = STAFF
    root = f"{ROOT}/staff"
    back = (ROOT, "Users")
    invite_title = "Invite staff"
    role_help = {
        "owner": "Full access, including staff and settings.",
        "manager": "Full access except staff and settings.",
        "viewer": "Read-only access.",
    }


class TenantAdvertiserUserController(AdvertiserUserController):
    path = "/people/logins"
    guards = [requires_login, requires_role("manager")]
    root = f"{ROOT}/logins"
    back = (ROOT, "Users")
    invite_title = "Invite advertiser user"
    new_advertiser_url = "/staff/advertisers/new"

    def back_of(self, request: AnyRequest) -> tuple[str, str]:
        return back_to_advertiser(request) or self.back
