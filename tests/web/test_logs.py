"""The log: one line with all its fields for each request, and never a token."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from auth.api_keys.format import mint_api_key
from tests.support.cli import COMMAND
from tests.support.database import execute
from tests.support.raw_http import raw
from tests.support.request_log_lines import log_line_of
from tests.support.sandbox import CSV, JSON, MAY, SINGULAR, Sandbox, conversion_callback, offer_record
from tests.support.servers import Server, free_port, running_server
from tests.support.terminal import in_terminal
from tests.support.wait import wait_until


def test_a_report_is_one_line_with_everything(sandbox: Sandbox, server: Server) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])
    for path in JSON, CSV, SINGULAR:
        line = log_line_of(server, sandbox.get(path, **MAY))
        milliseconds = line.pop("ms")
        assert 0 < milliseconds < 10_000
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
        assert re.fullmatch(r"[0-9a-f]{32}", line.pop("request_id"))
        assert line == {
            "event": "request",
            "level": "info",
            "tenant": sandbox.tenant.slug,
            "advertiser": str(sandbox.owner),
            "api_key": 1,  # the id of the API key, as in `gokart api-keys list`
            "method": "GET",
            "route": path,
            "status": 200,
            "rows": 1,
        }


def test_an_ingest_call_is_one_line_with_its_counts(sandbox: Sandbox, server: Server) -> None:
    content = b'[{"id": "7df30136-ff83-4551-b877-fa0f0d8b8f72", "name": "A"}, {}]'
    path, json = "/api/v1/ingest/partners", {"Content-Type": "application/json"}
    line = log_line_of(server, sandbox.request("PUT", path, token=sandbox.ingest_key, headers=json, content=content))
    assert (line["tenant"], line["advertiser"], line["api_key"]) == (sandbox.tenant.slug, None, 3)
    assert (line["method"], line["route"], line["status"]) == ("PUT", path, 200)
    assert (line["rows"], line["accepted"], line["duplicates"], line["rejected"]) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("method", "path", "token", "host", "known"),
    [
        ("GET", JSON, "owner", None, {"status": 400, "route": JSON, "api_key": 1}),
        ("GET", JSON, None, None, {"status": 401, "route": JSON}),
        ("GET", SINGULAR, "ingest", None, {"status": 403, "route": SINGULAR, "api_key": 3}),
        ("GET", "/nope", None, None, {"status": 404, "route": None}),
        ("POST", JSON, None, None, {"status": 405, "route": None}),
        ("GET", JSON, "owner", "api.nobody.localhost", {"status": 404, "route": None}),
    ],
)
def test_a_rejected_request_is_logged_with_the_known_fields(  # noqa: PLR0917  # pytest passes by name
    module_sandbox: Sandbox,
    server: Server,
    method: str,
    path: str,
    token: str | None,
    host: str | None,
    known: dict[str, Any],
) -> None:
    tokens = {"owner": module_sandbox.owner_key, "ingest": module_sandbox.ingest_key, None: None}
    line = log_line_of(server, module_sandbox.request(method, path, token=tokens[token], host=host))
    assert {name: line[name] for name in known} == known
    assert line.get("tenant") == (None if host else module_sandbox.tenant.slug)
    assert ("api_key" in line) == ("api_key" in known)
    assert line["level"] == "info"


def test_the_log_of_a_server_is_json_alone_and_has_no_token(sandbox: Sandbox, tmp_path: Path) -> None:
    tokens = [sandbox.owner_key, sandbox.rival_key, sandbox.ingest_key, mint_api_key().token, "gokart_" + "x" * 39]
    with running_server(tmp_path, GOKART_LOG_LEVEL="debug") as server, server.client() as client:
        sandbox.http = client
        for token in tokens:
            for path in JSON, CSV, SINGULAR, f"/{token}", f"/docs/{token}":
                sandbox.request("GET", path, token=token, params={**MAY, "token": token})
            sandbox.request("POST", "/api/v1/ingest/conversions", token=token, content=token.encode())
            sandbox.request("PUT", "/api/v1/ingest/partners", token=token, json=[{"id": token, "name": token}])
            host = ("Host", sandbox.host)
            raw(server, JSON, [host, ("Authorization", f"Bearer {token}"), ("X-Request-Id", token)])
            raw(server, f"http://{token}/", [("Host", token), ("Authorization", f"ApiToken {token}")])
            raw(server, JSON, [host, ("Authorization", f"ApiToken {token}"), ("X-Bad\x01", token)])
        execute("ALTER TABLE {s}.offer RENAME TO forgotten", schema=sandbox.tenant.schema)
        assert sandbox.get(JSON, **MAY).status_code == 500
        execute("ALTER TABLE {s}.api_token RENAME TO forgotten_too", schema=sandbox.tenant.schema)
        assert sandbox.get(JSON, token=mint_api_key().token, **MAY).status_code == 500
    text = server.log.read_text()
    assert sum(line["level"] == "error" for line in server.log_lines()) >= 2  # each line parses
    assert [line for line in text.splitlines() if not line.startswith("{")] == []
    for token in tokens:
        assert token not in text
        assert token[7:27] not in text


def test_the_log_is_readable_on_a_terminal(sandbox: Sandbox) -> None:
    port, tenant = free_port(), sandbox.tenant.slug
    with (
        in_terminal([*COMMAND, "serve", "--port", str(port)]) as screen,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        wait_until(lambda: screen.shows("Uvicorn running"))
        sandbox.http = client
        execute("ALTER TABLE {s}.offer RENAME TO forgotten", schema=sandbox.tenant.schema)
        assert sandbox.get(JSON).status_code == 400
        assert sandbox.get(JSON, **MAY).status_code == 500
        wait_until(lambda: screen.shows(rf"\[info +\] request .* status=400 tenant={tenant}\b"))
        wait_until(lambda: screen.shows("UndefinedTableError"))
    assert "Traceback (most recent call last)" in screen.shown
    assert '{"' not in screen.shown
    assert sandbox.owner_key not in screen.shown


def test_the_format_may_be_chosen(tmp_path: Path) -> None:
    with (
        running_server(
            tmp_path,
            GOKART_LOG_FORMAT="console",
            GOKART_LOG_LEVEL="warning",
            GOKART_WEAK_PASSWORD_HASHING="false",  # is warned of
        ) as quiet,
        quiet.client() as client,
    ):
        client.get("/healthz")
    assert quiet.log.read_text() == ""
