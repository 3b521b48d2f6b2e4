"""The pages on which staff manage users. One controller serves all realms: a tenant's staff, advertiser users, and the
platform's staff.
"""

from typing import Any, ClassVar
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.scopes import DEFAULT_SCOPES, SCOPE_NAMES
from auth.users import totp
from auth.users.directory import MAX_USER_ID, UserDetails, list_users, update_advertiser_user, update_staff_user
from auth.users.emails import report_change, send_link_email
from auth.users.guards import current_user, requires_role
from auth.users.invitations import IssuedLink, invite_advertiser_user, invite_staff_user, renew_link
from auth.users.login_pages import one_time_url
from auth.users.mail import MailError, mail_is_on
from auth.users.one_time_links import describe_lifetime
from auth.users.realms import ADVERTISER, Realm
from auth.users.sessions import end_sessions
from auth.users.users import ROLES
from catalog.advertiser_choice import AdvertiserChoice, advertiser_choice, find_chosen_advertiser
from catalog.service import advertiser_names
from core.errors import GokartError
from tenants.tenant import current_tenant
from web.pages.forms import Form, read_form, split_field_error
from web.pages.origins import app_origin
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

DONE = {
    "role": "The role was changed.",
    "scopes": "The permissions were changed. Existing API keys keep their permissions.",
    "admin": "The user is now an administrator of the advertiser.",
    "no-admin": "The user is no longer an administrator of the advertiser.",
    "two-step": "Two-factor authentication is off. Ask the user to set it up again.",
    "sessions": "The user was signed out of all sessions.",
    "off": "The account was deactivated and signed out of all sessions.",
    "on": "The account was activated.",
}
SCOPE_HELP = {
    "cost-report": "View the dashboard and conversions, and create API keys for the cost report.",
    "singular": "View the Singular page and create API keys for Singular.",
    "conversions": "View and export conversions with click IDs and details, and create API keys that read them.",
}


class UserSection(msgspec.Struct, frozen=True):
    """The users of a realm in a list. `root` is the URL below which they are managed; None if the viewer may not."""

    title: str
    users: list[UserDetails]
    root: str | None
    advertisers: dict[UUID, str] | None = None  # name by id, in the section of advertiser users


class UserController(Controller):
    """Invites and manages the users of `realm`, below the path `root`. `back` is the URL and title of the list."""

    realm: ClassVar[Realm]
    root: ClassVar[str]
    back: ClassVar[tuple[str, str]]
    invite_title: ClassVar[str]
    new_advertiser_url: ClassVar[str] = ""

    @get("/new")
    async def invite_form(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        chosen = list(DEFAULT_SCOPES) if self.realm is ADVERTISER else ["viewer"]
        return await self.invite_page(request, layout, Form([]), chosen, request.query_params.get("advertiser", ""))

    @post("/new")
    async def invite(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        form = await read_form(request)
        try:
            link = await self.create_user(form, current_user(request).actor(None).name)
        except GokartError as error:
            chosen = form.all("scopes") if self.realm is ADVERTISER else [form["role"]]
            return await self.invite_page(request, layout, form, chosen, form["advertiser"], error=error)
        return await issued_link_page(layout, link, app_origin(request), back=self.back_of(request))

    @get("/{user_id:int}")
    async def user(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user_id: FromPath[int]
    ) -> Response[Any]:
        return await self.user_page(request, layout, user_id)

    @post("/{user_id:int}/active")
    async def set_active(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user_id: FromPath[int]
    ) -> Response[Any]:
        active = (await read_form(request))["active"] == "on"
        await find_user_or_404(self.realm, user_id)
        try:
            if self.realm is ADVERTISER:
                await update_advertiser_user(user_id, active=active)
            else:
                await update_staff_user(self.realm, user_id, active=active)
        except GokartError as error:
            return await self.user_page(request, layout, user_id, error=error)
        return self.done(request, user_id, "on" if active else "off")

    @post("/{user_id:int}/link")
    async def create_link(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user_id: FromPath[int]
    ) -> Response[Any]:
        details = await find_user_or_404(self.realm, user_id)
        try:
            link = await renew_link(self.realm, user_id, current_user(request).actor(None).name)
        except GokartError as error:
            return await self.user_page(request, layout, user_id, error=error)
        back = (f"{self.root}/{user_id}", details.name)
        return await issued_link_page(layout, link, app_origin(request), back=back)

    @post("/{user_id:int}/sessions")
    async def end_sessions(self, request: AnyRequest, user_id: FromPath[int]) -> Response[Any]:
        await end_sessions(self.realm, (await find_user_or_404(self.realm, user_id)).id)
        return self.done(request, user_id, "sessions")

    @post("/{user_id:int}/two-step", guards=[requires_role("owner")])
    async def disable_totp(self, request: AnyRequest, user_id: FromPath[int]) -> Response[Any]:
        details = await find_user_or_404(self.realm, user_id)
        await totp.disable_totp(self.realm, details.id)
        response = self.done(request, user_id, "two-step")
        response.background = BackgroundTask(report_change, details.email, details.name, "totp-off")
        return response

    def options(self) -> list[tuple[str, str, str]]:
        """The permissions to choose from: value, label, help."""
        raise NotImplementedError

    async def create_user(self, form: Form, created_by: str) -> IssuedLink:
        """Raises GokartError."""
        raise NotImplementedError

    def back_of(self, request: AnyRequest) -> tuple[str, str]:
        """The URL and title of the page from which the user came to the invitation."""
        return self.back

    def done(self, request: AnyRequest, user_id: int, what: str) -> Response[Any]:
        return redirect(request, f"{self.root}/{user_id}?done={what}")

    async def invite_page(
        self,
        request: AnyRequest,
        layout: PageLayout,
        form: Form,
        chosen: list[str],
        advertiser: str,
        *,
        error: GokartError | None = None,
    ) -> Response[Any]:
        choice: AdvertiserChoice | None = None
        if self.realm is ADVERTISER:
            choice = await advertiser_choice(current_tenant(), advertiser)
        return render_page(
            "users/invite.html",
            layout,
            status=400 if error else 200,
            title=self.invite_title,
            back=self.back_of(request),
            has_scopes=self.realm is ADVERTISER,
            options=self.options(),
            email=form["email"][:400],
            name=form["name"][:400],
            chosen=chosen,
            choice=choice,
            new_advertiser_url=self.new_advertiser_url,
            errors=dict([split_field_error(error)]) if error else {},
            mail=mail_is_on(),
            lifetime=describe_lifetime("invitation"),
        )

    async def user_page(
        self, request: AnyRequest, layout: PageLayout, user_id: int, *, error: GokartError | None = None
    ) -> Response[Any]:
        """Raises Problem 404."""
        details = await find_user_or_404(self.realm, user_id)
        names = await advertiser_names(current_tenant(), [details.advertiser]) if details.advertiser else {}
        return render_page(
            "users/user.html",
            layout,
            status=409 if error else 200,
            root=f"{self.root}/{details.id}",
            back=self.back,
            has_scopes=self.realm is ADVERTISER,
            options=self.options(),
            user=details,
            is_self=current_user(request).realm is self.realm and details.id == current_user(request).id,
            account_url=current_user(request).realm.path("/account"),
            audit_url=current_user(request).realm.path(f"/audit?subject={self.realm.table}&key={details.id}"),
            advertiser=names[details.advertiser] if details.advertiser else "",
            chosen=list(details.scopes) or [details.role],
            error=split_field_error(error)[1] if error else "",
            done=DONE.get(request.query_params.get("done", "")),
        )


class StaffUserController(UserController):
    """Manages staff, who have a role."""

    role_help: ClassVar[dict[str, str]]

    def options(self) -> list[tuple[str, str, str]]:
        return [(role, role.capitalize(), self.role_help[role]) for role in ROLES]

    async def create_user(self, form: Form, created_by: str) -> IssuedLink:
        return await invite_staff_user(self.realm, form["email"], form["name"], form["role"], created_by)

    @post("/{user_id:int}/role")
    async def set_role(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user_id: FromPath[int]
    ) -> Response[Any]:
        form = await read_form(request)
        await find_user_or_404(self.realm, user_id)
        try:
            await update_staff_user(self.realm, user_id, role=form["role"])
        except GokartError as error:
            return await self.user_page(request, layout, user_id, error=error)
        if user_id == current_user(request).id and form["role"] != "owner":
            return redirect(request, self.realm.home)  # this page is for owners
        return self.done(request, user_id, "role")


class AdvertiserUserController(UserController):
    """Manages advertiser users, who have scopes."""

    realm = ADVERTISER

    def options(self) -> list[tuple[str, str, str]]:
        return [(scope, SCOPE_NAMES[scope], text) for scope, text in SCOPE_HELP.items()]

    async def create_user(self, form: Form, created_by: str) -> IssuedLink:
        advertiser = await find_chosen_advertiser(current_tenant(), form["advertiser"])
        return await invite_advertiser_user(form["email"], form["name"], advertiser, form.all("scopes"), created_by)

    @post("/{user_id:int}/scopes")
    async def set_scopes(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user_id: FromPath[int]
    ) -> Response[Any]:
        form = await read_form(request)
        await find_user_or_404(self.realm, user_id)
        try:
            await update_advertiser_user(user_id, scopes=form.all("scopes"))
        except GokartError as error:
            return await self.user_page(request, layout, user_id, error=error)
        return self.done(request, user_id, "scopes")

    @post("/{user_id:int}/admin")
    async def set_admin(self, request: AnyRequest, user_id: FromPath[int]) -> Response[Any]:
        admin = (await read_form(request))["admin"] == "on"
        await update_advertiser_user((await find_user_or_404(self.realm, user_id)).id, admin=admin)
        return self.done(request, user_id, "admin" if admin else "no-admin")


async def find_user_or_404(realm: Realm, user_id: int) -> UserDetails:
    """Raises Problem 404."""
    found = await list_users(realm, "p.id = $1", user_id) if 0 < user_id <= MAX_USER_ID else []
    if not found:
        raise Problem(404, "User not found.")
    return found[0]


def users_page(
    layout: PageLayout, title: str, text: str, sections: list[UserSection], actions: list[tuple[str, str]]
) -> Response[Any]:
    """The list. `actions` are the URL and label of each button."""
    return render_page("users/list.html", layout, title=title, text=text, sections=sections, actions=actions)


async def issued_link_page(
    layout: PageLayout, link: IssuedLink, origin: str, *, back: tuple[str, str], notice: str = ""
) -> Response[Any]:
    """Shows a one-time link: no other response contains it. Sends it by email first, to say whether that worked.

    `origin` is that of the pages on which the user signs in.
    """
    url = one_time_url(origin, link.user.realm, link.token)
    mail_error = ""
    if mail_is_on():
        try:
            await send_link_email(link.user, link.purpose, url)
        except MailError as error:
            mail_error = str(error)
    return render_page(
        "users/issued_link.html",
        layout,
        status=201,
        back=back,
        notice=notice,
        user=link.user,
        purpose=link.purpose,
        url=url,
        lifetime=describe_lifetime(link.purpose),
        mailed=mail_is_on() and not mail_error,
        mail_error=mail_error,
    )
