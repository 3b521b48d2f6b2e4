"""Who is signed in: cookie → session → user. Guards for route handlers of pages.

A router says in `opt["realm"]` whose pages it has.
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
    """Leads the browser to `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def redirect_to_login(request: Request[Any, Any, Any], error: LoginRequired) -> Response[Any]:
    """Litestar's exception handler for it."""
    return redirect(request, error.path)


def realm_of(handler: BaseRouteHandler) -> Realm:
    return cast(Realm, handler.opt["realm"])


async def load_session(realm: Realm, connection: AnyConnection) -> Session | None:
    """Of a user, whatever the session may be used for."""
    token = connection.cookies.get(realm.cookie(secure=connection.scope["scheme"] == "https"))
    return await find_session(realm, token, client_address(connection.scope)) if token else None


async def requires_login(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """A guard: somebody of the realm is, with both factors where there are two. Raises LoginRequired."""
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
    """A guard, behind `signed_in`: this role of staff, or one that may do more. Raises Problem 403."""

    def guard(connection: AnyConnection, _: BaseRouteHandler) -> None:
        if not current_user(connection).is_at_least(role):
            raise Problem(403, f"This needs the role '{role}' or one above it. Ask an owner.")

    return guard


def requires_scope(scope: str) -> Guard:
    """A guard, behind `signed_in`, of an advertiser's people. Raises Problem 403."""

    def guard(connection: AnyConnection, _: BaseRouteHandler) -> None:
        if scope not in current_user(connection).scopes:
            raise Problem(403, f"Your account does not include '{scope}'. Ask the staff.")

    return guard


def current_session(connection: AnyConnection) -> Session:
    """The session that the guard let in."""
    return cast(Session, request_state(connection.scope)["session"])


def current_user(connection: AnyConnection) -> User:
    """The user whom the guard let in."""
    return current_session(connection).user
