"""The staff's API key pages: keys of every advertiser, and the tenant's ingest keys."""

import re
import shlex
import subprocess
from typing import Any

import httpx
import pytest

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, audit, browser, create_staff_user, staff_browser
from tests.support.sandbox import JSON, MAY, Sandbox
from tests.support.servers import Server
from tests.support.wait import wait_for_value

TOKEN = re.compile(r"gokart_[0-9A-Za-z]{39}")
ROTATION = {"grace": "168", "expiry": "365"}


def make(client: Browser, sandbox: Sandbox, name: str = "Partner's import", **fields: Any) -> httpx.Response:
    data = {"advertiser": str(sandbox.owner), "name": name, "scopes": ["cost-report"], "expiry": "never", **fields}
    return client.post("/staff/keys/new", data=data)


def make_ingest(client: Browser, name: str = "Tracker") -> httpx.Response:
    return client.post("/staff/keys/new-ingest", data={"name": name, "expiry": "never"})


def shown(response: httpx.Response) -> str:
    assert response.status_code == 201, response.text
    (token,) = set(TOKEN.findall(response.text))
    return str(token)


def id_of(sandbox: Sandbox, token: str) -> int:
    sql = "SELECT id FROM {s}.api_token WHERE digest = sha256($1)"
    (row,) = execute(sql, token.encode(), schema=sandbox.tenant.schema)
    id_: int = row["id"]
    return id_


def names(html: str) -> list[str]:
    """The names of the API keys that a page lists."""
    page = Page(html)
    return [cell.text.rpartition(" gokart_")[0] for cell in page.all("th", scope="row")]


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox, "manager")


@pytest.fixture(scope="module")
def shared(module_sandbox: Sandbox) -> Browser:
    """A client of the tenant that the tests of this module share, which has keys of all kinds."""
    client = staff_browser(module_sandbox)
    make(client, module_sandbox, "Owner's")
    make(client, module_sandbox, "Rival's", advertiser=str(module_sandbox.rival))
    make_ingest(client, "Tracker")
    gone = shown(make(client, module_sandbox, "Gone"))
    client.post(f"/staff/keys/{id_of(module_sandbox, gone)}/revoke")
    return client


def test_an_advertiser_key_reads_that_advertisers_reports(sandbox: Sandbox, client: Browser) -> None:
    response = make(client, sandbox)
    assert response.headers["cache-control"] == "no-store"
    assert "Owner" in Page(response.text).text
    assert sandbox.get(JSON, token=shown(response), **MAY).status_code == 200


def test_submitting_the_form_again_creates_no_second_key(sandbox: Sandbox, client: Browser) -> None:
    make(client, sandbox)
    again = make(client, sandbox)
    assert again.status_code == 400
    assert "no second key was created" in again.text
    assert not TOKEN.search(again.text)


def test_an_ingest_key_sends_data_and_reads_no_report(sandbox: Sandbox, client: Browser) -> None:
    token = shown(make_ingest(client))
    assert sandbox.send("events", [], token=token) == {"accepted": 0, "duplicates": 0, "rejected": []}
    assert sandbox.get(JSON, token=token, **MAY).status_code == 403


def test_the_curl_command_works_as_shown(sandbox: Sandbox, server: Server) -> None:
    client = Browser(sandbox.http, f"app.{sandbox.tenant.slug}.localhost:{server.port}")
    client.sign_in(create_staff_user(sandbox, "manager"), root="/staff")
    for response, says in (
        (make(client, sandbox), '{"data":[]}'),
        (make_ingest(client), '{"accepted":0,"duplicates":0,"rejected":[]}'),
    ):
        line = Page(response.text).one("code", id="curl").text
        done = subprocess.run([*shlex.split(line), "-sS"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, says)


@pytest.mark.parametrize("owner", ["", "nobody", "00000000-0000-4000-8000-000000000000", "ingest"])
def test_an_advertiser_is_required(module_sandbox: Sandbox, shared: Browser, owner: str) -> None:
    response = make(shared, module_sandbox, advertiser=owner)
    assert response.status_code == 400
    assert Page(response.text).one("small", id="advertiser-error").text.startswith("Choose an advertiser")


def test_another_tenants_advertiser_is_rejected(
    module_sandbox: Sandbox, other_sandbox: Sandbox, shared: Browser
) -> None:
    assert make(shared, module_sandbox, advertiser=str(other_sandbox.owner)).status_code == 400


@pytest.mark.parametrize("scopes", [["ingest"], ["cost-report", "ingest"], []])
def test_the_scopes_of_an_advertiser_key_are_validated(
    module_sandbox: Sandbox, shared: Browser, scopes: list[str]
) -> None:
    assert make(shared, module_sandbox, scopes=scopes).status_code == 400


@pytest.mark.parametrize("whose", ["owner_key", "rival_key"])
def test_keys_of_any_advertiser_can_be_rotated_and_revoked(sandbox: Sandbox, client: Browser, whose: str) -> None:
    old = getattr(sandbox, whose)
    new = shown(client.post(f"/staff/keys/{id_of(sandbox, old)}/rotate", data=ROTATION))
    assert {sandbox.get(JSON, token=token, **MAY).status_code for token in (old, new)} == {200}
    client.post(f"/staff/keys/{id_of(sandbox, old)}/revoke")
    assert wait_for_value(lambda: sandbox.get(JSON, token=old, **MAY).status_code, 401)


def test_an_ingest_key_can_be_revoked(sandbox: Sandbox, client: Browser) -> None:
    assert client.post(f"/staff/keys/{id_of(sandbox, sandbox.ingest_key)}/revoke").status_code == 303
    wait_for_value(lambda: sandbox.request("POST", "/api/v1/ingest/events", token=sandbox.ingest_key).status_code, 401)


@pytest.mark.parametrize("key", ["0", "1000000", "2147483648", "9" * 40])
@pytest.mark.parametrize("path", ["rotate", "revoke"])
def test_an_unknown_key_is_not_found(shared: Browser, key: str, path: str) -> None:
    assert shared.get(f"/staff/keys/{key}/{path}").status_code == 404
    assert shared.post(f"/staff/keys/{key}/{path}", data=ROTATION).status_code == 404


def test_the_audit_log_names_who_did_it(sandbox: Sandbox) -> None:
    client = browser(sandbox)
    email = create_staff_user(sandbox, "manager")
    client.sign_in(email, root="/staff")
    key = id_of(sandbox, shown(make(client, sandbox)))
    client.post(f"/staff/keys/{key}/rotate", data=ROTATION)
    client.post(f"/staff/keys/{key}/revoke")
    entries = [row for row in audit(sandbox) if row["actor"] == f"staff:{email}"]
    assert [(row["subject"], row["action"]) for row in entries] == [
        ("api_token", "created"),
        ("api_token", "created"),
        ("api_token", "changed"),
        ("api_token", "changed"),
    ]
    assert {str(row["address"]) for row in entries} == {"127.0.0.1"}
    assert "digest" not in str([row["after"] for row in entries]).replace('"digest": "(secret)"', "")


class TestList:
    def test_it_lists_all_keys(self, shared: Browser) -> None:
        assert names(shared.get("/staff/keys").text) == [
            "Gone",
            "Tracker",
            "Rival's",
            "Owner's",
            "test",
            "test",
            "test",
        ]

    def test_it_filters_by_advertiser(self, module_sandbox: Sandbox, shared: Browser) -> None:
        assert names(shared.get(f"/staff/keys?advertiser={module_sandbox.rival}").text) == ["Rival's", "test"]

    def test_it_filters_ingest_keys(self, shared: Browser) -> None:
        assert names(shared.get("/staff/keys?advertiser=ingest").text) == ["Tracker", "test"]

    def test_it_filters_by_status(self, shared: Browser) -> None:
        assert names(shared.get("/staff/keys?state=revoked").text) == ["Gone"]

    def test_it_combines_filters(self, module_sandbox: Sandbox, shared: Browser) -> None:
        assert names(shared.get(f"/staff/keys?advertiser={module_sandbox.rival}&state=revoked").text) == []

    def test_it_is_paginated(self, sandbox: Sandbox, client: Browser) -> None:
        execute(
            """
            INSERT INTO {s}.api_token (advertiser, name, digest, hint, scopes, created_by)
            SELECT $1, 'Key ' || n, sha256(n::text::bytea), 'gokart_…', '{singular}', 'test'
            FROM generate_series(1, 120) n
            """,
            sandbox.owner,
            schema=sandbox.tenant.schema,
        )
        seen, path = [], "/staff/keys?state=live"
        while path:
            page = client.get(path).text
            seen += names(page)
            older = [link for link in Page(page).all("a", rel="next") if "href" in link.attributes]
            path = older[0].attributes["href"] if older else ""
        assert len(seen) == len(
            execute("SELECT FROM {s}.api_token WHERE revoked_at IS NULL", schema=sandbox.tenant.schema)
        )
        assert {f"Key {n}" for n in range(1, 121)} <= set(seen)

    @pytest.mark.parametrize(
        "query", ["advertiser=x", "state=dead", "before=x", f"before={'9' * 40}", "before=%C2%B2", "state=%00"]
    )
    def test_invalid_filters_are_ignored(self, shared: Browser, query: str) -> None:
        assert shared.get(f"/staff/keys?{query}").status_code == 200

    def test_names_are_escaped(self, sandbox: Sandbox, client: Browser) -> None:
        sandbox.set_advertiser(sandbox.owner, name="<img src=x onerror=alert(1)>")
        page = client.get("/staff/keys").text
        assert "<img" not in page
        assert "<img src=x onerror=alert(1)>" in Page(page).text


@pytest.mark.parametrize("whose", ["owner", "ingest", "all"])
def test_all_keys_are_revoked_at_once(sandbox: Sandbox, whose: str) -> None:
    client = staff_browser(sandbox, "manager")
    assert client.post("/staff/keys/revoke-all").status_code == 400
    form = {"advertiser": str(sandbox.owner) if whose == "owner" else whose}
    assert client.post("/staff/keys/revoke-all", data=form).headers["location"] == "/staff/keys?done=revoked-all"
    expected = {"owner": [401, 200, 403], "ingest": [200, 200, 401], "all": [401, 401, 401]}[whose]
    tokens = sandbox.owner_key, sandbox.rival_key, sandbox.ingest_key
    assert wait_for_value(lambda: [sandbox.get(token=token, **MAY).status_code for token in tokens], expected)
