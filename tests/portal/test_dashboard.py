"""GET / on the app host: users see the figures of their advertiser, which equal the API's."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest

from reporting.dashboard.periods import LABELS
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser, browser, create_advertiser_user
from tests.support.sandbox import JSON, MAY, Sandbox, conversion_callback, event_record, offer_record
from web.pages.formatting import format_count, round_money

SCRIPT = "<script>alert('x')</script>\"'"


def test_it_shows_the_same_data_as_the_api(sandbox: Sandbox) -> None:
    fill(sandbox)
    page = opened(advertiser_browser(sandbox), by="offer_partner", sort="name", **MAY)
    assert [row[1:6] for row in page.rows("rows")] == [
        [
            row["publisherName"],
            round_money(Decimal(str(row["revenue"])), "USD"),
            format_count(row["totalConversions"]),
            format_count(row["totalClicks"]),
            format_count(row["totalViews"]),
        ]
        for row in sandbox.report()
    ]
    assert totals(page) == {
        "Cost, USD": "1,234,627.25",
        "Conversions": "3",
        "Clicks": "2",
        "Views": "1",
        "Cost per conversion, USD": "411,542.42",
        "Conversion rate": "150.0%",
    }
    days = page.rows("days")
    assert [row[0] for row in days][:2] == ["Sat 31 May 2025", "Fri 30 May 2025"]
    assert len(days) == 31
    by_name = {row[0]: row[1:5] for row in days}
    assert by_name["Mon 19 May 2025"] == ["60.00", "2", "2", "1"]
    assert by_name["Tue 20 May 2025"] == ["1,234,567.25", "1", "0", "0"]
    assert by_name["Wed 21 May 2025"] == ["0.00", "0", "0", "0"]


def test_amounts_are_rounded_and_exact_on_hover(sandbox: Sandbox) -> None:
    fill(sandbox)
    page = opened(advertiser_browser(sandbox), **MAY)
    assert page.one("dd", title="1234627.250001 USD").text == "1,234,627.25"
    assert "60.000001 USD" in [each.attributes.get("title") for each in page.all("data")]
    assert not [each.text for each in page.all("data") if each.attributes.get("title") == "1234567.25 USD"]


@pytest.mark.parametrize(
    ("compare", "says"),
    [
        ({}, "+2,057,512.0% from 60.00"),
        ({"compare": "month"}, "+1,234,567.25 from 0.00"),
        ({"compare": "year"}, "+1,234,567.25 from 0.00"),
        ({"compare": "custom"}, "+2,057,512.0% from 60.00"),
        (
            {"compare": "custom", "compare_from": "2025-05-18", "compare_to": "2025-05-20"},
            "\u22120.0% from 1,234,627.25",
        ),
        ({"compare": "none"}, ""),
    ],
)
def test_the_totals_are_compared(module_sandbox: Sandbox, compare: dict[str, str], says: str) -> None:
    fill_once(module_sandbox)
    client = advertiser_browser(module_sandbox)
    page = opened(client, date_from="2025-05-20", date_to="2025-05-20", **compare)
    notes = [dd.text for dd in page.all("dd", **{"class": "stat-note"})]
    assert notes[:1] == [says] * bool(says)


def test_it_shows_when_data_was_updated(sandbox: Sandbox) -> None:
    fill(sandbox)
    through = sandbox.get(JSON, **MAY).headers["GoKart-Data-Through"]
    page = opened(advertiser_browser(sandbox), **MAY)
    assert f"Data updated through {through[:10]} {through[11:16]} UTC" in page.text


def test_it_shows_amounts_in_the_advertisers_currency(sandbox: Sandbox) -> None:
    execute("UPDATE {s}.advertiser SET currency = 'JPY'", schema=sandbox.tenant.schema)
    fill(sandbox)
    assert "Cost, JPY" in totals(opened(advertiser_browser(sandbox), **MAY))


@pytest.mark.parametrize(
    ("by", "first"),
    [
        ("offer", ["Second iOS", "1,234,567.25", "1", "0", "0", "1,234,567.25", "\u2013"]),
        ("partner", ["{tenant}", "1,234,567.25", "2", "2", "1", "617,283.62", "100.0%"]),
        ("campaign", ["None", "1,234,567.25", "1", "0", "0", "1,234,567.25", "\u2013"]),
        ("os", ["iOS", "1,234,567.25", "1", "0", "0", "1,234,567.25", "\u2013"]),
    ],
)
def test_the_table_has_rows_by_what_is_chosen(module_sandbox: Sandbox, by: str, first: list[str]) -> None:
    fill_once(module_sandbox)
    rows = opened(advertiser_browser(module_sandbox), by=by, **MAY).rows("rows")
    assert rows[0] == [each.format(tenant=module_sandbox.tenant.name) for each in first]


@pytest.mark.parametrize("sort", ["name", "cost", "conversions", "clicks", "views", "cpa", "rate"])
def test_the_table_can_be_sorted(module_sandbox: Sandbox, sort: str) -> None:
    fill_once(module_sandbox)
    client = advertiser_browser(module_sandbox)
    up, down = (opened(client, sort=f"{sign}{sort}", **MAY) for sign in ("", "-"))
    firsts = {"name": "First", "cost": "First", "conversions": "Second", "clicks": "Second", "views": "Second"}
    assert up.rows("rows")[0][0].split()[0] == firsts.get(sort, "First")
    if sort != "rate":  # null comes last in both directions
        assert up.rows("rows") == down.rows("rows")[::-1]
    link = down.one("a", id=f"sort-{['name', 'cost', 'conversions', 'clicks', 'views', 'cpa', 'rate'].index(sort)}")
    assert query_of(link.attributes["href"])["sort"] == sort


def test_days_can_be_sorted(module_sandbox: Sandbox) -> None:
    fill_once(module_sandbox)
    client = advertiser_browser(module_sandbox)
    assert opened(client, days_sort="-cost", **MAY).rows("days")[0][0] == "Tue 20 May 2025"
    assert opened(client, days_sort="name", **MAY).rows("days")[0][0] == "Thu 1 May 2025"


@pytest.mark.parametrize(
    ("group", "first"), [("day", "Sat 31 May 2025"), ("week", "26 \u2013 31 May 2025"), ("month", "May 2025")]
)
def test_the_figures_are_by_day_week_or_month(module_sandbox: Sandbox, group: str, first: str) -> None:
    fill_once(module_sandbox)
    rows = opened(advertiser_browser(module_sandbox), group=group, **MAY).rows("days")
    assert rows[0][0] == first
    assert sum(int(row[2]) for row in rows) == 3


@pytest.mark.parametrize(
    ("filters", "cost"),
    [
        ({"os": "ios"}, "1,234,567.25"),
        ({"campaign": "ONE"}, "60.00"),
        ({"partner_id": "{partner}"}, "60.00"),
        ({"os": "IOS", "campaign": "ONE"}, None),
    ],
)
def test_it_filters_by_partner_os_and_campaign(
    module_sandbox: Sandbox, filters: dict[str, str], cost: str | None
) -> None:
    fill_once(module_sandbox)
    client = advertiser_browser(module_sandbox)
    partners = opened(client, **MAY).all("option")
    playdeck = next(each.attributes["value"] for each in partners if each.text == "Playdeck")
    given = {name: value.format(partner=playdeck) for name, value in filters.items()}
    page = opened(client, **given, **MAY)
    assert totals(page).get("Cost, USD") == cost
    assert ("No data for these days" in page.text) is (cost is None)


def test_it_filters_by_offer(sandbox: Sandbox) -> None:
    first, _ = fill(sandbox)
    page = opened(advertiser_browser(sandbox), offerId=first, **MAY)
    assert totals(page)["Cost, USD"] == "60.00"
    assert {row[0].split()[0] for row in page.rows("rows")} == {"First"}
    assert page.all("option", selected="")[0].attributes["value"] == first


@pytest.mark.parametrize("whose", ["the rival's", "nobody's"])
def test_another_advertisers_offer_has_no_data(sandbox: Sandbox, whose: str) -> None:
    fill(sandbox)
    offer = offer_record(sandbox, sandbox.rival, name="Secret plan")
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    page = opened(advertiser_browser(sandbox), offerId=offer["id"] if whose == "the rival's" else str(uuid4()), **MAY)
    assert "No data for these days" in page.text
    assert "Secret plan" not in page.text
    assert page.all("option", selected="")[0].text.startswith("Unknown offer")


def test_another_advertisers_data_is_hidden(sandbox: Sandbox) -> None:
    fill(sandbox)
    rival = advertiser_browser(sandbox, sandbox.rival)
    assert "No offers yet" in opened(rival, **MAY).text


@pytest.mark.parametrize("path", ["/", "/export"])
def test_a_session_is_invalid_at_another_tenant(sandbox: Sandbox, other_sandbox: Sandbox, path: str) -> None:
    here, there = advertiser_browser(sandbox), browser(other_sandbox)
    there.cookies.update(here.cookies)
    response = there.get(path, params=MAY)
    assert response.status_code == 303
    assert response.headers["Location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("name", LABELS)
def test_each_period_is_a_link(module_sandbox: Sandbox, name: str) -> None:
    fill_once(module_sandbox)
    client = advertiser_browser(module_sandbox)
    link = opened(client).one("a", id=f"period-{name}")
    assert link.text == LABELS[name]
    there = Page(client.get(link.attributes["href"]).text)
    assert there.one("a", id=f"period-{name}").attributes["aria-current"] == "true"


def test_links_keep_the_other_choices(sandbox: Sandbox) -> None:
    first, _ = fill(sandbox)
    chosen = {"os": "ANDROID", "compare": "year", "by": "partner", "sort": "-clicks", "group": "week"}
    page = opened(advertiser_browser(sandbox), offerId=first, **chosen, **MAY)
    kept = {**chosen, "offer_id": first}
    assert query_of(page.one("a", id="period-today").attributes["href"]) == {**kept, "period": "today"}
    assert query_of(page.one("a", id="group-month").attributes["href"]) == {**kept, **MAY, "group": "month"}
    assert query_of(page.one("a", id="by-os").attributes["href"]) == {
        **{name: value for name, value in kept.items() if name != "sort"},
        **MAY,
        "by": "os",
    }
    assert page.one("input", type="hidden", name="os").attributes["value"] == "ANDROID"


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"date_from": "2025-02-30", "date_to": "2025-03-01"}, "date_from", "'2025-02-30' is not"),
        ({"date_from": "2025-03-01", "date_to": ""}, "date_to", "Is empty."),
        ({"date_from": "2025-03-02", "date_to": "2025-03-01"}, "date_from", "Is after the end date"),
        ({"date_from": "2020-01-01", "date_to": "2025-03-01"}, "date_from", "1887 days"),
        ({"period": "today", "offer_id": "no-uuid"}, "offer_id", "'no-uuid' is not a UUID."),
    ],
)
def test_errors_are_shown_at_their_field(
    module_sandbox: Sandbox, given: dict[str, str], field: str, message: str
) -> None:
    fill_once(module_sandbox)
    response = advertiser_browser(module_sandbox).get("/", params=given)
    page = Page(response.text)
    assert response.status_code == 400
    assert message in page.one("small", id=f"{field}-error").text
    (wrong,) = [element for element in page.elements if element.attributes.get("aria-invalid") == "true"]
    assert wrong.attributes["name"] == field
    assert wrong.attributes["aria-describedby"].split() == [f"{field}-error"]
    if wrong.tag == "input":
        assert wrong.attributes.get("value", "") == given[field]
    assert page.one("a", id="period-last_7_days").text == "Last 7 days"


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
    badges = {row[0]: row[7] for row in page.rows("days")}
    assert badges["Mon 19 May 2025"].endswith("Restated : what changed")
    assert badges["Wed 21 May 2025"] == "\u2013"
    assert "2 of 31 days are restated: their figures changed" in page.text


def test_figures_lead_to_their_conversions_and_restated_days_to_what_changed(sandbox: Sandbox) -> None:
    _, second = fill(sandbox)
    client = advertiser_browser(sandbox)
    page = opened(client, **MAY)
    links = {link.attributes["href"] for link in page.all("a")}
    row = {**MAY, "offer_id": second, "status": "Success"}
    day = {"date_from": "2025-05-19", "date_to": "2025-05-19", "status": "Success"}
    for path, query in ("/conversions", row), ("/conversions", day), ("/changes", {"date": "2025-05-19"}):
        link = next(link for link in links if link.startswith(f"{path}?") and query_of(link) == query)
        assert client.get(link).status_code == 200


def test_one_restated_day_is_singular(sandbox: Sandbox) -> None:
    fill(sandbox)
    client = advertiser_browser(sandbox)
    alone = opened(client, date_from="2025-05-20", date_to="2025-05-20")
    assert "This day is restated: its figures changed" in alone.text
    assert "1 row" in alone.text
    assert (
        "1 of 2 days is restated: its figures changed"
        in opened(client, date_from="2025-05-20", date_to="2025-05-21").text
    )


def test_today_is_not_over_yet(sandbox: Sandbox) -> None:
    fill(sandbox)
    now = datetime.now(UTC)
    yesterday, tomorrow = now - timedelta(days=1), now + timedelta(days=1)
    sandbox.send("events", [event_record(an_offer_of(sandbox), occurredAt=yesterday.isoformat())])
    page = opened(advertiser_browser(sandbox), date_from=str(yesterday.date()), date_to=str(tomorrow.date()))
    last, _, first = [row[7] for row in page.rows("days")]
    assert last.endswith("Not over yet")
    assert not first.endswith(("Not over yet", "Restated"))
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
    response = advertiser_browser(sandbox).get("/", params={"by": "offer_partner", **MAY})
    page = Page(response.text)
    assert SCRIPT not in response.text
    assert all(script.attributes.get("src", "").startswith("/static/") for script in page.all("script"))
    ((offer_cell, partner_cell, *_),) = page.rows("rows")
    assert offer_cell == f"{SCRIPT} {SCRIPT}"
    assert partner_cell == SCRIPT


def test_without_the_scope_it_is_forbidden(sandbox: Sandbox) -> None:
    fill(sandbox)
    client = advertiser_browser(sandbox, scopes=["singular"])
    response = client.get("/")
    page = Page(response.text)
    assert response.status_code == 403
    assert "Your account does not include" in page.text
    assert "/singular" in [a.attributes["href"] for a in page.all("a", **{"class": "button secondary"})]
    assert "Dashboard" not in page.one("nav", **{"aria-label": "Main"}).text
    assert client.get("/export", params=MAY).status_code == 403


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


def fill_once(sandbox: Sandbox) -> None:
    """Like `fill`, unless an earlier test has."""
    if not sandbox.report():
        fill(sandbox)


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
