"""Authenticates page requests: cookie → session → user. Guards for route handlers.

A router sets its realm in `opt["realm"]`.
"""

from typing import Any, cast
from urllib.parse import quote

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from auth.users.realms import Realm
from auth.users.sessions import Session, find_session
from auth.users.users import User
from database.audit_context import act_as
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import client_address, request_state

AnyConnection = ASGIConnection[Any, Any, Any, Any]


class LoginRequired(Exception):
    """Redirects the browser to `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def redirect_to_login(request: Request[Any, Any, Any], error: LoginRequired) -> Response[Any]:
    """The exception handler for LoginRequired."""
    return redirect(request, error.path)


def realm_of(handler: BaseRouteHandler) -> Realm:
    return cast(Realm, handler.opt["realm"])


async def load_session(realm: Realm, connection: AnyConnection) -> Session | None:
    """The browser's session, also one that still awaits the second factor."""
    token = connection.cookies.get(realm.cookie(secure=connection.scope["scheme"] == "https"))
    return await find_session(realm, token, client_address(connection.scope)) if token else None


async def requires_login(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """A guard: a user of the realm is signed in, with the second factor if there is one. Raises LoginRequired."""
    realm = realm_of(handler)
    session = await load_session(realm, connection)
    if session is None or session.awaits_code:
        there = connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")
        back = f"?next={quote(there)}" if connection.scope.get("method") == "GET" else ""
        raise LoginRequired(realm.path("/sign-in") + back)
    if session.totp_required and not handler.opt.get("before_totp"):
        raise LoginRequired(realm.path("/account/two-step"))
    state = request_state(connection.scope)
    state["session"] = session
    state["log"]["user"] = f"{realm.name}:{session.user.id}"
    act_as(session.user.actor(client_address(connection.scope)))


def requires_role(role: str) -> Guard:
    """A guard, after `requires_login`: the user has this role or a higher one. Raises Problem 403."""

    def guard(connection: AnyConnection, _: BaseRouteHandler) -> None:
        if not current_user(connection).is_at_least(role):
            raise Problem(403, f"This requires the role “{role}” or higher. Ask an owner for access.")

    return guard


def requires_scope(scope: str) -> Guard:
    """A guard, after `requires_login`, for advertiser users. Raises Problem 403."""

    def guard(connection: AnyConnection, _: BaseRouteHandler) -> None:
        if scope not in current_user(connection).scopes:
            raise Problem(403, f"Your account does not have the permission “{scope}”. Ask the staff for access.")

    return guard


def current_session(connection: AnyConnection) -> Session:
    """The session that `requires_login` found."""
    return cast(Session, request_state(connection.scope)["session"])


def current_user(connection: AnyConnection) -> User:
    """The user that `requires_login` found."""
    return current_session(connection).user
