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
