"""GET / and /report.csv on the app host: users see the figures of their advertiser, which equal the API's."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest

from reporting.dashboard.periods import LABELS
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser, browser, create_advertiser_user
from tests.support.sandbox import CSV, JSON, MAY, Sandbox, conversion_callback, event_record, offer_record
from web.pages.formatting import format_count, format_money

SCRIPT = "<script>alert('x')</script>\"'"


def test_it_shows_the_same_data_as_the_api(sandbox: Sandbox) -> None:
    fill(sandbox)
    page = opened(advertiser_browser(sandbox), **MAY)
    assert [row[1:] for row in page.rows("rows")] == [
        [
            row["publisherName"],
            format_money(Decimal(str(row["revenue"]))),
            format_count(row["totalConversions"]),
            format_count(row["totalClicks"]),
            format_count(row["totalViews"]),
        ]
        for row in sandbox.report()
    ]
    assert totals(page) == {"Cost, USD": "1,234,627.250001", "Conversions": "3", "Clicks": "2", "Views": "1"}
    days = page.rows("days")
    assert [row[0] for row in days][:2] == ["Sat 31 May 2025", "Fri 30 May 2025"]
    assert len(days) == 31
    by_name = {row[0]: row[1:5] for row in days}
    assert by_name["Mon 19 May 2025"] == ["60.000001", "2", "2", "1"]
    assert by_name["Tue 20 May 2025"] == ["1,234,567.25", "1", "0", "0"]
    assert by_name["Wed 21 May 2025"] == ["0.00", "0", "0", "0"]


def test_changes_compare_with_the_previous_period(sandbox: Sandbox) -> None:
    fill(sandbox)
    page = opened(advertiser_browser(sandbox), date_from="2025-05-20", date_to="2025-05-20")
    cost, conversions, clicks, _ = [dd.text for dd in page.all("dd", **{"class": "stat-note"})]
    assert cost == "+1,234,507.249999 (+2,057,512.0%) Previous day: 60.000001"
    assert conversions == "\u22121 (\u221250.0%) Previous day: 2"
    assert clicks == "\u22122 (\u2212100.0%) Previous day: 2"


def test_it_shows_when_data_was_updated(sandbox: Sandbox) -> None:
    fill(sandbox)
    through = sandbox.get(JSON, **MAY).headers["GoKart-Data-Through"]
    page = opened(advertiser_browser(sandbox), **MAY)
    assert f"Data updated through {through[:10]} {through[11:16]} UTC" in page.text


def test_it_shows_amounts_in_the_advertisers_currency(sandbox: Sandbox) -> None:
    execute("UPDATE {s}.advertiser SET currency = 'JPY'", schema=sandbox.tenant.schema)
    fill(sandbox)
    assert "Cost, JPY" in totals(opened(advertiser_browser(sandbox), **MAY))


def test_top_offers_and_partners_are_ordered_by_cost(sandbox: Sandbox) -> None:
    fill(sandbox)
    offers, partners = opened(advertiser_browser(sandbox), **MAY).all("ol", **{"class": "tops"})
    assert offers.text.startswith("Second iOS 1,234,567.25 100.0% of cost")
    assert "1 conversion · 0 clicks" in offers.text
    assert partners.text.startswith(f"{sandbox.tenant.name} 1,234,567.250001")


def test_it_filters_by_offer(sandbox: Sandbox) -> None:
    first, _ = fill(sandbox)
    page = opened(advertiser_browser(sandbox), offerId=first, **MAY)
    assert totals(page)["Cost, USD"] == "60.000001"
    assert {row[0].split()[0] for row in page.rows("rows")} == {"First"}
    assert page.one("option", selected="").attributes["value"] == first


@pytest.mark.parametrize("whose", ["the rival's", "nobody's"])
def test_another_advertisers_offer_has_no_data(sandbox: Sandbox, whose: str) -> None:
    fill(sandbox)
    offer = offer_record(sandbox, sandbox.rival, name="Secret plan")
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    page = opened(advertiser_browser(sandbox), offerId=offer["id"] if whose == "the rival's" else str(uuid4()), **MAY)
    assert "No data for these days" in page.text
    assert "Secret plan" not in page.text
    assert page.one("option", selected="").text.startswith("Unknown offer")


def test_another_advertisers_data_is_hidden(sandbox: Sandbox) -> None:
    fill(sandbox)
    rival = advertiser_browser(sandbox, sandbox.rival)
    assert "No offers yet" in opened(rival, **MAY).text
    assert rival.get("/report.csv", params=MAY).text.splitlines()[1:] == []


@pytest.mark.parametrize("path", ["/", "/report.csv"])
def test_a_session_is_invalid_at_another_tenant(sandbox: Sandbox, other_sandbox: Sandbox, path: str) -> None:
    here, there = advertiser_browser(sandbox), browser(other_sandbox)
    there.cookies.update(here.cookies)
    response = there.get(path, params=MAY)
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("name", LABELS)
def test_each_period_is_a_link(module_sandbox: Sandbox, name: str) -> None:
    fill(module_sandbox)
    client = advertiser_browser(module_sandbox)
    link = opened(client).one("a", id=f"period-{name}")
    assert link.text == LABELS[name]
    there = Page(client.get(link.attributes["href"]).text)
    assert there.one("a", id=f"period-{name}").attributes["aria-current"] == "true"


def test_a_period_link_keeps_the_offer(sandbox: Sandbox) -> None:
    first, _ = fill(sandbox)
    page = opened(advertiser_browser(sandbox), offerId=first, **MAY)
    assert f"offerId={first}" in page.one("a", id="period-today").attributes["href"]


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"date_from": "2025-02-30", "date_to": "2025-03-01"}, "date_from", "'2025-02-30' is not"),
        ({"date_from": "2025-03-01", "date_to": ""}, "date_to", "Is empty."),
        ({"date_from": "2025-03-02", "date_to": "2025-03-01"}, "date_from", "Is after the end date"),
        ({"date_from": "2020-01-01", "date_to": "2025-03-01"}, "date_from", "1887 days"),
        ({"period": "today", "offerId": "no-uuid"}, "offerId", "'no-uuid' is not a UUID."),
    ],
)
def test_errors_are_shown_at_their_field(
    module_sandbox: Sandbox, given: dict[str, str], field: str, message: str
) -> None:
    fill(module_sandbox)
    response = advertiser_browser(module_sandbox).get("/", params=given)
    page = Page(response.text)
    assert response.status_code == 400
    assert message in page.one("small", id=f"{field}-error").text
    (wrong,) = [element for element in page.elements if element.attributes.get("aria-invalid") == "true"]
    assert wrong.attributes["name"] == field
    assert wrong.attributes["aria-describedby"].split() == [f"{field}-error"]
    if wrong.tag == "input":
        assert wrong.attributes.get("value", "") == given[field]
    assert page.one("a", id="period-last-7-days").text == "Last 7 days"


@pytest.mark.parametrize("given", [{"period": "for ever"}, {"offerid ": "x"}, {"perid": SCRIPT}])
def test_other_errors_are_shown_above_the_form(module_sandbox: Sandbox, given: dict[str, str]) -> None:
    response = advertiser_browser(module_sandbox).get("/", params=given)
    assert response.status_code == 400
    assert "Invalid filter." in Page(response.text).text
    assert SCRIPT not in response.text


def test_empty_state_without_offers(sandbox: Sandbox) -> None:
    assert "No offers yet" in opened(advertiser_browser(sandbox)).text


def test_empty_state_without_data(sandbox: Sandbox) -> None:
    sandbox.send("offers", [offer_record(sandbox)])
    assert "No data yet You have 1 offer at" in opened(advertiser_browser(sandbox)).text


def test_empty_state_for_days_without_data(sandbox: Sandbox) -> None:
    fill(sandbox)
    page = opened(advertiser_browser(sandbox), date_from="2024-01-01", date_to="2024-01-31")
    assert "No data for these days" in page.text
    assert page.one("input", id="date_from").attributes["value"] == "2024-01-01"


def test_restated_days_are_marked(sandbox: Sandbox) -> None:
    fill(sandbox)
    page = opened(advertiser_browser(sandbox), **MAY)
    badges = {row[0]: row[5] for row in page.rows("days")}
    assert badges["Mon 19 May 2025"].endswith("Restated")
    assert badges["Wed 21 May 2025"] == "\u2013"
    assert "2 of 31 days are restated" in page.text


def test_today_is_provisional(sandbox: Sandbox) -> None:
    fill(sandbox)
    now = datetime.now(UTC)
    yesterday, tomorrow = now - timedelta(days=1), now + timedelta(days=1)
    sandbox.send("events", [event_record(an_offer_of(sandbox), occurredAt=yesterday.isoformat())])
    page = opened(advertiser_browser(sandbox), date_from=str(yesterday.date()), date_to=str(tomorrow.date()))
    last, _, first = [row[5] for row in page.rows("days")]
    assert last.endswith("Provisional")
    assert not first.endswith(("Provisional", "Restated"))
    assert "Includes today" in page.text


def test_a_paused_advertiser_sees_a_notice(sandbox: Sandbox) -> None:
    fill(sandbox)
    assert "has paused your account" not in opened(advertiser_browser(sandbox), **MAY).text
    sandbox.set_advertiser(sandbox.owner, status="paused")
    page = opened(advertiser_browser(sandbox), **MAY)
    assert "has paused your account" in page.text
    assert totals(page)["Conversions"] == "3"


def test_stored_text_is_escaped(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox, name=SCRIPT, campaignName=SCRIPT)
    partner = {"id": str(uuid4()), "name": SCRIPT}
    sandbox.send("offers", [offer])
    sandbox.send("partners", [partner])
    sandbox.send("events", [event_record(offer["id"], partnerId=partner["id"])])
    response = advertiser_browser(sandbox).get("/", params=MAY)
    page = Page(response.text)
    assert SCRIPT not in response.text
    assert all(script.attributes.get("src", "").startswith("/static/") for script in page.all("script"))
    ((offer_cell, partner_cell, *_),) = page.rows("rows")
    assert offer_cell == f"{SCRIPT} {SCRIPT}"
    assert partner_cell == SCRIPT


def test_the_csv_contains_rows_that_the_page_omits(sandbox: Sandbox) -> None:
    offers = [offer_record(sandbox, name=f"Offer {n:04}") for n in range(501)]
    sandbox.send("offers", offers)
    sandbox.send("events", [event_record(offer["id"]) for offer in offers])
    client = advertiser_browser(sandbox)
    page = opened(client, **MAY)
    assert len(page.rows("rows")) == 500
    assert "Download all 501 as CSV" in page.text
    assert totals(page)["Clicks"] == "501"
    assert len(client.get("/report.csv", params=MAY).text.splitlines()) == 502


def test_the_csv_is_identical_to_the_apis(sandbox: Sandbox) -> None:
    fill(sandbox)
    client = advertiser_browser(sandbox)
    link = opened(client, **MAY).all("a", download="")[0].attributes["href"]
    assert query_of(link) == MAY
    here, there = client.get(link), sandbox.get(CSV, **MAY)
    assert here.content == there.content
    for name in "Content-Type", "Content-Disposition", "ETag", "GoKart-Range", "GoKart-Data-Through":
        assert here.headers[name] == there.headers[name]
    assert here.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(link, headers={"If-None-Match": here.headers["ETag"]}).status_code == 304


def test_the_csv_covers_the_days_shown(sandbox: Sandbox) -> None:
    """The link contains dates, even for a relative period: it covers the same days tomorrow."""
    fill(sandbox)
    sandbox.send("events", [event_record(an_offer_of(sandbox), occurredAt=datetime.now(UTC).isoformat())])
    page = opened(advertiser_browser(sandbox), period="last-7-days", offerId=an_offer_of(sandbox))
    shown = {name: page.one("input", id=name).attributes["value"] for name in MAY}
    assert query_of(page.all("a", download="")[0].attributes["href"]) == shown | {"offerId": an_offer_of(sandbox)}


@pytest.mark.parametrize("name", ['=HYPERLINK("http://example.com")', "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1"])
def test_names_in_the_csv_cannot_be_formulas(sandbox: Sandbox, name: str) -> None:
    """In the API's CSV, which programs read, names are as they were sent."""
    offer, partner = offer_record(sandbox, name=name), {"id": str(uuid4()), "name": name}
    sandbox.send("offers", [offer])
    sandbox.send("partners", [partner])
    sandbox.send("events", [event_record(offer["id"], partnerId=partner["id"]), event_record(offer["id"])])
    download = advertiser_browser(sandbox).get("/report.csv", params=MAY).text
    rows = list(csv.DictReader(io.StringIO(download, newline="")))
    assert {(row["offerName"], row["publisherName"]) for row in rows} == {
        (f"'{name}", f"'{name}"),
        (f"'{name}", sandbox.tenant.name),
    }
    exact = list(csv.DictReader(io.StringIO(sandbox.get(CSV, **MAY).text, newline="")))
    assert {row["offerName"] for row in exact} == {name}


@pytest.mark.parametrize("given", [{"date_from": "x", "date_to": "2025-05-31"}, {"unknown": "1"}])
def test_the_csv_rejects_invalid_filters(sandbox: Sandbox, given: dict[str, str]) -> None:
    assert advertiser_browser(sandbox).get("/report.csv", params=given).status_code == 400


def test_without_the_scope_it_is_forbidden(sandbox: Sandbox) -> None:
    fill(sandbox)
    client = advertiser_browser(sandbox, scopes=["singular"])
    response = client.get("/")
    page = Page(response.text)
    assert response.status_code == 403
    assert "Your account does not include" in page.text
    assert "/singular" in [a.attributes["href"] for a in page.all("a", **{"class": "button secondary"})]
    assert "Dashboard" not in page.one("nav", **{"aria-label": "Main"}).text
    assert client.get("/report.csv", params=MAY).status_code == 403


def test_it_returns_to_the_page_after_login(sandbox: Sandbox) -> None:
    client = browser(sandbox)
    response = client.get("/", params=MAY)
    assert response.status_code == 303
    sent = client.post(
        "/sign-in",
        data={
            "email": create_advertiser_user(sandbox),
            "password": "correct horse battery",
            "next": Page(client.get(response.headers["Location"]).text).one("input", name="next").attributes["value"],
        },
    )
    assert query_of(sent.headers["Location"]) == MAY


def fill(sandbox: Sandbox) -> tuple[str, str]:
    """Creates two offers of the owner with figures on 19 and 20 May 2025. Returns their ids."""
    first = offer_record(sandbox, name="First", os="ANDROID", campaignName="ONE")
    second = offer_record(sandbox, name="Second", os="IOS")
    partner = {"id": str(uuid4()), "name": "Playdeck"}
    sandbox.send("offers", [first, second])
    sandbox.send("partners", [partner])
    sandbox.send(
        "conversions",
        [
            conversion_callback(sandbox, first["id"], partnerId=partner["id"]),
            conversion_callback(sandbox, first["id"], revenue="0.000001"),
            conversion_callback(sandbox, second["id"], revenue="1234567.25", userCompletedAt="2025-05-20T00:00:00Z"),
            conversion_callback(sandbox, second["id"], status="Pending"),
        ],
    )
    sandbox.send("events", [event_record(first["id"]), event_record(first["id"]), event_record(first["id"], "view")])
    return first["id"], second["id"]


def an_offer_of(sandbox: Sandbox) -> str:
    """The id of one of the owner's offers."""
    return str(sandbox.report()[0]["offerId"])


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def opened(client: Browser, **query: str) -> Page:
    response = client.get("/", params=query)
    assert response.status_code == 200, response.text
    return Page(response.text)


def totals(page: Page) -> dict[str, str]:
    labels = [element.text for element in page.all("dt")]
    return dict(zip(labels, [element.text for element in page.all("dd", **{"class": "stat-value"})], strict=True))
