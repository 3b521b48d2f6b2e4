"""The log: a line for each request with all that is asked of it later, and never a token."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from auth.api_keys.format import mint
from tests.places import CSV, JSON, MAY, SINGULAR, Place, a_callback, an_offer
from tests.servers import Server, free_port, serving
from tests.tenants.command import COMMAND
from tests.tenants.database import execute
from tests.tenants.screen import on_a_terminal
from tests.tenants.workers import seconds_until
from tests.web.lines import line_of
from tests.web.raw import raw


def test_a_report_is_one_line_with_everything(place: Place, server: Server) -> None:
    offer = an_offer(place)
    place.send("offers", [offer])
    place.send("conversions", [a_callback(place, offer["id"])])
    for path in JSON, CSV, SINGULAR:
        line = line_of(server, place.get(path, **MAY))
        milliseconds = line.pop("ms")
        assert 0 < milliseconds < 10_000
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
        assert re.fullmatch(r"[0-9a-f]{32}", line.pop("request_id"))
        assert line == {
            "event": "request",
            "level": "info",
            "tenant": place.tenant.slug,
            "advertiser": str(place.owner),
            "token": 1,  # its number, as `gokart tokens list` has it
            "method": "GET",
            "route": path,
            "status": 200,
            "rows": 1,
        }


def test_an_intake_call_is_one_line_with_what_became_of_the_records(place: Place, server: Server) -> None:
    content = b'[{"id": "7df30136-ff83-4551-b877-fa0f0d8b8f72", "name": "A"}, {}]'
    path, json = "/api/v1/ingest/partners", {"Content-Type": "application/json"}
    line = line_of(server, place.request("PUT", path, token=place.ingest_token, headers=json, content=content))
    assert (line["tenant"], line["advertiser"], line["token"]) == (place.tenant.slug, None, 3)
    assert (line["method"], line["route"], line["status"]) == ("PUT", path, 200)
    assert (line["rows"], line["accepted"], line["duplicates"], line["rejected"]) == (2, 1, 0, 1)


@pytest.mark.parametrize(
    ("method", "path", "token", "host", "known"),
    [
        ("GET", JSON, "owner", None, {"status": 400, "route": JSON, "token": 1}),
        ("GET", JSON, None, None, {"status": 401, "route": JSON}),
        ("GET", SINGULAR, "ingest", None, {"status": 403, "route": SINGULAR, "token": 3}),
        ("GET", "/nope", None, None, {"status": 404, "route": None}),
        ("POST", JSON, None, None, {"status": 405, "route": None}),
        ("GET", JSON, "owner", "api.nobody.localhost", {"status": 404, "route": None}),
    ],
)
def test_a_refused_request_is_a_line_with_what_is_known(  # noqa: PLR0917  # pytest passes by name
    module_place: Place,
    server: Server,
    method: str,
    path: str,
    token: str | None,
    host: str | None,
    known: dict[str, Any],
) -> None:
    tokens = {"owner": module_place.owner_token, "ingest": module_place.ingest_token, None: None}
    line = line_of(server, module_place.request(method, path, token=tokens[token], host=host))
    assert {name: line[name] for name in known} == known
    assert line.get("tenant") == (None if host else module_place.tenant.slug)
    assert ("token" in line) == ("token" in known)
    assert line["level"] == "info"


def test_the_log_of_a_server_is_json_alone_and_has_no_token(place: Place, tmp_path: Path) -> None:
    tokens = [place.owner_token, place.rival_token, place.ingest_token, mint().token, "gokart_" + "x" * 39]
    with serving(tmp_path, GOKART_LOG_LEVEL="debug") as server, server.client() as client:
        place.http = client
        for token in tokens:
            for path in JSON, CSV, SINGULAR, f"/{token}", f"/docs/{token}":
                place.request("GET", path, token=token, params={**MAY, "token": token})
            place.request("POST", "/api/v1/ingest/conversions", token=token, content=token.encode())
            place.request("PUT", "/api/v1/ingest/partners", token=token, json=[{"id": token, "name": token}])
            host = ("Host", place.host)
            raw(server, JSON, [host, ("Authorization", f"Bearer {token}"), ("X-Request-Id", token)])
            raw(server, f"http://{token}/", [("Host", token), ("Authorization", f"ApiToken {token}")])
            raw(server, JSON, [host, ("Authorization", f"ApiToken {token}"), ("X-Bad\x01", token)])
        execute("ALTER TABLE {s}.offer RENAME TO forgotten", schema=place.tenant.schema)
        assert place.get(JSON, **MAY).status_code == 500
        execute("ALTER TABLE {s}.api_token RENAME TO forgotten_too", schema=place.tenant.schema)
        assert place.get(JSON, token=mint().token, **MAY).status_code == 500
    text = server.log.read_text()
    assert sum(line["level"] == "error" for line in server.log_lines()) >= 2  # each of them parses
    assert [line for line in text.splitlines() if not line.startswith("{")] == []
    for token in tokens:
        assert token not in text
        assert token[7:27] not in text


def test_the_log_is_readable_on_a_terminal(place: Place) -> None:
    port, tenant = free_port(), place.tenant.slug
    with (
        on_a_terminal([*COMMAND, "serve", "--port", str(port)]) as screen,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        seconds_until(lambda: screen.shows("Uvicorn running"))
        place.http = client
        execute("ALTER TABLE {s}.offer RENAME TO forgotten", schema=place.tenant.schema)
        assert place.get(JSON).status_code == 400
        assert place.get(JSON, **MAY).status_code == 500
        seconds_until(lambda: screen.shows(rf"\[info +\] request .* status=400 tenant={tenant} "))
        seconds_until(lambda: screen.shows("UndefinedTableError"))
    assert "Traceback (most recent call last)" in screen.shown
    assert '{"' not in screen.shown
    assert place.owner_token not in screen.shown


def test_the_format_may_be_chosen(tmp_path: Path) -> None:
    with (
        serving(tmp_path, GOKART_LOG_FORMAT="console", GOKART_LOG_LEVEL="warning") as quiet,
        quiet.client() as client,
    ):
        client.get("/healthz")
    assert quiet.log.read_text() == ""
