"""Authenticates page requests: cookie → session → user. Guards for route handlers.

A router sets its realm in `opt["realm"]`.
"""

from contextlib import suppress
from typing import Any, Final, cast
from urllib.parse import quote

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard, Scope

from auth.users.realms import ADVERTISER, STAFF, Realm
from auth.users.sessions import Session, find_session
from auth.users.users import User
from auth.users.viewing import UNSTORED_ID, AdvertiserView, find_view, viewer_of
from database.audit_context import act_as
from database.pool import DatabaseUnavailable
from web.pages.responses import redirect
from web.pages.security import SAFE_METHODS, CrossOriginRequest
from web.problems import Problem
from web.requests import AnyConnection, client_address, path_and_query, request_state

OF_ONE_USER: Final = {"of_one_user": True}  # the `opt` of pages that staff who view the portal cannot open
STAFF_PATHS = ("/staff/", "/admin/")


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
    session = await load_view(connection, handler) if realm.name == ADVERTISER.name else None
    session = session or await load_session(realm, connection)
    if session is None or session.awaits_code:
        back = f"?next={quote(path_and_query(connection))}" if connection.scope.get("method") == "GET" else ""
        raise LoginRequired(realm.path("/sign-in") + back)
    if session.totp_required and not handler.opt.get("before_totp"):
        raise LoginRequired(realm.path("/account/two-step"))
    state = request_state(connection.scope)
    state["session"] = session
    user = session.staff or session.user
    state["log"]["user"] = f"{user.realm.name}:{user.id}"
    act_as(user.actor(client_address(connection.scope)))


async def load_view(connection: AnyConnection, handler: BaseRouteHandler) -> Session | None:
    """The session of staff who view the portal as an advertiser sees it, which can only read. None without a view.

    Raises LoginRequired when the view is over, and Problem 403 for requests that could change something and for pages
    of one user (`opt["of_one_user"]`).
    """
    session, view = await find_staff_view(connection)
    if session is None or view is None:
        return None
    if session.totp_required:
        raise LoginRequired(STAFF.path("/account/two-step"))
    if view.over:
        own = await load_session(ADVERTISER, connection)
        if own is None:
            raise LoginRequired(STAFF.home)
        return own
    request_state(connection.scope)["view"] = view
    viewing = f"You are viewing {view.name} as an advertiser sees it."
    if connection.scope.get("method") not in SAFE_METHODS:
        raise Problem(403, f"{viewing} Nothing can be changed this way.")
    if handler.opt.get("of_one_user"):
        raise Problem(403, f"{viewing} This page is only for the advertiser's own users.")
    viewer = viewer_of(view, session.user)
    return Session(UNSTORED_ID, viewer, awaits_code=False, totp_required=False, staff=session.user, view=view)


async def find_staff_view(connection: AnyConnection) -> tuple[Session | None, AdvertiserView | None]:
    """The staff session of the browser, and what it views."""
    session = await load_session(STAFF, connection)
    return session, await find_view(session.id) if session and not session.awaits_code else None


async def find_view_for_error(error: Exception, scope: Scope) -> None:
    """Litestar's hook before an error response: an error page of the portal shows what staff view, also at a URL that
    does not exist and for a form of another site, for which no guard has run.
    """
    state = request_state(scope)
    if not isinstance(error, HTTPException | CrossOriginRequest) or "session" in state or not state.get("tenant"):
        return
    if f"{scope['path']}/".startswith(STAFF_PATHS):
        return
    with suppress(DatabaseUnavailable):
        _, view = await find_staff_view(ASGIConnection(scope))
        if view and not view.over:
            state["view"] = view


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
