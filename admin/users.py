"""/staff/people…: who signs in, as staff or for an advertiser.

Staff are the owners' to look after, all of it: whoever could make a link for an owner would be one.
"""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.api_keys.listing import LARGEST_ID
from auth.api_keys.pages import SCOPES
from auth.users import totp
from auth.users.directory import UserDetails, list_users, update_advertiser_user, update_staff_user
from auth.users.emails import send_link_email
from auth.users.guards import current_user, requires_login, requires_role
from auth.users.invitations import IssuedLink, invite_advertiser_user, invite_staff_user, renew_link
from auth.users.login_pages import one_time_url
from auth.users.mail import MailError, mail_is_on
from auth.users.one_time_links import LINK_LIFETIMES
from auth.users.realms import ADVERTISER, STAFF, Realm
from auth.users.sessions import end_sessions
from auth.users.users import ROLES
from catalog.service import advertiser_names
from core.errors import GokartError
from tenants.tenant import current_tenant
from web.pages.forms import read_form, split_field_error
from web.pages.origins import app_origin
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

ROOT = "/staff/people"
DONE = {
    "role": "The role is changed.",
    "scopes": "What this user may see is changed. Keys made before keep what they have.",
    "two-step": "Two-step sign-in is off. Ask for it to be set up again.",
    "sessions": "All sessions of this user have ended.",
    "off": "The account is deactivated, and its sessions have ended.",
    "on": "The account is active again.",
}
ABOUT_ROLES = {
    "owner": "Everything, staff and settings included.",
    "manager": "Everything but staff and settings.",
    "viewer": "Sees all pages and changes nothing.",
}
ABOUT_SCOPES = {
    "cost-report": "The dashboard and the cost report; keys for it.",
    "singular": "The Singular page; keys for Singular.",
}


class Kind(msgspec.Struct, frozen=True):
    """Of people: their `realm`, where their pages are, and what of theirs is chosen."""

    realm: Realm
    root: str
    choice: str
    options: list[tuple[str, str, str]]


STAFF_KIND = Kind(STAFF, f"{ROOT}/staff", "role", [(role, role.capitalize(), ABOUT_ROLES[role]) for role in ROLES])
LOGIN_KIND = Kind(
    ADVERTISER, f"{ROOT}/logins", "scopes", [(scope, SCOPES[scope][0], text) for scope, text in ABOUT_SCOPES.items()]
)


class PeopleController(Controller):
    path = "/people"
    guards = [requires_login]

    @get()
    async def people(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        names = await advertiser_names(current_tenant())
        logins = await list_users(ADVERTISER)
        return render_page(
            "admin/users.html",
            layout,
            staff=await list_users(STAFF),
            logins=sorted(logins, key=lambda login: names[str(login.advertiser)]),
            names=names,
        )


class StaffController(Controller):
    path = "/people/staff"
    guards = [requires_login, requires_role("owner")]

    @get("/new")
    async def new(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return invite_page(layout, STAFF_KIND, chosen=["viewer"])

    @post("/new")
    async def invite(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        form = await read_form(request)
        try:
            invited = await invite_staff_user(STAFF, form["email"], form["name"], form["role"], actor_of(request))
        except GokartError as error:
            return invite_page(layout, STAFF_KIND, form["email"], form["name"], [form["role"]], error=error)
        return await link_page(request, layout, STAFF_KIND, invited)

    @get("/{user:int}")
    async def user(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        return await person_page(request, layout, STAFF_KIND, user)

    @post("/{user:int}/role")
    async def role(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        form = await read_form(request)
        await found(STAFF, user)
        try:
            await update_staff_user(STAFF, user, role=form["role"])
        except GokartError as error:
            return await person_page(request, layout, STAFF_KIND, user, error=error)
        return done(request, STAFF_KIND, user, "role")

    @post("/{user:int}/active")
    async def active(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        active = (await read_form(request))["active"] == "on"
        await found(STAFF, user)
        try:
            await update_staff_user(STAFF, user, active=active)
        except GokartError as error:
            return await person_page(request, layout, STAFF_KIND, user, error=error)
        return done(request, STAFF_KIND, user, "on" if active else "off")

    @post("/{user:int}/link")
    async def link(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        return await make_link(request, layout, STAFF_KIND, user)

    @post("/{user:int}/sessions")
    async def sessions(self, request: AnyRequest, user: FromPath[int]) -> Response[Any]:
        return await end_user_sessions(request, STAFF_KIND, user)

    @post("/{user:int}/two-step")
    async def two_step(self, request: AnyRequest, user: FromPath[int]) -> Response[Any]:
        return await two_step_off(request, STAFF_KIND, user)


class AdvertiserUserController(Controller):
    path = "/people/logins"
    guards = [requires_login, requires_role("manager")]

    @get("/new")
    async def new(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        advertiser = request.query_params.get("advertiser", "")
        return invite_page(layout, LOGIN_KIND, chosen=list(ABOUT_SCOPES), **await owners_of(advertiser))

    @post("/new")
    async def invite(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        form = await read_form(request)
        email, name, scopes = form["email"], form["name"], form.all("scopes")
        try:
            advertiser = read_advertiser(form["advertiser"])
            invited = await invite_advertiser_user(email, name, advertiser, scopes, actor_of(request))
        except GokartError as error:
            return invite_page(
                layout, LOGIN_KIND, email, name, scopes, error=error, **await owners_of(form["advertiser"])
            )
        return await link_page(request, layout, LOGIN_KIND, invited)

    @get("/{user:int}")
    async def user(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        return await person_page(request, layout, LOGIN_KIND, user)

    @post("/{user:int}/scopes")
    async def scopes(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        form = await read_form(request)
        await found(ADVERTISER, user)
        try:
            await update_advertiser_user(user, scopes=form.all("scopes"))
        except GokartError as error:
            return await person_page(request, layout, LOGIN_KIND, user, error=error)
        return done(request, LOGIN_KIND, user, "scopes")

    @post("/{user:int}/active")
    async def active(self, request: AnyRequest, user: FromPath[int]) -> Response[Any]:
        active = (await read_form(request))["active"] == "on"
        await found(ADVERTISER, user)
        await update_advertiser_user(user, active=active)
        return done(request, LOGIN_KIND, user, "on" if active else "off")

    @post("/{user:int}/link")
    async def link(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], user: FromPath[int]
    ) -> Response[Any]:
        return await make_link(request, layout, LOGIN_KIND, user)

    @post("/{user:int}/sessions")
    async def sessions(self, request: AnyRequest, user: FromPath[int]) -> Response[Any]:
        return await end_user_sessions(request, LOGIN_KIND, user)

    @post("/{user:int}/two-step", guards=[requires_role("owner")])
    async def two_step(self, request: AnyRequest, user: FromPath[int]) -> Response[Any]:
        return await two_step_off(request, LOGIN_KIND, user)


def actor_of(request: AnyRequest) -> str:
    return current_user(request).actor(None).name


async def found(realm: Realm, user: int) -> UserDetails:
    """Raises Problem 404."""
    people = await list_users(realm, "p.id = $1", user) if 0 < user <= LARGEST_ID else []
    if not people:
        raise Problem(404, "There is no such user.")
    return people[0]


def read_advertiser(text: str) -> UUID:
    """Raises GokartError."""
    try:
        return UUID(text)
    except ValueError as error:
        raise GokartError("advertiser: Choose an advertiser.") from error


async def owners_of(chosen: str) -> dict[str, Any]:
    names = await advertiser_names(current_tenant())
    return {"owners": [("", "Choose an advertiser"), *names.items()], "owner": chosen}


def done(request: AnyRequest, kind: Kind, user: int, what: str) -> Response[Any]:
    return redirect(request, f"{kind.root}/{user}?done={what}")


async def end_user_sessions(request: AnyRequest, kind: Kind, user: int) -> Response[Any]:
    await end_sessions(kind.realm, (await found(kind.realm, user)).id)
    return done(request, kind, user, "sessions")


async def two_step_off(request: AnyRequest, kind: Kind, user: int) -> Response[Any]:
    await totp.disable_totp(kind.realm, (await found(kind.realm, user)).id)
    return done(request, kind, user, "two-step")


async def make_link(request: AnyRequest, layout: PageLayout, kind: Kind, user: int) -> Response[Any]:
    await found(kind.realm, user)
    try:
        invited = await renew_link(kind.realm, user, actor_of(request))
    except GokartError as error:
        return await person_page(request, layout, kind, user, error=error)
    return await link_page(request, layout, kind, invited)


def invite_page(
    layout: PageLayout,
    kind: Kind,
    email: str = "",
    name: str = "",
    chosen: list[str] | None = None,
    *,
    error: GokartError | None = None,
    **context: Any,
) -> Response[Any]:
    return render_page(
        "admin/invite.html",
        layout,
        status=400 if error else 200,
        root=ROOT,
        kind=kind,
        email=email[:400],
        name=name[:400],
        chosen=chosen or [],
        errors=dict([split_field_error(error)]) if error else {},
        mail=mail_is_on(),
        days=LINK_LIFETIMES["invitation"].days,
        **{"owners": [], "owner": ""} | context,
    )


async def link_page(request: AnyRequest, layout: PageLayout, kind: Kind, invited: IssuedLink) -> Response[Any]:
    """The answer to the form itself, since it is the only one that ever has the link in it. The letter is sent first,
    so that it can say whether that went well.
    """
    url = one_time_url(app_origin(request), kind.realm, invited.token)
    trouble = ""
    if mail_is_on():
        try:
            await send_link_email(invited.user, invited.purpose, url)
        except MailError as error:
            trouble = str(error)
    return render_page(
        "admin/link.html",
        layout,
        status=201,
        root=ROOT,
        invited=invited,
        url=url,
        hours=int(LINK_LIFETIMES[invited.purpose].total_seconds() // 3600),
        mailed=mail_is_on() and not trouble,
        trouble=trouble,
    )


async def person_page(
    request: AnyRequest, layout: PageLayout, kind: Kind, user: int, *, error: GokartError | None = None
) -> Response[Any]:
    """Raises Problem 404."""
    member = await found(kind.realm, user)
    names = await advertiser_names(current_tenant()) if member.advertiser else {}
    return render_page(
        "admin/user.html",
        layout,
        status=409 if error else 200,
        root=ROOT,
        kind=kind,
        member=member,
        myself=kind.realm is STAFF and member.id == current_user(request).id,
        advertiser=names.get(str(member.advertiser), ""),
        chosen=list(member.scopes) or [member.role],
        error=split_field_error(error)[1] if error else "",
        done=DONE.get(request.query_params.get("done", "")),
    )
