"""The desk's API keys: of every advertiser, and the tenant's own that bring data in."""

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


def shown(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    (token,) = set(TOKEN.findall(answer.text))
    return str(token)


def id_of(sandbox: Sandbox, token: str) -> int:
    sql = "SELECT id FROM {s}.api_token WHERE digest = sha256($1)"
    (row,) = execute(sql, token.encode(), schema=sandbox.tenant.schema)
    id_: int = row["id"]
    return id_


def names(html: str) -> list[str]:
    """Of the keys that a page lists."""
    page = Page(html)
    return [cell.text.rpartition(" gokart_")[0] for cell in page.all("th", scope="row")]


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox, "manager")


@pytest.fixture(scope="module")
def shared(module_sandbox: Sandbox) -> Browser:
    """The same at the tenant that the tests of this module share, with keys of all kinds."""
    client = staff_browser(module_sandbox)
    make(client, module_sandbox, "Owner's")
    make(client, module_sandbox, "Rival's", advertiser=str(module_sandbox.rival))
    make_ingest(client, "Tracker")
    gone = shown(make(client, module_sandbox, "Gone"))
    client.post(f"/staff/keys/{id_of(module_sandbox, gone)}/revoke")
    return client


def test_a_key_for_an_advertiser_reads_that_advertisers_reports(sandbox: Sandbox, client: Browser) -> None:
    answer = make(client, sandbox)
    assert answer.headers["cache-control"] == "no-store"
    assert "Owner" in Page(answer.text).text
    assert sandbox.get(JSON, token=shown(answer), **MAY).status_code == 200


def test_the_form_sent_again_makes_no_second_key(sandbox: Sandbox, client: Browser) -> None:
    make(client, sandbox)
    again = make(client, sandbox)
    assert again.status_code == 400
    assert "no second key was created" in again.text
    assert not TOKEN.search(again.text)


def test_an_ingest_key_takes_data_in_and_reads_nothing(sandbox: Sandbox, client: Browser) -> None:
    token = shown(make_ingest(client))
    assert sandbox.send("events", [], token=token) == {"accepted": 0, "duplicates": 0, "rejected": []}
    assert sandbox.get(JSON, token=token, **MAY).status_code == 403


def test_the_line_for_the_terminal_works_as_it_stands(sandbox: Sandbox, server: Server) -> None:
    client = Browser(sandbox.http, f"app.{sandbox.tenant.slug}.localhost:{server.port}")
    client.sign_in(create_staff_user(sandbox, "manager"), root="/staff")
    for answer, says in (
        (make(client, sandbox), '{"data":[]}'),
        (make_ingest(client), '{"accepted":0,"duplicates":0,"rejected":[]}'),
    ):
        line = Page(answer.text).one("code", id="curl").text
        done = subprocess.run([*shlex.split(line), "-sS"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, says)


@pytest.mark.parametrize("owner", ["", "nobody", "00000000-0000-4000-8000-000000000000", "ingest"])
def test_a_key_is_somebodys(module_sandbox: Sandbox, shared: Browser, owner: str) -> None:
    answer = make(shared, module_sandbox, advertiser=owner)
    assert answer.status_code == 400
    assert Page(answer.text).one("small", id="advertiser-error").text == "Choose whose key it is."


def test_nor_is_it_another_tenants_advertisers(
    module_sandbox: Sandbox, other_sandbox: Sandbox, shared: Browser
) -> None:
    assert make(shared, module_sandbox, advertiser=str(other_sandbox.owner)).status_code == 400


@pytest.mark.parametrize("scopes", [["ingest"], ["cost-report", "ingest"], []])
def test_no_advertiser_gets_an_ingest_key(module_sandbox: Sandbox, shared: Browser, scopes: list[str]) -> None:
    assert make(shared, module_sandbox, scopes=scopes).status_code == 400


@pytest.mark.parametrize("whose", ["owner_key", "rival_key"])
def test_any_key_is_rotated_and_revoked(sandbox: Sandbox, client: Browser, whose: str) -> None:
    old = getattr(sandbox, whose)
    new = shown(client.post(f"/staff/keys/{id_of(sandbox, old)}/rotate", data=ROTATION))
    assert {sandbox.get(JSON, token=token, **MAY).status_code for token in (old, new)} == {200}
    client.post(f"/staff/keys/{id_of(sandbox, old)}/revoke")
    assert wait_for_value(lambda: sandbox.get(JSON, token=old, **MAY).status_code, 401)


def test_so_is_an_ingest_key(sandbox: Sandbox, client: Browser) -> None:
    assert client.post(f"/staff/keys/{id_of(sandbox, sandbox.ingest_key)}/revoke").status_code == 303
    wait_for_value(lambda: sandbox.request("POST", "/api/v1/ingest/events", token=sandbox.ingest_key).status_code, 401)


@pytest.mark.parametrize("key", ["0", "1000000", "2147483648", "9" * 40])
@pytest.mark.parametrize("path", ["rotate", "revoke"])
def test_a_key_that_is_not_there(shared: Browser, key: str, path: str) -> None:
    assert shared.get(f"/staff/keys/{key}/{path}").status_code == 404
    assert shared.post(f"/staff/keys/{key}/{path}", data=ROTATION).status_code == 404


def test_it_is_noted_who_did_it(sandbox: Sandbox) -> None:
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
    def test_all_of_them(self, shared: Browser) -> None:
        assert names(shared.get("/staff/keys").text) == [
            "Gone",
            "Tracker",
            "Rival's",
            "Owner's",
            "test",
            "test",
            "test",
        ]

    def test_of_an_advertiser(self, module_sandbox: Sandbox, shared: Browser) -> None:
        assert names(shared.get(f"/staff/keys?advertiser={module_sandbox.rival}").text) == ["Rival's", "test"]

    def test_the_tenants_own(self, shared: Browser) -> None:
        assert names(shared.get("/staff/keys?advertiser=ingest").text) == ["Tracker", "test"]

    def test_in_a_state(self, shared: Browser) -> None:
        assert names(shared.get("/staff/keys?state=revoked").text) == ["Gone"]

    def test_both(self, module_sandbox: Sandbox, shared: Browser) -> None:
        assert names(shared.get(f"/staff/keys?advertiser={module_sandbox.rival}&state=revoked").text) == []

    def test_page_by_page(self, sandbox: Sandbox, client: Browser) -> None:
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
    def test_what_makes_no_sense_is_left_alone(self, shared: Browser, query: str) -> None:
        assert shared.get(f"/staff/keys?{query}").status_code == 200

    def test_a_name_is_text_whatever_it_looks_like(self, sandbox: Sandbox, client: Browser) -> None:
        sandbox.set_advertiser(sandbox.owner, name="<img src=x onerror=alert(1)>")
        page = client.get("/staff/keys").text
        assert "<img" not in page
        assert "<img src=x onerror=alert(1)>" in Page(page).text
