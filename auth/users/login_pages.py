"""The pages for signing in and out, resetting a password, and using a one-time link. Every realm has them."""

from typing import Any
from urllib.parse import quote

import structlog
from litestar import Controller, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.users import login_throttle, one_time_links
from auth.users.emails import report_change, send_link_email
from auth.users.guards import load_session, realm_of
from auth.users.login import check_code, check_password, log_out, start_session
from auth.users.mail import MailError, mail_is_on
from auth.users.passwords import MIN_LENGTH, check_new_password
from auth.users.realms import Realm
from auth.users.users import User, find_user, known_names
from core.errors import GokartError
from database.audit_context import acting_as
from web.pages.forms import read_form
from web.pages.origins import email_origin
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import local_path, redirect
from web.problems import Problem
from web.requests import Address, AnyRequest, client_address

log = structlog.get_logger()

LOGIN_FAILED = "The email address or the password is incorrect."


class LoginController(Controller):
    opt = {"before_totp": True}

    @get("/sign-in")
    async def form(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        realm = realm_of(request.route_handler)
        after = local_path(request.query_params.get("next"), realm.home)
        session = await load_session(realm, request)
        if session and not session.awaits_code:
            return redirect(request, after)
        return login_page(realm, layout, after)

    @post("/sign-in")
    async def sign_in(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        realm, form = realm_of(request.route_handler), await read_form(request)
        after = local_path(form["next"], realm.home)
        user = await check_password(realm, form["email"], form["password"], request)
        if user is None:
            return login_page(realm, layout, after, email=form["email"][:320], error=LOGIN_FAILED, status=403)
        cookies = await start_session(user, request, awaits_code=user.totp)
        response = redirect(request, code_path(realm, after) if user.totp else after)
        response.cookies.extend(cookies)
        return response

    @get("/sign-in/code")
    async def code_form(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        realm = realm_of(request.route_handler)
        after = local_path(request.query_params.get("next"), realm.home)
        if await user_awaiting_code(realm, request) is None:
            return redirect(request, realm.path("/sign-in"))
        return render_page("users/code.html", layout, action=realm.path("/sign-in/code"), after=after, error=None)

    @post("/sign-in/code")
    async def code(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        realm, form = realm_of(request.route_handler), await read_form(request)
        after = local_path(form["next"], realm.home)
        user = await user_awaiting_code(realm, request)
        if user is None:
            return redirect(request, realm.path("/sign-in"))
        if not await check_code(user, form["code"], request):
            error = "The code is incorrect or was already used."
            return render_page(
                "users/code.html",
                layout,
                status=403,
                action=realm.path("/sign-in/code"),
                after=after,
                error=error,
            )
        response = redirect(request, after)
        response.cookies.extend(await start_session(user, request))
        return response

    @post("/sign-out")
    async def sign_out(self, request: AnyRequest) -> Response[Any]:
        realm = realm_of(request.route_handler)
        return await log_out(realm, request, redirect(request, realm.path("/sign-in")))

    @get("/forgot")
    async def forgot_form(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return forgot_page(realm_of(request.route_handler), layout)

    @post("/forgot")
    async def forgot(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """Responds the same whether the user exists or not, and sends the email after the response."""
        realm, form = realm_of(request.route_handler), await read_form(request)
        if not mail_is_on():
            raise Problem(404, "This server does not send email. Ask the staff for a link.")
        email = form["email"].strip().lower()
        address = client_address(request.scope)
        await login_throttle.count_reset_request(realm, email, address)
        response = forgot_page(realm, layout, sent=True)
        response.background = BackgroundTask(send_reset_link, realm, email, address, email_origin(request))
        return response

    @get("/link/{token:str}")
    async def link_form(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], token: FromPath[str]
    ) -> Response[Any]:
        realm = realm_of(request.route_handler)
        return set_password_page(realm, layout, token, await one_time_links.find_link(realm, token))

    @post("/link/{token:str}")
    async def use_link(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], token: FromPath[str]
    ) -> Response[Any]:
        realm, form = realm_of(request.route_handler), await read_form(request)
        link = await one_time_links.find_link(realm, token)
        if link is None:
            return set_password_page(realm, layout, token, None)
        try:
            await check_new_password(form["password"], form["again"], link.user.email, known_names(link.user))
            await one_time_links.use_link(realm, token, link.user, form["password"], client_address(request.scope))
        except GokartError as error:
            return set_password_page(realm, layout, token, link, error=str(error))
        cookies = await start_session(link.user, request, awaits_code=link.user.totp)
        response = redirect(request, code_path(realm, realm.home) if link.user.totp else realm.home)
        response.cookies.extend(cookies)
        user = link.user
        response.background = BackgroundTask(
            report_change, user.email, user.name, "password", client_address(request.scope)
        )
        return response


def code_path(realm: Realm, after: str) -> str:
    return realm.path("/sign-in/code") + (f"?next={quote(after)}" if after != realm.home else "")


async def user_awaiting_code(realm: Realm, request: AnyRequest) -> User | None:
    """The user who entered the right password and has not entered the code yet."""
    session = await load_session(realm, request)
    return session.user if session and session.awaits_code else None


async def send_reset_link(realm: Realm, email: str, address: Address | None, origin: str) -> None:
    user = await find_user(realm, email)
    if user:
        actor = user.actor(address)
        with acting_as(actor):
            token = await one_time_links.create_link(realm, user.id, "reset", actor.name)
        try:
            await send_link_email(user, "reset", one_time_url(origin, realm, token))
        except MailError as error:
            log.warning("email not sent", error=str(error))


def one_time_url(origin: str, realm: Realm, token: str) -> str:
    return origin + realm.path(f"/link/{token}")


def login_page(
    realm: Realm, layout: PageLayout, after: str, *, email: str = "", error: str | None = None, status: int = 200
) -> Response[Any]:
    return render_page(
        "users/login.html",
        layout,
        status=status,
        action=realm.path("/sign-in"),
        forgot=realm.path("/forgot"),
        after=after,
        email=email,
        error=error,
    )


def forgot_page(realm: Realm, layout: PageLayout, *, sent: bool = False) -> Response[Any]:
    return render_page(
        "users/forgot.html",
        layout,
        action=realm.path("/forgot"),
        sign_in=realm.path("/sign-in"),
        mail=mail_is_on(),
        sent=sent,
        hours=int(one_time_links.LINK_LIFETIMES["reset"].total_seconds() // 3600),
    )


def set_password_page(
    realm: Realm, layout: PageLayout, token: str, link: one_time_links.OneTimeLink | None, *, error: str | None = None
) -> Response[Any]:
    return render_page(
        "users/set_password.html",
        layout,
        status=404 if link is None else 400 if error else 200,
        action=realm.path(f"/link/{token}"),
        sign_in=realm.path("/sign-in"),
        link=link,
        shortest=MIN_LENGTH,
        error=error,
    )
