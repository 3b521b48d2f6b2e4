"""Signing in and out, for pages and for Piccolo Admin's own form alike."""

from typing import Any

from litestar import Response
from litestar.datastructures import Cookie

from auth.users import login_throttle, sessions, totp
from auth.users.guards import AnyConnection, current_session
from auth.users.realms import Realm
from auth.users.users import Person, columns_of, person_of
from database.audit_context import acting_as
from database.pool import connection
from web.proxies import address_of


async def check_password(realm: Realm, email: str, password: str, request: AnyConnection) -> Person | None:
    """Who that is; None whatever is wrong. Raises Problem 429, before it looks."""
    await login_throttle.count_sign_in(realm, email, address_of(request.scope))
    async with connection() as db:
        row = await db.fetchrow(
            f"SELECT p.password, {columns_of(realm)} FROM {realm.schema}.{realm.people} p WHERE email = $1 AND active",
            email.strip().lower(),
        )
    if not await realm.hasher.is_right(row["password"] if row else None, password):
        return None
    assert row is not None
    return person_of(realm, dict(row))


async def check_code(person: Person, code: str, request: AnyConnection) -> bool:
    """Whether the second factor is right. Raises Problem 429."""
    await login_throttle.count_code(person.realm, person.id)
    with acting_as(person.actor(address_of(request.scope))):
        return await totp.take_code(person.realm, person.id, code)


async def begin(person: Person, request: AnyConnection, *, awaits_code: bool = False) -> Cookie:
    """A new session, in the place of the one that the browser had."""
    realm, address = person.realm, address_of(request.scope)
    earlier = await current_session(realm, request)
    if earlier:
        await sessions.end(earlier.person, earlier.id)
    token = await sessions.create(
        realm,
        person.id,
        address=address,
        user_agent=request.headers.get("user-agent", ""),
        awaits_code=awaits_code,
    )
    if not awaits_code:
        await login_throttle.forgive(realm, person.email, person.id, address)
        async with connection() as db:
            await db.execute(
                f"UPDATE {realm.schema}.{realm.people} SET last_sign_in_at = now() WHERE id = $1", person.id
            )
    return cookie_of(realm, request, token, int(sessions.LONGEST.total_seconds()))


def cookie_of(realm: Realm, request: AnyConnection, value: str, max_age: int) -> Cookie:
    """Of this host alone; not for scripts; not sent along with other sites' forms."""
    secure = request.scope["scheme"] == "https"
    return Cookie(
        key=realm.cookie(secure=secure),
        value=value,
        max_age=max_age,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


async def finish(realm: Realm, request: AnyConnection, response: Response[Any]) -> Response[Any]:
    """Ends the browser's session, and has the browser forget it and the pages that it keeps."""
    session = await current_session(realm, request)
    if session:
        await sessions.end(session.person, session.id)
    response.set_cookie(cookie_of(realm, request, "", 0))
    response.headers["Clear-Site-Data"] = '"cache"'
    return response
