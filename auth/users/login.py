"""Signs users in and out, on the login pages and in Piccolo Admin's form."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from litestar import Response
from litestar.datastructures import Cookie

from auth.users import login_throttle, sessions, totp
from auth.users.guards import load_session
from auth.users.known_devices import LIFETIME, device_cookie, find_device, sign_device
from auth.users.realms import Realm
from auth.users.users import User, user_columns, user_from_row
from core.metrics import count_sign_in_failure
from database.audit_context import acting_as
from database.pool import connection
from web.requests import AnyConnection, client_address


async def check_password(realm: Realm, email: str, password: str, request: AnyConnection) -> User | None:
    """The user; None if the email address or the password is wrong. Raises Problem 429 before checking the password."""
    async with connection() as db:
        row = await db.fetchrow(
            f"SELECT p.password, {user_columns(realm)} FROM {realm.schema}.{realm.table} p WHERE email = $1 AND active",
            email.strip().lower(),
        )
    device = None
    if row and row["password"]:
        cookie = request.cookies.get(device_cookie(realm, secure=request.scope["scheme"] == "https"), "")
        device = find_device(realm, row["id"], row["password"], cookie)
    with counted_limit(realm):
        await login_throttle.count_login_attempt(realm, email, client_address(request.scope), device)
    if not await realm.hasher.verify(row["password"] if row else None, password):
        count_sign_in_failure(realm.name, "password")
        return None
    assert row is not None
    return user_from_row(realm, dict(row))


async def check_code(user: User, code: str, request: AnyConnection) -> bool:
    """Whether the code of the second factor is valid. Raises Problem 429."""
    with counted_limit(user.realm):
        await login_throttle.count_code_attempt(user.realm, user.id)
    with acting_as(user.actor(client_address(request.scope))):
        valid = await totp.verify_code(user.realm, user.id, code)
    if not valid:
        count_sign_in_failure(user.realm.name, "code")
    return valid


@contextmanager
def counted_limit(realm: Realm) -> Iterator[None]:
    try:
        yield
    except login_throttle.TooManyAttempts:
        count_sign_in_failure(realm.name, "limit")
        raise


async def start_session(user: User, request: AnyConnection, *, awaits_code: bool = False) -> list[Cookie]:
    """The cookies of a new session, which replaces the browser's current one, and of the device, which is known now."""
    realm, address = user.realm, client_address(request.scope)
    earlier = await load_session(realm, request)
    if earlier:
        await sessions.end_session(earlier.user, earlier.id)
    token = await sessions.create_session(
        realm,
        user.id,
        address=address,
        user_agent=request.headers.get("user-agent", ""),
        awaits_code=awaits_code,
    )
    cookie = session_cookie(realm, request, token, sessions.MAX_LIFETIME)
    if awaits_code:
        return [cookie]
    await login_throttle.reset_attempts(realm, user.email, user.id, address)
    async with connection() as db:
        await db.execute(f"UPDATE {realm.schema}.{realm.table} SET last_sign_in_at = now() WHERE id = $1", user.id)
        password = await db.fetchval(f"SELECT password FROM {realm.schema}.{realm.table} WHERE id = $1", user.id)
    name = device_cookie(realm, secure=request.scope["scheme"] == "https")
    return [cookie, host_cookie(name, request, sign_device(realm, user.id, password), LIFETIME)]


def session_cookie(realm: Realm, request: AnyConnection, value: str, max_age: timedelta) -> Cookie:
    return host_cookie(realm.cookie(secure=request.scope["scheme"] == "https"), request, value, max_age)


def host_cookie(name: str, request: AnyConnection, value: str, max_age: timedelta) -> Cookie:
    """For this host only, hidden from scripts, and not sent with forms of other sites."""
    return Cookie(
        key=name,
        value=value,
        max_age=int(max_age.total_seconds()),
        path="/",
        secure=request.scope["scheme"] == "https",
        httponly=True,
        samesite="lax",
    )


async def log_out(realm: Realm, request: AnyConnection, response: Response[Any]) -> Response[Any]:
    """Ends the session, and tells the browser to delete the cookie and its cached pages."""
    session = await load_session(realm, request)
    if session:
        await sessions.end_session(session.user, session.id)
    response.set_cookie(session_cookie(realm, request, "", timedelta()))
    response.headers["Clear-Site-Data"] = '"cache"'
    return response
