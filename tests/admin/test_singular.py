"""The desk's Singular pages: who asks for it, what is missing, and the switch."""

from typing import Any

from tests.people import Browser, advertiser_browser, audit, browser, make_staff, staff_browser
from tests.places import MAY, SINGULAR, Place, an_event, an_offer
from tests.portal.reading import Page
from tests.tenants.database import execute
from tests.waiting import becomes

COMPLETE: dict[str, Any] = {"os": "ANDROID", "storeId": "com.test", "campaignName": "AOS_TEST_2025"}


def row_of(client: Browser, name: str) -> str:
    """The advertiser's, in the list."""
    html = client.get("/staff/singular").text
    (row,) = [part for part in html.split("<tr>") if f'<th scope="row">{name}<' in part]
    return Page(f"<body>{row}</body>").text


def switch(client: Browser, place: Place, to: str) -> None:
    answer = client.post(f"/staff/singular/{place.owner}", data={"singular": to})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/staff/singular/{place.owner}?done={to}")


def test_switched_on_a_request_is_answered_and_pulls_are_too(place: Place) -> None:
    place.set_advertiser(place.owner, singular_enabled=False)
    advertiser_browser(place, email="anna@example.com").post("/singular/request")
    client = staff_browser(place, "manager")
    assert "asked for" in row_of(client, "Owner")
    assert "anna@example.com asked for it" in client.get(f"/staff/singular/{place.owner}").text
    assert place.get(SINGULAR, **MAY).status_code == 403
    switch(client, place, "on")
    assert becomes(lambda: place.get(SINGULAR, **MAY).status_code, 200)
    assert "asked for" not in row_of(client, "Owner")


def test_switched_off_pulls_are_refused(place: Place) -> None:
    client = staff_browser(place, "manager")
    switch(client, place, "off")
    assert becomes(lambda: place.get(SINGULAR, **MAY).status_code, 403)
    assert row_of(client, "Owner").startswith("Owner off")
    assert row_of(client, "Rival").startswith("Rival on")


def test_a_request_can_be_declined(place: Place) -> None:
    place.set_advertiser(place.owner, singular_enabled=False)
    advertiser_browser(place).post("/singular/request")
    client = staff_browser(place, "manager")
    assert "Decline the request" in client.get(f"/staff/singular/{place.owner}").text
    switch(client, place, "off")
    assert "asked for" not in row_of(client, "Owner")


def test_it_is_noted_who_switched_it(place: Place) -> None:
    client, email = browser(place), make_staff(place, "manager")
    client.sign_in(email, root="/staff")
    switch(client, place, "off")
    last = audit(place)[-1]
    assert (last["actor"], last["subject"], last["label"]) == (f"staff:{email}", "advertiser", "Owner")
    assert last["after"] == '{"singular_enabled": false}'


def test_what_is_missing_is_named(place: Place) -> None:
    place.send("offers", [an_offer(place, name="Chess", **COMPLETE), an_offer(place, name="Checkers")])
    page = Page(staff_browser(place, "viewer").get(f"/staff/singular/{place.owner}").text)
    assert "1 does not: see below" in page.text
    assert "Checkers" in page.text
    assert "Chess" not in page.text
    for field in "os", "store_id", "campaign_name":
        assert field in page.text


def test_with_everything_there_nothing_is(place: Place) -> None:
    offer = an_offer(place, **COMPLETE)
    place.send("offers", [offer])
    place.send("events", [an_event(offer["id"])])
    page = Page(staff_browser(place).get(f"/staff/singular/{place.owner}").text)
    assert page.text.count("Still to do.") == 1, "that Singular has pulled"
    assert "Offers to mend" not in page.text


def test_without_a_key_it_says_where_one_is_made(place: Place) -> None:
    execute("UPDATE {s}.api_token SET revoked_at = now()", schema=place.tenant.schema)
    client = staff_browser(place, "manager")
    assert "none that works" in row_of(client, "Owner")
    path = f"/staff/keys/new?advertiser={place.owner}"
    assert path in client.get(f"/staff/singular/{place.owner}").text
    assert "selected" in Page(client.get(path).text).one("option", value=str(place.owner)).attributes


def test_a_pull_that_went_wrong_is_shown_there_and_on_the_overview(place: Place) -> None:
    token = "SELECT id FROM {s}.api_token WHERE advertiser = $1"
    execute(
        f"""
        INSERT INTO {{s}}.singular_pull (at, advertiser, token, format, status, milliseconds)
        VALUES (now() - interval '1 hour', $1, ({token}), 'json', 403, 5)
        """,
        place.owner,
        schema=place.tenant.schema,
    )
    client = staff_browser(place)
    assert "error 403" in row_of(client, "Owner")
    assert "Refused" in client.get(f"/staff/singular/{place.owner}").text
    assert "error 403" in client.get("/staff").text
    execute(
        f"""
        INSERT INTO {{s}}.singular_pull (at, advertiser, token, format, status, rows, milliseconds)
        VALUES (now(), $1, ({token}), 'json', 200, 0, 5)
        """,
        place.owner,
        schema=place.tenant.schema,
    )
    assert "error 403" not in client.get("/staff").text


def test_an_advertiser_is_looked_for_by_name(place: Place) -> None:
    client = staff_browser(place)
    page = Page(client.get("/staff/singular?name=RIV").text).text
    assert "Rival" in page
    assert "Owner" not in page
    for name in "%25", "_", "%27%22%3Cscript%3E", "x" * 5_000, "%00":
        assert client.get(f"/staff/singular?name={name}").status_code == 200


def test_another_tenants_advertiser_is_not_there(place: Place, other_place: Place) -> None:
    client = staff_browser(place)
    path = f"/staff/singular/{other_place.owner}"
    assert client.get(path).status_code == client.post(path, data={"singular": "off"}).status_code == 404
    assert other_place.get(SINGULAR, **MAY).status_code == 200
    assert client.get("/staff/singular/x").status_code == 404
