"""GET /api on the app host: the printed examples work once an API key is inserted."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from auth.api_keys import service as api_keys
from catalog.tenants import set_tenant_limits
from tests.support.app_calls import run, run_in_tenant
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import PASSWORD, Browser, create_advertiser_user
from tests.support.sandbox import JSON, SINGULAR, Sandbox, conversion_callback, offer_record
from tests.support.servers import Server


def test_the_curl_command_works_as_printed(sandbox: Sandbox, server: Server) -> None:
    fill(sandbox)
    printed = with_token(shown(sandbox, server).one("code", id="curl").raw, sandbox)
    done = subprocess.run(["bash", "-c", f"{printed} -sS"], capture_output=True, text=True, check=True)
    assert done.stdout == sandbox.get(JSON, **dict(parse_qsl(urlsplit(printed.split('"')[-2]).query))).text
    assert '"revenue":60.000001' in done.stdout


def test_the_curl_command_works_for_singular(sandbox: Sandbox, server: Server) -> None:
    fill(sandbox)
    printed = with_token(shown(sandbox, server, scopes=["singular"]).one("code", id="curl").raw, sandbox)
    assert SINGULAR in printed
    done = subprocess.run(["bash", "-c", f"{printed} -sS"], capture_output=True, text=True, check=True)
    assert '"cost":60.000001' in done.stdout


@pytest.mark.parametrize("scopes", [["cost-report", "singular"], ["singular"], ["conversions"]], ids=" ".join)
def test_the_python_program_works_as_printed(sandbox: Sandbox, server: Server, scopes: list[str]) -> None:
    """Uses HTTP_PROXY, because not every system resolves the names of *.localhost for Python."""
    fill(sandbox)
    printed = with_token(shown(sandbox, server, scopes=scopes).one("code", id="python").raw, sandbox)
    done = subprocess.run(
        [sys.executable, "-I", "-c", printed],
        env={**os.environ, "http_proxy": server.url, "no_proxy": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    assert line.endswith(" 60.000001")
    assert "Test" in line


@pytest.mark.parametrize("program", ["sheets", "excel"])
def test_the_other_programs_send_the_same_request(sandbox: Sandbox, server: Server, program: str) -> None:
    printed = shown(sandbox, server).one("code", id=program).raw
    assert f'"http://api.{sandbox.tenant.slug}.localhost:{server.port}' in printed
    assert JSON.removeprefix("/") in printed
    columns = {"offerName", "publisherName", "totalConversions", "totalClicks", "totalViews", "revenue"}
    assert columns <= set(re.findall(r'"(\w+)"', printed))
    assert '"ApiToken " & Token' in printed or "`ApiToken ${TOKEN}`" in printed


def test_urls_use_the_host_and_scheme_of_the_request(sandbox: Sandbox, http: httpx.Client) -> None:
    client = Browser(http, f"APP.{sandbox.tenant.slug.upper()}.localhost.")
    client.headers["Origin"] = f"http://{client.host.lower()}"
    assert client.sign_in(create_advertiser_user(sandbox)).status_code == 303
    page = Page(client.get("/api").text)
    assert page.one("code", id="base-url").text == f"http://api.{sandbox.tenant.slug}.localhost"
    links = page.all("a", **{"class": "button secondary"})
    assert links[0].attributes["href"].endswith(".localhost/docs")


def test_it_shows_the_rate_limits(sandbox: Sandbox, server: Server) -> None:
    assert "Burst 1,000,000 requests" in shown(sandbox, server).text  # the tests' server has higher limits
    run(lambda: set_tenant_limits(sandbox.tenant.slug, 2.5, 30, 4))
    (key,) = execute("SELECT id FROM {s}.api_token WHERE advertiser = $1", sandbox.owner, schema=sandbox.tenant.schema)
    run_in_tenant(sandbox.tenant.slug, lambda: api_keys.set_api_key_limits(key["id"], None, 77, None))
    text = shown(sandbox, server).text
    assert "Burst 30 requests" in text
    assert "Per second 2.5 requests" in text
    assert "Concurrent 4 requests" in text
    assert re.search(r"test gokart_\S+ 77 2.5 4 ", text)


def test_limits_of_other_advertisers_keys_are_hidden(sandbox: Sandbox, server: Server) -> None:
    execute("UPDATE {s}.api_token SET burst = 77 WHERE advertiser = $1", sandbox.rival, schema=sandbox.tenant.schema)
    execute(
        "UPDATE {s}.api_token SET burst = 78, revoked_at = now() WHERE advertiser = $1",
        sandbox.owner,
        schema=sandbox.tenant.schema,
    )
    text = shown(sandbox, server).text
    assert "Keys with limits of their own" not in text
    assert not re.search(r"\b7[78]\b", text)


def fill(sandbox: Sandbox) -> None:
    """Ingests a conversion of today."""
    offer = offer_record(sandbox, name="Test", os="WEB", campaignName="ONE")
    sandbox.send("offers", [offer])
    now = datetime.now(UTC).isoformat()
    sandbox.send(
        "conversions",
        [conversion_callback(sandbox, offer["id"], revenue="60.000001", userCompletedAt=now, sent_at=now)],
    )


def shown(sandbox: Sandbox, server: Server, **columns: Any) -> Page:
    client = Browser(sandbox.http, f"app.{sandbox.tenant.slug}.localhost:{server.port}")
    assert client.sign_in(create_advertiser_user(sandbox, **columns), PASSWORD).status_code == 303
    response = client.get("/api")
    assert response.status_code == 200, response.text
    return Page(response.text)


def with_token(printed: str, sandbox: Sandbox) -> str:
    return printed.replace("{your-token}", sandbox.owner_key)
