"""app.TENANT.<base>/admin/: what goes around Piccolo Admin. Nothing reaches it that is not named here.

Who is there is told by the session of the staff's desk. Each call on a table runs in a transaction: one that reads can
do nothing else, and is given up when it takes too long; one that writes is kept only if it succeeds, and is in the
audit log as that person's.
"""

import re
from urllib.parse import parse_qsl, urlencode

import asyncpg
from litestar import Request
from starlette.types import Receive, Scope, Send

from admin.piccolo.app import piccolo
from admin.piccolo.login import sign_in, sign_out
from admin.piccolo.page import FILES, POLICY
from admin.piccolo.responses import Answer, Refused, json_answer, pass_on, redirect, refused, sent
from admin.piccolo.rules import rights_of
from admin.piccolo.writes import write
from auth.users.guards import load_session
from auth.users.realms import STAFF
from auth.users.sessions import Session
from database.pool import ConcurrencyLimit
from database.transactions import transaction
from settings import settings
from web.pages.forms import parse_number
from web.problems import Problem, send_problem
from web.requests import AnyRequest, request_state

HOME = "/admin/"
FILE = re.compile(r"/assets/([A-Za-z0-9._-]+)/")
PUBLIC = re.compile(r"/public/(?:meta|translations(?:/[A-Za-z-]+)?)/")
ABOUT = re.compile(r"/api/(?:tables|tables/grouped|links|forms|forms/grouped|user)/")
TABLE = re.compile(
    r"/api/tables/(?P<table>[a-z_]+)/"
    r"(?:(?P<about>ids|new|count|schema|references)/|(?P<row>[0-9A-Fa-f-]{1,36})/)?"
)
READ = {"GET", "HEAD"}
MOST_IDS = 1_000
HEADER_NAME = "__range_header_name"  # of any header of the answer; its page does not ask for that
_reading = ConcurrencyLimit("reading of tables", max(1, settings.database_pool // 2))
NONSENSE = (ValueError, asyncpg.DataError)  # an order by a column that there is not, a page before the first


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    request: AnyRequest = Request(scope, receive, send)  # type: ignore[arg-type]  # Litestar's types of ASGI are its own
    try:
        answer = await answer_to(request)
    except Refused as error:
        answer = error.answer
    except Exception as error:
        if not scope["path"].startswith(("/api/", "/public/")):
            raise  # a person reads it: as a page
        await send_problem(error, scope, send)
        return
    answer.add("content-security-policy", POLICY)
    await answer.send(scope, send)


async def answer_to(request: AnyRequest) -> Answer:
    path, method = request.scope["path"], request.scope["method"]
    if method in READ and (file := FILE.fullmatch(path)):
        return await file_answer(request, file[1])
    if method in READ and PUBLIC.fullmatch(path):
        route(request, path)
        return await pass_on(piccolo, request, path)
    if method == "POST" and path == "/public/login/":
        return await sign_in(request)
    if method == "POST" and path == "/public/logout/":
        return await sign_out(request)
    session = await load_session(STAFF, request)
    signed_in = session if session and not session.awaits_code else None
    if path == "/" and method in READ:
        return await front_door(request, signed_in)
    if not path.startswith("/api/"):
        raise Problem(404, "This URL does not exist.")
    if signed_in is None:
        raise Refused(json_answer(401, {"error": "Auth failed"}))
    if signed_in.totp_required:
        raise refused(403, "Set two-step sign-in up first: /staff/account/two-step")
    let_in(request, signed_in)
    return await api_answer(request, signed_in, path)


async def file_answer(request: AnyRequest, name: str) -> Answer:
    if name not in FILES:
        raise Problem(404, "This URL does not exist.")
    route(request, f"/assets/{name}")
    return await sent(request, FILES[name].response())


async def front_door(request: AnyRequest, session: Session | None) -> Answer:
    route(request, "/")
    if request.scope["raw_path"] != HOME.encode():
        return redirect(HOME)  # all that the page loads is told from here
    if session is None:
        return redirect(f"{STAFF.path('/sign-in')}?next={HOME}")
    if session.totp_required:
        return redirect(STAFF.path("/account/two-step"))
    let_in(request, session)
    return await pass_on(piccolo, request, "/")


def route(request: AnyRequest, path: str) -> None:
    """For the log."""
    request.scope["path_template"] = f"/admin{path}"


def let_in(request: AnyRequest, session: Session) -> None:
    state = request_state(request.scope)
    state["session"] = session
    state["log"]["user"] = f"{STAFF.name}:{session.user.id}"


async def api_answer(request: AnyRequest, session: Session, path: str) -> Answer:
    method = request.scope["method"]
    if method not in READ and not session.user.is_at_least("manager"):
        raise refused(403, "This needs the role 'manager' or one above it.")
    if method in READ and ABOUT.fullmatch(path):
        route(request, path)
        return await pass_on(piccolo, request, path)
    if method in READ and path == "/api/rights/":
        route(request, path)
        return json_answer(200, rights_of(session.user))
    match = TABLE.fullmatch(path)
    if match is None or match["table"] not in piccolo.table_config_map:
        raise refused(404, "This URL does not exist.")
    table, about, row = match["table"], match["about"], match["row"]
    route(request, f"/api/tables/{table}/{'{row}/' if row else about or ''}")
    if method in READ:
        return await read(request, path, bounded(request) if about == "ids" else None)
    if about is None and method in ({"PUT", "PATCH", "DELETE"} if row else {"POST"}):
        return await write(request, session.user, table, row)
    raise refused(405, "This URL does not support this method.")


def bounded(request: AnyRequest) -> bytes:
    """The query for ids of rows with a bound, which Piccolo's own has not."""
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1")))
    limit = parse_number(query.get("limit", ""), MOST_IDS)
    return urlencode(query | {"limit": MOST_IDS if limit is None else limit}).encode()


async def read(request: AnyRequest, path: str, query: bytes | None) -> Answer:
    """In a transaction that can change nothing. Half of the connections are left to the tenants' reports."""
    if HEADER_NAME in request.query_params:
        raise refused(400, "No name of a header can be chosen.")
    try:
        async with _reading.slot(), transaction() as db:
            await db.execute("SET TRANSACTION READ ONLY")
            await db.execute("SELECT set_config('statement_timeout', $1, true)", f"{settings.report_timeout}s")
            return await pass_on(piccolo, request, path, query=query)
    except NONSENSE as error:
        request_state(request.scope)["error"] = error
        raise refused(400, "This filter, order or page makes no sense.") from error
