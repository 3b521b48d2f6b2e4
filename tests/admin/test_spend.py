"""GET /staff: the spend of all advertisers, by advertiser, offer and partner, in one currency at a time."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.portal.test_dashboard import opened as opened_at_root
from tests.portal.test_export import rows_of
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser, staff_browser
from tests.support.sandbox import MAY, Sandbox, conversion_callback, event_record, offer_record


def opened(client: Browser, **query: str) -> Page:
    response = client.get("/staff", params=query)
    assert response.status_code == 200, response.text
    return Page(response.text)


def fill(sandbox: Sandbox) -> tuple[str, str]:
    """An offer of each advertiser, of which the rival has the greater cost. Returns their ids."""
    offers = [offer_record(sandbox, advertiser, name="Brown Boots") for advertiser in (sandbox.owner, sandbox.rival)]
    sandbox.send("offers", offers)
    sandbox.send(
        "conversions",
        [
            conversion_callback(sandbox, offers[0]["id"], revenue="1.50"),
            conversion_callback(sandbox, offers[1]["id"], revenue="70.000001", offerAdvertiserId=str(sandbox.rival)),
        ],
    )
    sandbox.send("events", [event_record(offers[0]["id"])])
    return offers[0]["id"], offers[1]["id"]


@pytest.fixture(scope="module")
def filled(module_sandbox: Sandbox) -> Sandbox:
    fill(module_sandbox)
    return module_sandbox


@pytest.mark.parametrize("role", ["viewer", "manager", "owner"])
def test_every_role_sees_the_spend_by_advertiser(filled: Sandbox, role: str) -> None:
    page = opened(staff_browser(filled, role), **MAY)
    assert page.rows("rows") == [
        ["Rival Open", "70.00", "1", "0", "0", "70.00", "\u2013"],
        ["Owner Open", "1.50", "1", "1", "0", "1.50", "100.0%"],
    ]
    totals = [each.text for each in page.all("dd", **{"class": "stat-value"})]
    assert totals[:4] == ["71.50", "2", "1", "0"]


def test_yesterday_by_advertiser_is_one_click_away(filled: Sandbox) -> None:
    client = staff_browser(filled, "viewer")
    link = opened(client).one("a", id="period-yesterday")
    page = Page(client.get(link.attributes["href"]).text)
    assert page.one("a", id="period-yesterday").attributes["aria-current"] == "true"


def test_offers_of_the_same_name_are_told_apart(filled: Sandbox) -> None:
    page = opened(staff_browser(filled, "viewer"), by="offer", **MAY)
    assert [row[0] for row in page.rows("rows")] == ["Brown Boots Open Rival", "Brown Boots Open Owner"]


def test_an_advertiser_leads_to_its_offers(filled: Sandbox) -> None:
    client = staff_browser(filled, "viewer")
    link = next(each for each in opened(client, **MAY).all("a") if each.text == "Owner")
    page = Page(client.get(link.attributes["href"]).text)
    assert [row[0] for row in page.rows("rows")] == ["Brown Boots Open Owner"]
    here = advertiser_browser(filled)
    assert [row[1:] for row in page.rows("rows")] == [row[1:] for row in opened_at_root(here, **MAY).rows("rows")]
    labels = [each.attributes["for"] for each in page.all("label") if "for" in each.attributes]
    assert {"advertiser_id", "offer_id", "partner_id", "os"} <= set(labels)


@pytest.mark.parametrize("by", ["advertiser", "offer", "partner"])
def test_each_row_leads_to_the_page_of_its_record(filled: Sandbox, by: str) -> None:
    client = staff_browser(filled, "viewer")
    pages = [each.attributes["href"] for each in opened(client, by=by, **MAY).all("a", **{"class": "page"})]
    assert pages
    for page in pages:
        assert page.startswith(f"/staff/{by}s/")
        assert client.get(page).status_code == 200


def test_figures_of_an_advertiser_lead_to_its_conversions_and_changes(filled: Sandbox) -> None:
    client = staff_browser(filled, "viewer")
    root = f"/staff/advertisers/{filled.owner}"
    everybody = [link.attributes["href"] for link in opened(client, **MAY).all("a") if "href" in link.attributes]
    days = f"{root}/conversions?date_from=2025-05-01&date_to=2025-05-31&time_zone=UTC&status=Success"
    assert days in everybody
    assert not [href for href in everybody if "/changes?" in href]
    page = opened(client, advertiser_id=str(filled.owner), **MAY)
    of_one = [link.attributes["href"] for link in page.all("a") if "href" in link.attributes]
    assert f"{root}/changes?date=2025-05-19" in of_one
    for href in days, f"{root}/changes?date=2025-05-19":
        assert client.get(href).status_code == 200


def test_different_currencies_are_chosen_and_never_added(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.rival, currency="EUR")
    fill(sandbox)
    client = staff_browser(sandbox, "viewer")
    page = opened(client, currency="USD", **MAY)
    assert [row[:2] for row in page.rows("rows")] == [["Owner Open", "1.50"]]
    link = page.one("a", id="currency-EUR").attributes["href"]
    assert dict(parse_qsl(urlsplit(link).query)) == {**MAY, "currency": "EUR"}
    other = Page(client.get(link).text)
    assert [row[:2] for row in other.rows("rows")] == [["Rival Open", "70.00"]]
    assert "Cost, EUR" in other.text


def test_days_are_those_of_the_tenant_s_time_zone(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"], occurredAt="2025-05-19T02:00:00Z")])
    client = staff_browser(sandbox, "viewer")
    assert [row[0] for row in opened(client, **MAY).rows("days") if row[3] == "1"] == ["Mon 19 May 2025"]
    execute("UPDATE {s}.setting SET time_zone = 'America/New_York'", schema=sandbox.tenant.schema)
    page = opened(client, **MAY)
    assert "days in America/New York" in page.text
    assert [row[0] for row in page.rows("days") if row[3] == "1"] == ["Sun 18 May 2025"]


def test_links_to_conversions_show_the_days_of_the_tenant_s_time_zone(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    callback = conversion_callback(sandbox, offer["id"], userCompletedAt="2025-05-19T02:00:00Z")
    sandbox.send("conversions", [callback])
    execute("UPDATE {s}.setting SET time_zone = 'America/New_York'", schema=sandbox.tenant.schema)
    client = staff_browser(sandbox, "viewer")
    page = opened(client, date_from="2025-05-18", date_to="2025-05-18")
    links = [link.attributes.get("href", "") for link in page.all("a")]
    (conversions,) = {href for href in links if "/conversions?" in href}
    shown = Page(client.get(conversions).text)
    assert len(shown.rows("conversions")) == 1
    assert "in America/New_York" in shown.text


def test_a_file_is_never_an_old_one_from_the_browser(filled: Sandbox) -> None:
    """Its ETag does not know the names of advertisers."""
    response = staff_browser(filled, "viewer").get("/staff/export", params=MAY)
    assert (response.headers["Cache-Control"], response.headers.get("ETag")) == ("no-store", None)


def test_it_can_be_exported(filled: Sandbox) -> None:
    client = staff_browser(filled, "viewer")
    page = opened(client, **MAY)
    link = page.all("a", download="")[0].attributes["href"]
    response = client.get(link)
    assert [(row["advertiserName"], row["cost"]) for row in rows_of(response.text)] == [
        ("Rival", "70.000001"),
        ("Owner", "1.5"),
    ]
    assert "gokart-spend-USD_advertisers_2025-05-01_2025-05-31.csv" in response.headers["Content-Disposition"]
    assert "/api/v1/reports/query" not in page.text
    for format_ in "xlsx", "parquet", "api-csv":
        assert client.get("/staff/export", params={"format": format_, "table": "days", **MAY}).status_code == 200


def test_invalid_choices_are_reported(filled: Sandbox) -> None:
    response = staff_browser(filled, "viewer").get("/staff", params={"currency": "dollar"})
    assert response.status_code == 400
    assert "'dollar' is not an ISO 4217 code" in Page(response.text).text


@pytest.mark.parametrize("path", ["/staff", "/staff/export"])
def test_advertisers_cannot_open_it(filled: Sandbox, path: str) -> None:
    response = advertiser_browser(filled).get(path, params=MAY)
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/staff/sign-in")
