"""Errors have one format, reveal no internals, and have a request id."""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest

from tests.support.database import execute, locked
from tests.support.raw_http import raw
from tests.support.request_log_lines import log_line_named, log_line_of
from tests.support.sandbox import CSV, JSON, MAY, SINGULAR, Sandbox
from tests.support.servers import Server, free_port, running_server
from web.problems import to_problem

EVENTS = "/api/v1/ingest/events"
TITLES = {
    400: "Bad Request",
    404: "Not found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    500: "An unexpected error occurred.",
    503: "Service unavailable",
}

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one database connection and short timeouts."""
    with running_server(
        tmp_path_factory.mktemp("small"),
        GOKART_INTAKE_BODY="1024",
        GOKART_DATABASE_POOL="1",
        GOKART_DATABASE_WAIT="0.3",
        GOKART_REPORT_TIMEOUT="0.5",
    ) as running:
        yield running


@pytest.fixture
def at_small(small: Server, sandbox: Sandbox) -> Iterator[Sandbox]:
    with small.client() as client:
        sandbox.http = client
        yield sandbox


def assert_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["title"] == TITLES[status]
    assert problem["status"] == status
    assert problem["type"] == f"/docs/errors#{status}"
    assert problem["detail"]
    assert problem["requestId"] == response.headers["x-request-id"]
    assert set(problem) <= {"type", "title", "status", "detail", "requestId", "errors"}
    return problem


# --- the router ---


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1/integrations/cost-report", "/nope", "/%00", "/é", "/.env", "/admin/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PURGE"])
def test_an_unknown_url_is_404(module_sandbox: Sandbox, method: str, path: str) -> None:
    assert_problem(module_sandbox.request(method, path, token=module_sandbox.owner_key), 404)


def test_the_root_leads_browsers_to_the_documentation(module_sandbox: Sandbox) -> None:
    for method in "GET", "HEAD":
        response = module_sandbox.request(method, "/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert (response.status_code, response.headers["location"]) == (303, "/docs")
    for method, path in ("POST", "/"), ("GET", "/nope"):
        assert_problem(module_sandbox.request(method, path, headers={"Accept": "text/html"}), 404)
    assert_problem(module_sandbox.request("GET", "/", headers={"Accept": "*/*"}), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", JSON, {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", CSV, {"GET", "HEAD", "OPTIONS"}),
        ("PATCH", SINGULAR, {"GET", "HEAD", "OPTIONS"}),
        ("GET", EVENTS, {"POST", "OPTIONS"}),
        ("POST", "/api/v1/ingest/offers", {"PUT", "OPTIONS"}),
    ],
)
def test_an_unsupported_method_is_405_with_the_allowed_methods(
    module_sandbox: Sandbox, method: str, path: str, allowed: set[str]
) -> None:
    response = module_sandbox.request(method, path, token=module_sandbox.owner_key)
    assert_problem(response, 405)
    assert set(response.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "type_", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/html"]
)
def test_a_body_of_another_type_is_415(module_sandbox: Sandbox, type_: str) -> None:
    response = module_sandbox.request(
        "POST", EVENTS, token=module_sandbox.ingest_key, headers={"Content-Type": type_}, content=b"[]"
    )
    assert_problem(response, 415)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_too_large_is_413(at_small: Sandbox, chunked: bool) -> None:
    body = b"[" + b" " * 4_000 + b"]"
    content = iter([body[:1_000], body[1_000:]]) if chunked else body
    json = {"Content-Type": "application/json"}
    response = at_small.request("POST", EVENTS, token=at_small.ingest_key, headers=json, content=content)
    assert_problem(response, 413)
    assert at_small.send("events", []) == {"accepted": 0, "duplicates": 0, "rejected": []}


def test_an_ingest_body_that_is_not_json_is_a_bad_request(module_sandbox: Sandbox) -> None:
    json = {"Content-Type": "application/json"}
    response = module_sandbox.request("POST", EVENTS, token=module_sandbox.ingest_key, headers=json, content=b"{")
    problem = assert_problem(response, 400)
    assert [error["field"] for error in problem["errors"]] == ["body"]


# --- unexpected errors ---


def crashed(sandbox: Sandbox, **rest: Any) -> httpx.Response:
    """A response of the app after a table was removed from its database."""
    execute("ALTER TABLE {s}.offer RENAME TO forgotten", schema=sandbox.tenant.schema)
    return sandbox.request("GET", JSON, token=sandbox.owner_key, params=MAY, **rest)


def test_a_crash_does_not_reveal_internals(sandbox: Sandbox) -> None:
    response = crashed(sandbox)
    problem = assert_problem(response, 500)
    assert problem["detail"] == "The error is on our side. It is in our log under the request id."
    text = response.text + str(response.headers)
    inside = ["offer", "relation", "Undefined", "asyncpg", "Traceback", ".py", "SELECT", sandbox.tenant.schema]
    assert [word for word in inside if word in text] == []


def test_a_crash_is_logged_with_all_that_is_known_under_the_same_id(sandbox: Sandbox, server: Server) -> None:
    response = crashed(sandbox)
    line = log_line_of(server, response)
    assert line["request_id"] == response.json()["requestId"]
    assert line["level"] == "error"
    assert line["status"] == 500
    assert "UndefinedTableError" in line["exception"]
    assert f"{sandbox.tenant.schema}.offer" in line["exception"]


def test_the_process_goes_on_after_a_crash(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    assert crashed(sandbox).status_code == 500
    assert other_sandbox.get(JSON, **MAY).status_code == 200
    execute("ALTER TABLE {s}.forgotten RENAME TO offer", schema=sandbox.tenant.schema)
    assert sandbox.get(JSON, **MAY).status_code == 200


# --- the database is unavailable ---


def test_a_busy_database_is_503_and_then_it_goes_on(at_small: Sandbox) -> None:
    """The only connection waits for a lock."""
    with ThreadPoolExecutor(4) as threads, locked(f"{at_small.tenant.schema}.offer"):
        waiting = [threads.submit(at_small.get, **MAY) for _ in range(4)]
        for each in waiting:
            problem = assert_problem(each.result(), 503)
            assert problem["detail"] == "The database is unavailable; try again shortly."
            assert each.result().headers["retry-after"] == "5"
    assert at_small.get(**MAY).status_code == 200


def test_a_table_of_the_platform_that_is_locked_is_503_and_not_a_hanging_request(at_small: Sandbox) -> None:
    with locked("public.tenant"):
        assert_problem(at_small.request("GET", JSON, host="api.nobody-yet.localhost"), 503)
    with locked(f"{at_small.tenant.schema}.api_token"):
        assert_problem(at_small.get(**MAY), 503)
    assert at_small.get(**MAY).status_code == 200


def test_a_server_starts_and_returns_503_without_a_database(tmp_path: Path) -> None:
    url = f"postgresql://postgres@127.0.0.1:{free_port()}/none"
    with running_server(tmp_path, GOKART_DATABASE_URL=url) as lonely, lonely.client() as client:
        assert client.get("/healthz").status_code == 200
        for path, host in ("/readyz", "localhost"), (JSON, "api.demo.localhost"), ("/docs", "api.demo.localhost"):
            response = client.get(path, headers={"Host": host, "Authorization": "ApiToken x"})
            assert_problem(response, 503)
            assert response.headers["retry-after"] == "5"


# --- headers of every response ---


def every_kind(sandbox: Sandbox) -> Iterator[httpx.Response]:
    """A response of each status that is easy to trigger."""
    token = sandbox.owner_key
    yield sandbox.request("GET", "/healthz")
    yield sandbox.request("GET", JSON, token=token, params=MAY)
    yield sandbox.request("GET", CSV, token=token, params=MAY)
    yield sandbox.request("GET", JSON, token=token)
    yield sandbox.request("GET", JSON)
    yield sandbox.request("POST", EVENTS, token=token)
    yield sandbox.request("GET", "/nope")
    yield sandbox.request("GET", JSON, host="nobody.localhost")
    yield sandbox.request("POST", JSON, token=token)
    yield sandbox.request("OPTIONS", JSON, token=token)
    yield sandbox.request("POST", EVENTS, token=sandbox.ingest_key, headers={"Content-Type": "text/plain"})
    yield crashed(sandbox)


def test_every_response_has_a_request_id_and_sets_no_cookie_and_opens_nothing_to_other_origins(
    sandbox: Sandbox,
) -> None:
    sandbox.http.headers.update({"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"})
    try:
        responses = list(every_kind(sandbox))
    finally:
        del sandbox.http.headers["Origin"], sandbox.http.headers["Access-Control-Request-Method"]
    assert {r.status_code for r in responses} == {200, 204, 400, 401, 403, 404, 405, 415, 500}
    for response in responses:
        assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])
        assert len(response.headers.get_list("x-request-id")) == 1
        assert "set-cookie" not in response.headers
        assert "server" not in response.headers
        assert [name for name in response.headers if name.startswith("access-control-")] == []
    assert len({response.headers["x-request-id"] for response in responses}) == len(responses)


@pytest.mark.parametrize("given", ["a", "7df30136-ff83-4551-b877-fa0f0d8b8f72", "A.b_c-1", "x" * 100])
def test_a_valid_request_id_is_kept(module_sandbox: Sandbox, given: str) -> None:
    for path in JSON, "/nope":
        response = module_sandbox.request("GET", path, headers={"X-Request-Id": given})
        assert response.headers["x-request-id"] == given == response.json()["requestId"]


@pytest.mark.parametrize(
    "given",
    ["", " ", "x" * 101, "a b", "a,b", "é", "<script>", '"', "a;b", "${jndi:ldap://x}", "\t", "%0d%0aSet-Cookie:x"],
)
def test_any_other_request_id_is_replaced(server: Server, given: str) -> None:
    response = raw(server, "/healthz", [("Host", "localhost"), ("X-Request-Id", given)])
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-Id"])


def test_two_request_ids_are_replaced(server: Server) -> None:
    response = raw(server, "/healthz", [("Host", "localhost"), ("X-Request-Id", "a"), ("X-Request-Id", "b")])
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["X-Request-Id"])


@pytest.mark.parametrize("path", [JSON, CSV, SINGULAR, "/nope", "/docs", "/openapi.json"])
@pytest.mark.parametrize("token", ["good", "bad"])
def test_head_answers_like_get_without_the_body(module_sandbox: Sandbox, path: str, token: str) -> None:
    known = module_sandbox.owner_key if token == "good" else "bad"
    got = module_sandbox.request("GET", path, token=known, params=MAY, headers={"X-Request-Id": "same"})
    head = module_sandbox.request("HEAD", path, token=known, params=MAY, headers={"X-Request-Id": "same"})
    assert head.status_code == got.status_code
    assert head.content == b""
    # Headers that depend on the body, which a HEAD response lacks: its compression.
    varying = {"vary", "date", "content-length", "transfer-encoding", "ratelimit", "content-encoding"}
    assert {name: head.headers[name] for name in head.headers if name not in varying} == {
        name: got.headers[name] for name in got.headers if name not in varying
    }


@pytest.mark.parametrize("token", ["owner", "nobody"])
def test_a_token_is_not_written_to_the_answer(sandbox: Sandbox, token: str) -> None:
    sent = sandbox.owner_key if token == "owner" else "gokart_" + "x" * 39
    for path in JSON, "/nope", f"/{sent}":
        response = sandbox.request("GET", path, token=sent, params={"token": sent})
        assert sent not in response.text + str(response.headers)


def exchange(server: Server, request: bytes) -> bytes:
    """The response to these bytes, on a connection that stays open."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
        with suppress(ConnectionError):
            connection.sendall(request)
        response = b""
        with suppress(ConnectionError):
            while part := connection.recv(65_536):
                response += part
    return response


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nBad header\r\n\r\n", 400),
        (b"rubbish\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000, 431),
        (b"GET /" + b"x" * 200_000, 431),
    ],
)
def test_malformed_http_is_rejected_with_a_problem(server: Server, request_: bytes, status: int) -> None:
    head, _, body = exchange(server, request_).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Type: application/problem+json" in head
    problem = msgspec.json.decode(body)
    assert problem["status"] == status
    assert f"X-Request-Id: {problem['requestId']}".encode() in head


def test_a_request_after_a_large_body_is_not_taken_for_a_large_head(server: Server) -> None:
    body = b" " * 80_000
    first = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    second = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert exchange(server, first + second).count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize("path", [JSON, EVENTS])
def test_a_client_that_disconnects_while_sending_is_not_logged_as_an_error(
    server: Server, sandbox: Sandbox, path: str
) -> None:
    method, token = ("GET", sandbox.owner_key) if path == JSON else ("POST", sandbox.ingest_key)
    request_id = uuid4().hex
    lines = [
        f"{method} {path} HTTP/1.1",
        f"Host: {sandbox.host}",
        f"Authorization: ApiToken {token}",
        f"X-Request-Id: {request_id}",
        "Content-Type: application/json",
        "Content-Length: 100",
        "",
        "{",
    ]
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
        connection.sendall("\r\n".join(lines).encode())
    line = log_line_named(server, request_id)
    assert (line["level"], line["status"]) == ("info", 499)


def test_a_request_that_a_deadlock_ended_can_be_sent_again() -> None:
    """A tenant that is moved to a cluster is locked table by table."""
    problem = to_problem(asyncpg.DeadlockDetectedError("deadlock detected"))
    assert problem.status == 503
    assert "Retry-After" in (problem.headers or {})
