"""Piccolo Admin's own login form, which its page shows when a session expires, and its logout.

Both act on the session of the staff pages, with the same password, second factor and login throttle.
"""

from typing import Annotated
from urllib.parse import parse_qsl

import msgspec
from litestar import Response

from admin.piccolo.responses import ProxyResponse, invalid_column, login_error, read_limited_body, rendered
from auth.users.login import check_code, check_password, log_out, start_session
from auth.users.realms import STAFF
from web.requests import AnyRequest


class Credentials(msgspec.Struct):
    """The fields of Piccolo's form. It sends `mfa_code` after a response has asked for it."""

    username: Annotated[str, msgspec.Meta(pattern=r"\A[^\0]*\Z")]  # PostgreSQL stores no NUL
    password: str
    mfa_code: str | None = None


async def piccolo_login(request: AnyRequest) -> ProxyResponse:
    """Raises ErrorResponse, and Problem 429."""
    credentials = parse_credentials(request, await read_limited_body(request))
    user = await check_password(STAFF, credentials.username, credentials.password, request)
    if user is None:
        raise login_error("Login failed")
    if user.totp and not credentials.mfa_code:
        raise login_error("MFA code required")  # Piccolo's page compares this text
    if user.totp and not await check_code(user, credentials.mfa_code or "", request):
        raise login_error("MFA failed")
    response = Response({"message": "logged in"})
    response.cookies.extend(await start_session(user, request))
    return await rendered(request, response)


async def piccolo_logout(request: AnyRequest) -> ProxyResponse:
    return await rendered(request, await log_out(STAFF, request, Response({"message": "logged out"})))


def parse_credentials(request: AnyRequest, body: bytes) -> Credentials:
    """Reads a form or JSON. Raises ErrorResponse."""
    try:
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return msgspec.convert(dict(parse_qsl(body.decode())), Credentials)
        return msgspec.json.decode(body, type=Credentials)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise invalid_column(None, "Missing username or password") from error
