"""The open tasks on the page of the spend: what needs the staff's attention, and nothing else."""

from html import escape
from uuid import UUID

import pytest

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser, create_advertiser_user, staff_browser
from tests.support.sandbox import Sandbox, event_record, offer_record


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox)


def overview(client: Browser) -> str:
    return Page(client.get("/staff").text).text


def test_it_states_that_nothing_needs_attention(sandbox: Sandbox, client: Browser) -> None:
    for advertiser in sandbox.owner, sandbox.rival:
        create_advertiser_user(sandbox, advertiser)
    assert "Nothing needs your attention" in overview(client)
    assert "Data updated through never" in overview(client)


@pytest.mark.parametrize("role", ["manager", "viewer"])
def test_a_new_tenant_sees_the_first_steps(sandbox: Sandbox, role: str) -> None:
    client = staff_browser(sandbox, role)
    for table in "api_token", "advertiser":
        execute(f"DELETE FROM {{s}}.{table}", schema=sandbox.tenant.schema)
    new = client.get("/staff").text
    manager = role == "manager"
    for path in "/staff/keys/new-ingest", "/staff/advertisers/new", "/staff/people/logins/new":
        assert (f'href="{path}"' in new) is manager
    assert ("Nothing needs your attention" in new) is not manager
    for path in ["/staff/keys/new", "/staff/people/logins/new", "/staff/singular"] if manager else []:
        assert 'href="/staff/advertisers/new"' in client.get(path).text


def test_with_advertisers_no_page_explains_how_to_add_one(client: Browser) -> None:
    for path in "/staff", "/staff/keys/new", "/staff/people/logins/new", "/staff/singular":
        assert "/staff/advertisers/new" not in client.get(path).text


def test_it_lists_requests_to_enable_singular(sandbox: Sandbox, client: Browser) -> None:
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    advertiser_browser(sandbox, email="anna@example.com").post("/singular/request")
    page = client.get("/staff").text
    assert "by anna@example.com" in page
    assert f'href="/staff/singular/{sandbox.owner}"' in page
    assert "Nothing needs your attention" not in page


def test_it_lists_pending_invitations(client: Browser) -> None:
    client.post("/staff/people/staff/new", data={"email": "bob@example.com", "name": "Bob", "role": "viewer"})
    assert "bob@example.com, viewer expires" in overview(client)


def test_it_lists_expiring_keys(sandbox: Sandbox, client: Browser) -> None:
    set_expiry = (
        "UPDATE {s}.api_token SET name = 'Nightly', expires_at = now() + interval '3 days' WHERE advertiser = $1"
    )
    execute(set_expiry, sandbox.rival, schema=sandbox.tenant.schema)
    assert "Nightly" in overview(client)
    assert "Rival, expires" in overview(client)


def test_every_page_warns_of_an_expiring_ingest_key(sandbox: Sandbox, client: Browser) -> None:
    execute(
        "UPDATE {s}.api_token SET name = 'Tracker', expires_at = now() + interval '3 days' WHERE advertiser IS NULL",
        schema=sandbox.tenant.schema,
    )
    for path in "/staff/people", "/staff/account":
        assert "The ingest key “Tracker”" in client.get(path).text
    assert "Tracker" not in advertiser_browser(sandbox).get("/account").text


def test_it_counts_received_and_rejected_records(sandbox: Sandbox, client: Browser) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"]), {"id": "x"}])
    page = overview(client)
    assert "Records received 2" in page
    assert "Records rejected 1" in page
    assert "Data updated through never" not in page


def test_names_are_escaped(sandbox: Sandbox, client: Browser) -> None:
    sandbox.set_advertiser(sandbox.owner, name="<script>alert(1)</script>", singular_enabled=False)
    advertiser_browser(sandbox).post("/singular/request")
    page = client.get("/staff").text
    assert "<script>alert" not in page
    assert "<script>alert(1)</script>" in Page(page).text


def test_each_task_has_its_count_and_leads_to_its_list(sandbox: Sandbox, client: Browser) -> None:
    create_advertiser_user(sandbox, sandbox.owner)
    for advertiser in sandbox.owner, sandbox.rival:
        sandbox.set_advertiser(advertiser, singular_enabled=advertiser == sandbox.owner)
    execute(
        "UPDATE {s}.api_token SET revoked_at = now() WHERE advertiser = $1", sandbox.rival, schema=sandbox.tenant.schema
    )
    sandbox.send(
        "offers", [offer_record(sandbox, os="WEB", campaignName="A"), offer_record(sandbox), offer_record(sandbox)]
    )
    sandbox.send("events", [{"id": "x"}])
    page = client.get("/staff").text
    for text, path, rows in [
        ("1 rejected record is waiting", "/staff/intake/rejected", None),
        ("2 offers lack data that Singular needs", "/staff/offers?missing=singular", 2),
        ("1 advertiser has no user", "/staff/advertisers?missing=users&status=active", 1),
        ("1 advertiser has no API key", "/staff/advertisers?missing=keys&status=active", 1),
    ]:
        assert text in Page(page).text
        assert f'href="{escape(path)}"' in page
        listed = client.get(path)
        assert listed.status_code == 200
        if rows:
            assert listed.text.partition("<tbody")[2].count("<tr") == rows, path


def test_it_shows_what_each_sender_sent_by_hour(sandbox: Sandbox, client: Browser) -> None:
    sandbox.send("offers", [offer_record(sandbox)])
    page = client.get("/staff").text
    intake = page.partition("Intake, last 24 hours")[2]
    assert intake.count('<rect class="slot"') == 24
    assert 'href="/staff/intake"' in page
    assert "last batch" in intake
    assert "style=" not in intake


def test_a_task_counts_what_its_list_shows(sandbox: Sandbox, client: Browser) -> None:
    """Without archived offers, advertisers without Singular, and paused advertisers."""
    for advertiser in sandbox.owner, sandbox.rival:
        sandbox.set_advertiser(advertiser, singular_enabled=advertiser == sandbox.owner)
    of_owner = [offer_record(sandbox) for _ in range(4)]
    sandbox.send("offers", [*of_owner, offer_record(sandbox, sandbox.rival)])
    for offer, status in zip(of_owner, ["paused", "archived"], strict=False):
        execute(
            "UPDATE {s}.offer SET status = $2 WHERE id = $1", UUID(offer["id"]), status, schema=sandbox.tenant.schema
        )
    execute("UPDATE {s}.advertiser SET status = 'paused' WHERE id = $1", sandbox.rival, schema=sandbox.tenant.schema)
    page = Page(client.get("/staff").text)
    tasks = {
        link.attributes["href"]: link.text for link in page.all("a") if "missing=" in link.attributes.get("href", "")
    }
    assert tasks["/staff/offers?missing=singular"].startswith("3 offers lack")
    for path, text in tasks.items():
        assert len(Page(client.get(path).text).rows("rows")) == int(text.split()[0]), path
