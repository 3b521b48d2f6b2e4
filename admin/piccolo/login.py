"""Piccolo Admin's own form to sign in, which its page shows when a session ends in the middle of work; and signing out.

It is the session of the staff's desk that begins and ends here: with the same password, second factor, and limits.
"""

from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
from litestar import Response

from admin.piccolo.responses import Answer, body_of, refused, sent
from auth.users.login import check_code, check_password, log_out, start_session
from auth.users.realms import STAFF
from web.requests import AnyRequest


class Credentials(msgspec.Struct):
    """In Piccolo's words. `mfa_code` comes once it has been asked for."""

    username: Annotated[str, msgspec.Meta(pattern=r"\A[^\0]*\Z")]  # the database has no NUL
    password: str
    mfa_code: str | None = None


async def sign_in(request: AnyRequest) -> Answer:
    """Raises Refused, and Problem 429."""
    given = credentials(request, await body_of(request))
    user = await check_password(STAFF, given.username, given.password, request)
    if user is None:
        raise refused(401, "Login failed")
    if user.totp and not given.mfa_code:
        raise refused(401, "MFA code required")  # these very words make the page ask for it
    if user.totp and not await check_code(user, given.mfa_code or "", request):
        raise refused(401, "MFA failed")
    response = Response({"message": "logged in"})
    response.set_cookie(await start_session(user, request))
    return await sent(request, response)


async def sign_out(request: AnyRequest) -> Answer:
    return await sent(request, await log_out(STAFF, request, Response({"message": "logged out"})))


def credentials(request: AnyRequest, body: bytes) -> Credentials:
    try:
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return msgspec.convert(dict(parse_qsl(body.decode())), Credentials)
        return msgspec.json.decode(body, type=Credentials)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise refused(422, "Missing username or password") from error
