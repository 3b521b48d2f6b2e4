"""The account pages of a signed-in user: password, two-factor authentication, sessions."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.users import sessions, totp
from auth.users.emails import AccountChange, report_change
from auth.users.guards import OF_ONE_USER, current_session, current_user, requires_login
from auth.users.login import check_code, check_password, log_out
from auth.users.login_throttle import reset_attempts
from auth.users.one_time_links import revoke_links
from auth.users.passwords import MIN_LENGTH, check_new_password
from auth.users.users import User, known_names
from core.errors import GokartError
from database.transactions import transaction
from web.pages.forms import Form, read_form
from web.pages.rendering import Notice, PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest, client_address

INCORRECT = "The current password is incorrect."
DONE = {
    "password": "Your password was changed, and your other sessions were signed out.",
    "two-step-off": "Two-factor authentication is off.",
    "ended": "The session was signed out.",
}


class AccountController(Controller):
    opt = OF_ONE_USER
    path = "/account"
    guards = [requires_login]

    @get()
    async def account(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        done = DONE.get(request.query_params.get("done", ""))
        return await account_page(request, layout, notice=Notice("success", done) if done else None)

    @post("/password")
    async def password(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """Ends the user's other sessions, and links."""
        user, form = current_user(request), await read_form(request)
        try:
            await check_current(user, form["current"], request)
            await check_new_password(form["password"], form["again"], user.email, known_names(user))
        except GokartError as error:
            return await account_page(request, layout, password_error=str(error))
        hashed = await user.realm.hasher.hash(form["password"])
        async with transaction() as db:
            await db.execute(
                f"UPDATE {user.realm.schema}.{user.realm.table} SET password = $2 WHERE id = $1",
                user.id,
                hashed,
            )
            await revoke_links(db, user.realm, user.id)
        await sessions.end_sessions(user.realm, user.id, except_session=current_session(request).id)
        return reporting(request, "password", redirect(request, user.realm.path("/account?done=password")))

    @get("/two-step", opt={"before_totp": True})
    async def two_step_form(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        if current_user(request).totp:
            return redirect(request, current_user(request).realm.path("/account"))
        return totp_page(request, layout, totp.new_secret())

    @post("/two-step", opt={"before_totp": True})
    async def two_step(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """The recovery codes are in the answer, and nowhere else again."""
        user, form = current_user(request), await read_form(request)
        if user.totp:
            return redirect(request, user.realm.path("/account"))
        try:
            await check_current(user, form["current"], request)
            codes = await totp.enable_totp(user, form["secret"], form["code"])
        except GokartError as error:
            secret = form["secret"] if totp.is_secret(form["secret"]) else totp.new_secret()
            return totp_page(request, layout, secret, error=str(error))
        await sessions.end_sessions(user.realm, user.id, except_session=current_session(request).id)
        return reporting(request, "totp-on", recovery_codes_page(user, layout, codes))

    @post("/two-step/codes")
    async def codes(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        user, form = current_user(request), await read_form(request)
        try:
            await check_both_factors(user, form, request)
        except GokartError as error:
            return await account_page(request, layout, totp_error=str(error))
        page = recovery_codes_page(user, layout, await totp.renew_recovery_codes(user))
        return reporting(request, "codes", page)

    @post("/two-step/off")
    async def two_step_off(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        user, form = current_user(request), await read_form(request)
        try:
            await check_both_factors(user, form, request)
        except GokartError as error:
            return await account_page(request, layout, totp_error=str(error))
        await totp.disable_totp(user.realm, user.id)
        return reporting(request, "totp-off", redirect(request, user.realm.path("/account?done=two-step-off")))

    @post("/sessions/{session:int}/end")
    async def end_session(self, request: AnyRequest, session: FromPath[int]) -> Response[Any]:
        user = current_user(request)
        if not await sessions.end_session(user, session):
            raise Problem(404, "This session was already signed out.")
        return redirect(request, user.realm.path("/account?done=ended"))

    @post("/sessions/end-others")
    async def end_others(self, request: AnyRequest) -> Response[Any]:
        user = current_user(request)
        await sessions.end_sessions(user.realm, user.id, except_session=current_session(request).id)
        return redirect(request, user.realm.path("/account?done=ended"))

    @post("/sessions/end-all")
    async def end_all(self, request: AnyRequest) -> Response[Any]:
        user = current_user(request)
        await sessions.end_sessions(user.realm, user.id)
        return await log_out(user.realm, request, redirect(request, user.realm.path("/sign-in")))


def reporting(request: AnyRequest, change: AccountChange, response: Response[Any]) -> Response[Any]:
    """The response, after which the user gets an email about the change."""
    user = current_user(request)
    response.background = BackgroundTask(report_change, user.email, user.name, change, client_address(request.scope))
    return response


async def check_both_factors(user: User, form: Form, request: AnyRequest) -> None:
    """The password, and the app's code or a recovery code: a session that was left open must not suffice.

    Raises GokartError, or Problem 429 for too many tries.
    """
    if await check_password(user.realm, user.email, form["current"], request) is None:
        raise GokartError(INCORRECT)
    if user.totp and not await check_code(user, form["code"], request):
        raise GokartError("The code is incorrect or was used before. Enter a new one, or a recovery code.")
    await reset_attempts(user.realm, user.email, user.id, client_address(request.scope))


async def check_current(user: User, password: str, request: AnyRequest) -> None:
    """Raises GokartError, or Problem 429 for too many tries."""
    if await check_password(user.realm, user.email, password, request) is None:
        raise GokartError(INCORRECT)
    await reset_attempts(user.realm, user.email, user.id, client_address(request.scope))


async def account_page(
    request: AnyRequest,
    layout: PageLayout,
    *,
    notice: Notice | None = None,
    password_error: str | None = None,
    totp_error: str | None = None,
) -> Response[Any]:
    user = current_user(request)
    return render_page(
        "users/account.html",
        layout,
        status=400 if password_error or totp_error else 200,
        root=user.realm.path("/account"),
        role=user.role,
        totp=user.totp,
        sessions=await sessions.list_sessions(user),
        this_session=current_session(request).id,
        notice=notice,
        password_error=password_error,
        totp_error=totp_error,
        shortest=MIN_LENGTH,
    )


def totp_page(request: AnyRequest, layout: PageLayout, secret: str, *, error: str | None = None) -> Response[Any]:
    import segno  # takes 2 MB, in the few processes that show this page

    user = current_user(request)
    issuer = layout.tenant.name if layout.tenant else "GoKart"
    return render_page(
        "users/totp.html",
        layout,
        status=400 if error else 200,
        action=user.realm.path("/account/two-step"),
        secret=secret,
        picture=segno.make(totp.setup_uri(secret, user, issuer)).svg_data_uri(scale=5, border=2, light="white"),
        required=current_session(request).totp_required,
        error=error,
    )


def recovery_codes_page(user: User, layout: PageLayout, codes: list[str]) -> Response[Any]:
    return render_page("users/recovery_codes.html", layout, codes=codes, onward=user.realm.home)
