"""The desk's first page: what waits, and nothing else."""

import pytest

from tests.people import Browser, advertiser_browser, staff_browser
from tests.places import Place, an_event, an_offer
from tests.portal.reading import Page
from tests.tenants.database import execute


@pytest.fixture
def client(place: Place) -> Browser:
    return staff_browser(place)


def overview(client: Browser) -> str:
    return Page(client.get("/staff").text).text


def test_with_nothing_to_do_it_says_so(client: Browser) -> None:
    assert "Nothing waits for you" in overview(client)
    assert "Last data taken in never" in overview(client)


@pytest.mark.parametrize("role", ["manager", "viewer"])
def test_a_new_tenant_is_told_what_to_begin_with(place: Place, role: str) -> None:
    client = staff_browser(place, role)
    for table in "api_token", "advertiser":
        execute(f"DELETE FROM {{s}}.{table}", schema=place.tenant.schema)
    new = client.get("/staff").text
    manager = role == "manager"
    for path in "/staff/keys/new-ingest", "/admin/#/advertiser/add/", "/staff/people/logins/new":
        assert (f'href="{path}"' in new) is manager
    assert ("Nothing waits for you" in new) is not manager
    for path in ["/staff/keys/new", "/staff/people/logins/new", "/staff/singular"] if manager else []:
        assert 'href="/admin/#/advertiser/add/"' in client.get(path).text


def test_where_there_are_advertisers_nobody_is_told_how_to_make_one(client: Browser) -> None:
    for path in "/staff", "/staff/keys/new", "/staff/people/logins/new", "/staff/singular":
        assert "/admin/#/advertiser/add/" not in client.get(path).text


def test_a_request_for_singular(place: Place, client: Browser) -> None:
    place.set_advertiser(place.owner, singular_enabled=False)
    advertiser_browser(place, email="anna@example.com").post("/singular/request")
    page = client.get("/staff").text
    assert "by anna@example.com" in page
    assert f'href="/staff/singular/{place.owner}"' in page
    assert "Nothing waits" not in page


def test_an_invitation_that_nobody_has_taken_up(client: Browser) -> None:
    client.post("/staff/people/staff/new", data={"email": "bob@example.com", "name": "Bob", "role": "viewer"})
    assert "bob@example.com, viewer until" in overview(client)


def test_a_key_about_to_stop(place: Place, client: Browser) -> None:
    set_expiry = (
        "UPDATE {s}.api_token SET name = 'Nightly', expires_at = now() + interval '3 days' WHERE advertiser = $1"
    )
    execute(set_expiry, place.rival, schema=place.tenant.schema)
    assert "Nightly" in overview(client)
    assert "Rival, until" in overview(client)


def test_an_ingest_key_about_to_stop_is_said_on_every_page(place: Place, client: Browser) -> None:
    execute(
        "UPDATE {s}.api_token SET name = 'Tracker', expires_at = now() + interval '3 days' WHERE advertiser IS NULL",
        schema=place.tenant.schema,
    )
    for path in "/staff/people", "/staff/account":
        assert "The ingest key «Tracker»" in client.get(path).text
    assert "Tracker" not in advertiser_browser(place).get("/account").text


def test_what_came_in_and_what_was_refused(place: Place, client: Browser) -> None:
    offer = an_offer(place)
    place.send("offers", [offer])
    place.send("events", [an_event(offer["id"]), {"id": "x"}])
    page = overview(client)
    assert "Records taken in 2" in page
    assert "Records rejected 1" in page
    assert "Last data taken in never" not in page


def test_a_name_is_text_whatever_it_looks_like(place: Place, client: Browser) -> None:
    place.set_advertiser(place.owner, name="<script>alert(1)</script>", singular_enabled=False)
    advertiser_browser(place).post("/singular/request")
    page = client.get("/staff").text
    assert "<script>alert" not in page
    assert "<script>alert(1)</script>" in Page(page).text
