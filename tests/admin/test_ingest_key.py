"""The page of a new ingest key: samples that work as shown, and the first record as it arrives."""

import shlex
import subprocess
from typing import Any

import msgspec
import pytest

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, create_staff_user, staff_browser
from tests.support.sandbox import Sandbox, event_record, offer_record
from tests.support.servers import Server

FORM = {"name": "Tracker", "expiry": "never"}
HOSTILE = "a'b\"c\\d$(id)`id`!x%PATH%&|<b>é"


@pytest.fixture
def client(sandbox: Sandbox, server: Server) -> Browser:
    client = Browser(sandbox.http, f"app.{sandbox.tenant.slug}.localhost:{server.port}")
    client.sign_in(create_staff_user(sandbox, "manager"), root="/staff")
    return client


def send_sample(page: Page, kind: str) -> dict[str, Any]:
    line = page.one("code", id=f"sample-{kind}").text
    script = f"{shlex.quote(line)}"
    done = subprocess.run(["bash", "-c", f"eval {script} -sS"], capture_output=True, text=True, check=True)
    result: dict[str, Any] = msgspec.json.decode(done.stdout)
    return result


def key_id(sandbox: Sandbox) -> int:
    (row,) = execute("SELECT max(id) AS id FROM {s}.api_token", schema=sandbox.tenant.schema)
    id_: int = row["id"]
    return id_


@pytest.mark.parametrize("exists", [True, False])
def test_the_samples_work_as_shown(sandbox: Sandbox, client: Browser, exists: bool) -> None:
    if exists:
        sandbox.send("offers", [offer_record(sandbox, name=HOSTILE, campaignName="C", os="IOS", storeId="1")])
        sandbox.send("partners", [{"id": "3fa85f64-5717-4562-b3fc-2c963f66afa6", "name": HOSTILE}])
    page = Page(client.post("/staff/keys/new-ingest", data=FORM).text)
    for kind in "offers", "partners":
        result = send_sample(page, kind)
        assert result == {"accepted": 0 if exists else 1, "duplicates": 1 if exists else 0, "rejected": []}
    for kind in "events", "conversions":
        assert send_sample(page, kind) == {"accepted": 1, "duplicates": 0, "rejected": []}
    (offer,) = execute("SELECT name FROM {s}.offer", schema=sandbox.tenant.schema)
    assert offer["name"] == (HOSTILE if exists else "Example offer")


def test_the_first_records_are_shown_as_they_arrive(sandbox: Sandbox, client: Browser) -> None:
    response = client.post("/staff/keys/new-ingest", data=FORM)
    page = Page(response.text)
    assert "Waiting for the first record" in page.text
    token = page.one("code", id="key").text
    path = f"/staff/keys/{key_id(sandbox)}/first-record"
    assert f'hx-get="{path}?polls=199"' in response.text
    assert "Waiting for the first record" in client.get(path).text
    sandbox.send("events", [], token=token)
    sandbox.send("events", [event_record("x")], token=token)
    waiting = client.get(path).text
    ((_, kind, result),) = Page(waiting).rows("batches")
    assert kind == "events"
    assert "1 rejected offerId" in result
    assert "hx-trigger" in waiting
    assert "hx-trigger" not in client.get(f"{path}?polls=0").text
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer], token=token)
    found = client.get(path).text
    assert Page(found).rows("batches")[0][1:] == ["offers", "1 accepted"]
    assert "hx-trigger" not in found


def test_a_rotated_ingest_key_has_samples_too_and_an_advertisers_key_has_none(
    sandbox: Sandbox, client: Browser
) -> None:
    keys = execute("SELECT id, advertiser FROM {s}.api_token", schema=sandbox.tenant.schema)
    for key in keys:
        page = client.post(f"/staff/keys/{key['id']}/rotate", data={"grace": "168", "expiry": "365"}).text
        assert ("sample-events" in page) is (key["advertiser"] is None)
        found = client.get(f"/staff/keys/{key['id']}/first-record").status_code
        assert found == (200 if key["advertiser"] is None else 404)


def test_another_tenants_key_is_not_found(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    highest = key_id(sandbox)
    execute("UPDATE {s}.api_token SET id = id + 1000", schema=sandbox.tenant.schema)
    assert staff_browser(other_sandbox).get(f"/staff/keys/{highest + 1000}/first-record").status_code == 404
