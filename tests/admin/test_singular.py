"""The staff's Singular pages: requests to enable it, missing requirements, enabling and disabling."""

from typing import Any

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser, audit, browser, create_staff_user, staff_browser
from tests.support.sandbox import MAY, SINGULAR, Sandbox, event_record, offer_record
from tests.support.wait import wait_for_value

COMPLETE: dict[str, Any] = {"os": "ANDROID", "storeId": "com.test", "campaignName": "AOS_TEST_2025"}


def row_of(client: Browser, name: str) -> str:
    """Text of the advertiser's row in the list."""
    html = client.get("/staff/singular").text
    (row,) = [part for part in html.split("<tr>") if f'<th scope="row">{name}<' in part]
    return Page(f"<body>{row}</body>").text


def switch(client: Browser, sandbox: Sandbox, to: str) -> None:
    response = client.post(f"/staff/singular/{sandbox.owner}", data={"singular": to})
    assert (response.status_code, response.headers["location"]) == (303, f"/staff/singular/{sandbox.owner}?done={to}")


def test_enabling_singular_closes_the_request_and_allows_reports(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    advertiser_browser(sandbox, email="anna@example.com").post("/singular/request")
    client = staff_browser(sandbox, "manager")
    assert "requested" in row_of(client, "Owner")
    assert "anna@example.com requested Singular" in client.get(f"/staff/singular/{sandbox.owner}").text
    assert sandbox.get(SINGULAR, **MAY).status_code == 403
    switch(client, sandbox, "on")
    assert wait_for_value(lambda: sandbox.get(SINGULAR, **MAY).status_code, 200)
    assert "requested" not in row_of(client, "Owner")


def test_disabling_singular_rejects_its_requests(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox, "manager")
    switch(client, sandbox, "off")
    assert wait_for_value(lambda: sandbox.get(SINGULAR, **MAY).status_code, 403)
    assert row_of(client, "Owner").startswith(f"Owner {str(sandbox.owner)[:8]} off")
    assert row_of(client, "Rival").startswith(f"Rival {str(sandbox.rival)[:8]} on")


def test_a_request_can_be_declined(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    advertiser_browser(sandbox).post("/singular/request")
    client = staff_browser(sandbox, "manager")
    assert "Decline the request" in client.get(f"/staff/singular/{sandbox.owner}").text
    switch(client, sandbox, "off")
    assert "requested" not in row_of(client, "Owner")


def test_the_audit_log_names_who_changed_it(sandbox: Sandbox) -> None:
    client, email = browser(sandbox), create_staff_user(sandbox, "manager")
    client.sign_in(email, root="/staff")
    switch(client, sandbox, "off")
    last = audit(sandbox)[-1]
    assert (last["actor"], last["subject"], last["label"]) == (f"staff:{email}", "advertiser", "Owner")
    assert last["after"] == '{"singular_enabled": false}'


def test_it_lists_offers_with_missing_data(sandbox: Sandbox) -> None:
    sandbox.send("offers", [offer_record(sandbox, name="Chess", **COMPLETE), offer_record(sandbox, name="Checkers")])
    page = Page(staff_browser(sandbox, "viewer").get(f"/staff/singular/{sandbox.owner}").text)
    assert "1 offer has missing data. See below." in page.text
    assert "Checkers" in page.text
    assert "Chess" not in page.text
    for field in "os", "store_id", "campaign_name":
        assert field in page.text


def test_a_complete_advertiser_has_no_missing_data(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox, **COMPLETE)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    page = Page(staff_browser(sandbox).get(f"/staff/singular/{sandbox.owner}").text)
    assert page.text.count("Still to do.") == 1, "only Singular's first request is missing"
    assert "Offers with missing data" not in page.text


def test_without_an_api_key_it_links_to_the_form_for_one(sandbox: Sandbox) -> None:
    execute("UPDATE {s}.api_token SET revoked_at = now()", schema=sandbox.tenant.schema)
    client = staff_browser(sandbox, "manager")
    assert "none active" in row_of(client, "Owner")
    path = f"/staff/keys/new?advertiser={sandbox.owner}"
    assert path in client.get(f"/staff/singular/{sandbox.owner}").text
    assert "selected" in Page(client.get(path).text).one("option", value=str(sandbox.owner)).attributes


def test_a_failed_request_is_shown_here_and_on_the_overview(sandbox: Sandbox) -> None:
    execute(
        """
        INSERT INTO {s}.singular_pull (at, advertiser, token, format, status, milliseconds)
        SELECT now() - interval '1 hour', advertiser, id, 'json', 403, 5 FROM {s}.api_token WHERE advertiser = $1
        """,
        sandbox.owner,
        schema=sandbox.tenant.schema,
    )
    client = staff_browser(sandbox)
    assert "error 403" in row_of(client, "Owner")
    assert "Access denied" in client.get(f"/staff/singular/{sandbox.owner}").text
    assert "error 403" in client.get("/staff").text
    execute(
        """
        INSERT INTO {s}.singular_pull (at, advertiser, token, format, status, rows, milliseconds)
        SELECT now(), advertiser, id, 'json', 200, 0, 5 FROM {s}.api_token WHERE advertiser = $1
        """,
        sandbox.owner,
        schema=sandbox.tenant.schema,
    )
    assert "error 403" not in client.get("/staff").text


def test_advertisers_are_found_by_name(sandbox: Sandbox) -> None:
    client = staff_browser(sandbox)
    page = Page(client.get("/staff/singular?name=RIV").text).text
    assert "Rival" in page
    assert "Owner" not in page
    for name in "%25", "_", "%27%22%3Cscript%3E", "x" * 5_000, "%00":
        assert client.get(f"/staff/singular?name={name}").status_code == 200


def test_another_tenants_advertiser_is_not_found(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    client = staff_browser(sandbox)
    path = f"/staff/singular/{other_sandbox.owner}"
    assert client.get(path).status_code == client.post(path, data={"singular": "off"}).status_code == 404
    assert other_sandbox.get(SINGULAR, **MAY).status_code == 200
    assert client.get("/staff/singular/x").status_code == 404
