"""The platform's own staff: for owners."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from admin.platform.links import link_page
from admin.platform.tenants import actor_name
from auth.api_keys.listing import LARGEST_ID
from auth.users import totp
from auth.users.directory import UserDetails, list_users, update_staff_user
from auth.users.guards import current_user, requires_login, requires_role
from auth.users.invitations import invite_staff_user, renew_link
from auth.users.login_pages import request_origin
from auth.users.realms import PLATFORM
from auth.users.users import ROLES
from core.errors import GokartError
from web.pages.forms import Form, read_form, split_field_error
from web.pages.rendering import Notice, PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

DONE = {
    "role": "The role is changed.",
    "deactivated": "Deactivated: signed out everywhere, and no link works.",
    "activated": "May sign in again.",
    "two-step-off": "Two-step sign-in is off.",
}
ABOUT_ROLES = {
    "owner": "Everything, and the platform's staff.",
    "manager": "Creates, suspends, limits and migrates tenants, and invites their owners.",
    "viewer": "Sees everything, changes nothing.",
}
assert set(ABOUT_ROLES) == set(ROLES)


class StaffController(Controller):
    path = "/staff"
    guards = [requires_login, requires_role("owner")]

    @get()
    async def everybody(self, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return await staff_page(layout, Form([]))

    @post()
    async def invite(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        form = await read_form(request)
        try:
            invited = await invite_staff_user(PLATFORM, form["email"], form["name"], form["role"], actor_name())
        except GokartError as error:
            return await staff_page(layout, form, error=error)
        return await link_page(layout, invited, request_origin(request), back=("/staff", "Staff"))

    @get("/{user:int}")
    async def user(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        done = DONE.get(request.query_params.get("done", ""))
        return await person_page(request, layout, user, notice=Notice("success", done) if done else None)

    @post("/{user:int}/link")
    async def link(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        found = await somebody(user)
        try:
            invited = await renew_link(PLATFORM, user, actor_name())
        except GokartError as error:
            return await person_page(request, layout, user, error=error)
        return await link_page(layout, invited, request_origin(request), back=(f"/staff/{user}", found.name))

    @post("/{user:int}/role")
    async def role(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        form = await read_form(request)
        await somebody(user)
        try:
            await update_staff_user(PLATFORM, user, role=form["role"])
        except GokartError as error:
            return await person_page(request, layout, user, error=error)
        return redirect(request, f"/staff/{user}?done=role" if person_may_stay(request, user, form["role"]) else "/")

    @post("/{user:int}/deactivate")
    async def deactivate(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        await somebody(user)
        try:
            await update_staff_user(PLATFORM, user, active=False)
        except GokartError as error:
            return await person_page(request, layout, user, error=error)
        return redirect(request, f"/staff/{user}?done=deactivated")

    @post("/{user:int}/activate")
    async def activate(self, request: AnyRequest, user: FromPath[int]) -> Response[Any]:
        await somebody(user)
        await update_staff_user(PLATFORM, user, active=True)
        return redirect(request, f"/staff/{user}?done=activated")

    @post("/{user:int}/two-step-off")
    async def two_step_off(self, request: AnyRequest, user: FromPath[int]) -> Response[Any]:
        await somebody(user)
        await totp.disable_totp(PLATFORM, user)
        return redirect(request, f"/staff/{user}?done=two-step-off")


def person_may_stay(request: AnyRequest, user: int, role: str) -> bool:
    """Whether this page is still for whoever has just set that role."""
    return user != current_user(request).id or role == "owner"


async def somebody(user: int) -> UserDetails:
    """Raises Problem 404."""
    found = await list_users(PLATFORM, "p.id = $1", user) if 0 < user <= LARGEST_ID else []
    if not found:
        raise Problem(404, "There is nobody of this number.")
    return found[0]


async def staff_page(layout: PageLayout, form: Form, *, error: GokartError | None = None) -> Response[Any]:
    field, text = split_field_error(error) if error else ("", "")
    return render_page(
        "platform/staff.html",
        layout,
        status=400 if error else 200,
        everybody=await list_users(PLATFORM),
        roles=[(role, role.title(), about) for role, about in ABOUT_ROLES.items()],
        given={"email": form["email"], "name": form["name"], "role": form["role"] or "viewer"},
        errors={"email": "", "name": "", "role": ""} | {field or "email": text},
    )


async def person_page(
    request: AnyRequest,
    layout: PageLayout,
    user: int,
    *,
    notice: Notice | None = None,
    error: GokartError | None = None,
) -> Response[Any]:
    if error:
        notice = Notice("danger", split_field_error(error)[1])
    return render_page(
        "platform/user.html",
        layout,
        status=400 if error else 200,
        one=await somebody(user),
        own=user == current_user(request).id,
        roles=[(role, f"{role.title()}: {about}") for role, about in ABOUT_ROLES.items()],
        notice=notice,
    )
