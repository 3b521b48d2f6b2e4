"""The proxy in front of Piccolo Admin, at app.TENANT.<base>/admin/. It forwards only the URLs that are listed here.

The session of the staff pages identifies the user. Each request for a table runs in a transaction with a timeout: reads
in a read-only one, writes in one that is rolled back on an error, with the user as the actor of the audit log.
"""

import re
from urllib.parse import parse_qsl, urlencode

import asyncpg
from litestar import Request
from starlette.types import Receive, Scope, Send

from admin.piccolo.app import piccolo
from admin.piccolo.login import piccolo_login, piccolo_logout
from admin.piccolo.page import FILES, POLICY
from admin.piccolo.responses import (
    ErrorResponse,
    ProxyResponse,
    error_response,
    forward,
    json_response,
    rendered,
    see_other,
)
from admin.piccolo.rules import permissions_of
from admin.piccolo.writes import write_table
from auth.users.guards import load_session
from auth.users.realms import STAFF
from auth.users.sessions import Session
from database.pool import ConcurrencyLimit
from database.transactions import transaction
from settings import settings
from web.pages.forms import parse_number
from web.problems import Problem, send_problem, to_problem
from web.requests import AnyRequest, request_state

HOME = "/admin/"
FILE = re.compile(r"/assets/([A-Za-z0-9._-]+)/")
PUBLIC = re.compile(r"/public/(?:meta|translations(?:/[A-Za-z-]+)?)/")
METADATA = re.compile(r"/api/(?:tables|tables/grouped|links|forms|forms/grouped|user)/")
TABLE = re.compile(
    r"/api/tables/(?P<table>[a-z_]+)/"
    r"(?:(?P<action>ids|new|count|schema|references)/|(?P<row>[0-9A-Fa-f-]{1,36})/)?"
)
READ_METHODS = {"GET", "HEAD"}
MAX_IDS = 1_000
HEADER_PARAMETER = "__range_header_name"  # lets the client name any response header; Piccolo's page does not use it
COLUMN_LISTS = {"__order", "__visible_fields"}
OPTION = re.compile(r"^__|__(?:operator|match)$")
_reads = ConcurrencyLimit("reading of tables", max(1, settings.database_pool // 2))
INVALID_QUERY = (ValueError, asyncpg.DataError)  # such as an unknown column to order by, or a page before the first


async def serve_piccolo_admin(scope: Scope, receive: Receive, send: Send) -> None:
    request: AnyRequest = Request(scope, receive, send)  # type: ignore[arg-type]  # Litestar declares its own ASGI types
    try:
        response = await dispatch(request)
    except ErrorResponse as error:
        response = error.response
    except Exception as error:
        if not scope["path"].startswith(("/api/", "/public/")):
            raise  # Litestar renders an error page
        if scope["method"] in READ_METHODS:
            await send_problem(error, scope, send)
            return
        response = sentence_of_problem(scope, error)
    response.add_header("content-security-policy", POLICY)
    await response.send(scope, send)


def sentence_of_problem(scope: Scope, error: Exception) -> ProxyResponse:
    """The page shows errors of writes as they are sent: a sentence instead of problem+json."""
    problem = to_problem(error)
    if problem.status >= 500:
        request_state(scope)["error"] = error
    response = error_response(problem.status, problem.detail).response
    for name, value in problem.headers.items():
        response.add_header(name.lower(), value)
    return response


async def dispatch(request: AnyRequest) -> ProxyResponse:
    """Raises ErrorResponse and Problem."""
    path, method = request.scope["path"], request.scope["method"]
    if method in READ_METHODS and (file := FILE.fullmatch(path)):
        return await serve_file(request, file[1])
    if method in READ_METHODS and PUBLIC.fullmatch(path):
        log_path(request, path)
        return await forward(piccolo, request, path)
    if method == "POST" and path == "/public/login/":
        return await piccolo_login(request)
    if method == "POST" and path == "/public/logout/":
        return await piccolo_logout(request)
    session = await load_session(STAFF, request)
    signed_in = session if session and not session.awaits_code else None
    if path == "/" and method in READ_METHODS:
        return await serve_page(request, signed_in)
    if not path.startswith("/api/"):
        raise Problem(404, "This URL does not exist.")
    if signed_in is None:
        raise ErrorResponse(json_response(401, {"error": "Auth failed"}))
    if signed_in.totp_required:
        raise error_response(403, "Set up two-factor authentication first: /staff/account/two-step")
    bind_session(request, signed_in)
    return await dispatch_api(request, signed_in, path)


async def serve_file(request: AnyRequest, name: str) -> ProxyResponse:
    if name not in FILES:
        raise Problem(404, "This URL does not exist.")
    log_path(request, f"/assets/{name}")
    return await rendered(request, FILES[name].response())


async def serve_page(request: AnyRequest, session: Session | None) -> ProxyResponse:
    log_path(request, "/")
    if request.scope["raw_path"] != HOME.encode():
        return see_other(HOME)  # the page's URLs are relative to it
    if session is None:
        return see_other(f"{STAFF.path('/sign-in')}?next={HOME}")
    if session.totp_required:
        return see_other(STAFF.path("/account/two-step"))
    bind_session(request, session)
    return await forward(piccolo, request, "/")


def log_path(request: AnyRequest, template: str) -> None:
    """Sets the path template of the request's log line."""
    request.scope["path_template"] = f"/admin{template}"


def bind_session(request: AnyRequest, session: Session) -> None:
    state = request_state(request.scope)
    state["session"] = session
    state["log"]["user"] = f"{STAFF.name}:{session.user.id}"


async def dispatch_api(request: AnyRequest, session: Session, path: str) -> ProxyResponse:
    """Raises ErrorResponse and Problem."""
    method = request.scope["method"]
    if method not in READ_METHODS and not session.user.is_at_least("manager"):
        raise error_response(403, "This requires the role “manager” or higher. Ask an owner for access.")
    if method in READ_METHODS and METADATA.fullmatch(path):
        log_path(request, path)
        return await forward(piccolo, request, path)
    if method in READ_METHODS and path == "/api/rights/":
        log_path(request, path)
        return json_response(200, permissions_of(session.user))
    match = TABLE.fullmatch(path)
    if match is None or match["table"] not in piccolo.table_config_map:
        raise error_response(404, "This URL does not exist.")
    table, action, row = match["table"], match["action"], match["row"]
    log_path(request, f"/api/tables/{table}/{'{row}/' if row else action or ''}")
    if method in READ_METHODS:
        check_query(request, table)
        return await read_table(request, path, limited_query(request) if action == "ids" else None)
    if action is None and method in ({"PUT", "PATCH", "DELETE"} if row else {"POST"}):
        return await write_table(request, session.user, table, row)
    raise error_response(405, "This URL does not support this method.")


def check_query(request: AnyRequest, table: str) -> None:
    """Rejects what Piccolo would fail on: an option given twice, and attributes of columns that are not columns.

    Raises ErrorResponse.
    """
    columns = {column._meta.name for column in piccolo.table_config_map[table].table_class._meta.columns}
    options: set[str] = set()
    for name, value in parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name in COLUMN_LISTS:
            unknown = [column for column in value.split(",") if column.removeprefix("-") not in columns]
            if unknown:
                raise error_response(400, f"{name}: the column “{unknown[0][:50]}” does not exist.")
        elif OPTION.search(name):
            if name in options:
                raise error_response(400, f"The parameter {name[:100]} is given twice.")
            options.add(name)


def limited_query(request: AnyRequest) -> bytes:
    """The query string with a limit of at most MAX_IDS: Piccolo's list of ids has no limit by default."""
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1")))
    limit = parse_number(query.get("limit", ""), MAX_IDS)
    return urlencode(query | {"limit": MAX_IDS if limit is None else limit}).encode()


async def read_table(request: AnyRequest, path: str, query: bytes | None) -> ProxyResponse:
    """Forwards a read in a read-only transaction. Reads use at most half of the connections; reports keep the rest.

    Raises ErrorResponse.
    """
    if HEADER_PARAMETER in request.query_params:
        raise error_response(400, f"The parameter {HEADER_PARAMETER} is not supported.")
    try:
        async with _reads.slot(), transaction() as db:
            await db.execute("SET TRANSACTION READ ONLY")
            await db.execute("SELECT set_config('statement_timeout', $1, true)", f"{settings.report_timeout}s")
            return await forward(piccolo, request, path, query=query)
    except INVALID_QUERY as error:
        request_state(request.scope)["error"] = error
        raise error_response(400, "The filter, order or page is invalid.") from error
