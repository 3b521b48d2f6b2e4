"""/team…: the users of the advertiser. Its administrators invite, manage and remove the others."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from auth.scopes import DEFAULT_SCOPES, SCOPE_NAMES
from auth.users import sessions, team
from auth.users.directory import UserDetails
from auth.users.guards import OF_ONE_USER, current_user, requires_login
from auth.users.mail import mail_is_on
from auth.users.one_time_links import describe_lifetime
from auth.users.pages import SCOPE_HELP, issued_link_page
from auth.users.realms import ADVERTISER
from auth.users.users import User
from core.errors import GokartError
from web.pages.forms import Form, read_form, split_field_error
from web.pages.origins import app_origin
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

ROOT = "/team"
BACK = (ROOT, "Team")
ADMIN = "admin"  # the value of its checkbox among those of the scopes
DONE = {
    "permissions": "The permissions were changed. Existing API keys keep their permissions.",
    "sessions": "The user was signed out of all sessions.",
    "off": "The account was deactivated and signed out of all sessions.",
    "on": "The account was activated.",
    "removed": "The user was removed.",
}


def requires_admin(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard, after `requires_login`. Raises Problem 403."""
    if not current_user(connection).admin:
        raise Problem(403, "Only administrators of your team manage it. The page “Team” lists them.")


class TeamController(Controller):
    path = ROOT
    guards = [requires_login]

    @get()
    async def team(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        user = current_user(request)
        users = await team.list_team(user)
        return render_page(
            "portal/team.html",
            layout,
            users=users,
            user=user,
            administrators=[each for each in users if each.admin and each.active and each.joined],
            done=DONE.get(request.query_params.get("done", "")),
        )

    @get("/new", guards=[requires_admin], opt=OF_ONE_USER)
    async def invite_form(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return invite_page(layout, current_user(request), Form([("scopes", scope) for scope in DEFAULT_SCOPES]))

    @post("/new", guards=[requires_admin])
    async def invite(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        user, form = current_user(request), await read_form(request)
        try:
            link = await team.invite_colleague(
                user, form["email"], form["name"], form.all("scopes"), admin=form.has(ADMIN)
            )
        except GokartError as error:
            return invite_page(layout, user, form, error=error)
        return await issued_link_page(layout, link, app_origin(request), back=BACK)

    @get("/{user_id:int}", guards=[requires_admin], opt=OF_ONE_USER)
    async def colleague(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user_id: FromPath[int]
    ) -> Response[Any]:
        colleague = await colleague_or_404(request, user_id)
        return colleague_page(request, layout, colleague)

    @post("/{user_id:int}/permissions", guards=[requires_admin])
    async def set_permissions(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user_id: FromPath[int]
    ) -> Response[Any]:
        form, colleague = await read_form(request), await colleague_or_404(request, user_id)
        try:
            await team.set_permissions(current_user(request), colleague, form.all("scopes"), admin=form.has(ADMIN))
        except GokartError as error:
            return colleague_page(request, layout, colleague, error=error)
        return redirect(request, f"{ROOT}/{colleague.id}?done=permissions")

    @post("/{user_id:int}/active", guards=[requires_admin])
    async def set_active(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user_id: FromPath[int]
    ) -> Response[Any]:
        active = (await read_form(request))["active"] == "on"
        colleague = await colleague_or_404(request, user_id)
        try:
            await team.set_active(current_user(request), colleague, active=active)
        except GokartError as error:
            return colleague_page(request, layout, colleague, error=error)
        return redirect(request, f"{ROOT}/{colleague.id}?done={'on' if active else 'off'}")

    @post("/{user_id:int}/link", guards=[requires_admin])
    async def create_link(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user_id: FromPath[int]
    ) -> Response[Any]:
        colleague = await colleague_or_404(request, user_id)
        try:
            link = await team.renew_invitation(current_user(request), colleague)
        except GokartError as error:
            return colleague_page(request, layout, colleague, error=error)
        return await issued_link_page(
            layout, link, app_origin(request), back=(f"{ROOT}/{colleague.id}", colleague.name)
        )

    @post("/{user_id:int}/sessions", guards=[requires_admin])
    async def end_sessions(self, request: AnyRequest, user_id: FromPath[int]) -> Response[Any]:
        colleague = await colleague_or_404(request, user_id)
        await sessions.end_sessions(ADVERTISER, colleague.id)
        return redirect(request, f"{ROOT}/{colleague.id}?done=sessions")

    @post("/{user_id:int}/remove", guards=[requires_admin])
    async def remove(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user_id: FromPath[int]
    ) -> Response[Any]:
        colleague = await colleague_or_404(request, user_id)
        try:
            await team.remove_colleague(current_user(request), colleague)
        except GokartError as error:
            return colleague_page(request, layout, colleague, error=error)
        return redirect(request, f"{ROOT}?done=removed")


async def colleague_or_404(request: AnyRequest, user_id: int) -> UserDetails:
    """Raises Problem 404, also for a user of another advertiser."""
    found = await team.find_colleague(current_user(request), user_id)
    if found is None:
        raise Problem(404, "User not found.")
    return found


def scope_options(user: User) -> list[tuple[str, str, str]]:
    """The permissions that the user may give: value, label, help."""
    return [(scope, SCOPE_NAMES[scope], SCOPE_HELP[scope]) for scope in team.own_scopes(user)]


def invite_page(layout: PageLayout, user: User, form: Form, *, error: GokartError | None = None) -> Response[Any]:
    return render_page(
        "portal/team_invite.html",
        layout,
        status=400 if error else 200,
        back=BACK,
        options=scope_options(user),
        email=form["email"][:400],
        name=form["name"][:400],
        chosen=form.all("scopes"),
        admin=form.has(ADMIN),
        errors=dict([split_field_error(error)]) if error else {},
        mail=mail_is_on(),
        lifetime=describe_lifetime("invitation"),
    )


def colleague_page(
    request: AnyRequest, layout: PageLayout, colleague: UserDetails, *, error: GokartError | None = None
) -> Response[Any]:
    user = current_user(request)
    return render_page(
        "portal/team_user.html",
        layout,
        status=409 if error else 200,
        root=f"{ROOT}/{colleague.id}",
        back=BACK,
        user=colleague,
        is_self=colleague.id == user.id,
        options=scope_options(user),
        others=[SCOPE_NAMES[scope] for scope in colleague.scopes if scope not in user.scopes],
        error=split_field_error(error)[1] if error else "",
        done=DONE.get(request.query_params.get("done", "")),
    )
