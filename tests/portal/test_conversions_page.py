"""GET /conversions…: users see the conversions of their advertiser, with their histories, as the API has them."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from reporting.dashboard.options import MAX_OPTIONS
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser
from tests.support.sandbox import MAY, Sandbox, conversion_callback, offer_record
from web.pages.formatting import format_money

ALL = ["cost-report", "singular", "conversions"]
HOSTILE = '=<script>alert("x")</script> ' + "\u202e" + "\u0627" * 400


def send(sandbox: Sandbox, offer: str, *, number: int = 0, **fields: Any) -> str:
    """Sends a callback that is later than those with a lower number. Returns the conversion's id."""
    fields = {"offerAdvertiserId": None, **fields}
    callback = conversion_callback(sandbox, offer, sent_at=f"2025-05-20T00:00:{number:02}Z", **fields)
    result = sandbox.send("conversions", [callback])
    assert (result["accepted"], result["rejected"]) == (1, []), result
    return str(callback["conversion"]["conversionId"])


def create_offer(sandbox: Sandbox, **fields: Any) -> str:
    record = offer_record(sandbox, **fields)
    sandbox.send("offers", [record])
    return str(record["id"])


def opened(client: Browser, path: str = "/conversions", **params: str) -> Page:
    response = client.get(path, params=params)
    assert response.status_code == 200, response.text
    return Page(response.text)


def stats(page: Page) -> dict[str, str]:
    labels = [dt.text for dt in page.all("dt")]
    return dict(zip(labels, [dd.text for dd in page.all("dd", **{"class": "stat-value"})], strict=False))


def errors(html: str) -> dict[str, str]:
    page = Page(html)
    return {
        element.attributes["id"].removesuffix("-error"): element.text
        for element in page.all("small", **{"class": "error"})
    }


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    return advertiser_browser(sandbox, scopes=ALL)


def test_the_cost_of_success_is_the_report_s_cost(sandbox: Sandbox, client: Browser) -> None:
    first, second = create_offer(sandbox, name="First", os="IOS", campaignName="ONE"), create_offer(sandbox)
    send(sandbox, first, revenue="60.000001")
    send(sandbox, second, revenue="9.5")
    send(sandbox, second, status="Pending", revenue=3)
    send(sandbox, second, status="Rejected", revenue=4, rejectionReason="Duplicate account")
    page = opened(client, **MAY)
    cost = sum((Decimal(str(row["revenue"])) for row in sandbox.report()), start=Decimal(0))
    assert stats(page) == {"Cost, USD": format_money(cost), "Success": "2", "Pending": "1", "Rejected": "1"}
    assert "3.00 if confirmed" in page.text
    assert "Rejected Duplicate account" in page.text
    assert "First iOS · ONE" in page.text
    assert "(4.00)" in page.text


def test_it_shows_the_last_30_days_without_a_filter(sandbox: Sandbox, client: Browser) -> None:
    offer = create_offer(sandbox)
    now = datetime.now(UTC)
    recent = send(sandbox, offer, userCompletedAt=now.isoformat())
    old = send(sandbox, offer, userCompletedAt=(now - timedelta(days=31)).isoformat())
    page = opened(client)
    links = [link.attributes.get("href", "") for link in page.all("a", **{"class": "id"})]
    assert links == [f"/conversions/{recent}"]
    assert page.one("input", id="date_to").attributes["value"] == str(now.date())
    assert old[:8] in opened(client, conversion_id=old).text


def test_pages_have_all_conversions_newest_first(sandbox: Sandbox, client: Browser) -> None:
    offer = create_offer(sandbox)
    start = datetime(2025, 5, 1, tzinfo=UTC)
    callbacks = [
        conversion_callback(sandbox, offer, userCompletedAt=(start + timedelta(minutes=n // 2)).isoformat(), revenue=1)
        for n in range(120)
    ]
    sandbox.send("conversions", callbacks)
    seen: list[str] = []
    url: str | None = "/conversions?date_from=2025-05-01&date_to=2025-05-31&status=Success"
    last = ""
    while url:
        page = Page(client.get(url).text)
        seen += [link.attributes["href"].rpartition("/")[2] for link in page.all("a", **{"class": "id"})]
        assert stats(page)["Success"] == "120"
        last, url = url, next((a.attributes.get("href") for a in page.all("a", rel="next")), None)
    expected = [(c["conversion"]["userCompletedAt"], c["conversion"]["conversionId"]) for c in callbacks]
    assert seen == [id_ for _, id_ in sorted(expected, reverse=True)]
    (newer,) = Page(client.get(last).text).all("a", rel="prev")
    assert len(Page(client.get(newer.attributes["href"]).text).rows("conversions")) == 50


@pytest.mark.parametrize("name", ["offer_id", "partner_id", "status", "conversion_id", "click_id"])
def test_it_filters(module_sandbox: Sandbox, name: str) -> None:
    sandbox, client = module_sandbox, advertiser_browser(module_sandbox, scopes=ALL)
    wanted = {"status": "Pending", "partner_id": str(uuid4()), "click_id": str(uuid4())}
    wanted["offer_id"] = create_offer(sandbox)
    wanted["conversion_id"] = send(
        sandbox,
        wanted["offer_id"],
        status="Pending",
        partnerId=wanted["partner_id"],
        partnerName="Limestone",
        clickId=wanted["click_id"],
    )
    send(sandbox, create_offer(sandbox))
    page = opened(client, **MAY, **{name: wanted[name], "status" if name == "offer_id" else "offer_id": ""})
    assert any(wanted["conversion_id"][:8] in row[1] for row in page.rows("conversions"))
    assert not any("Success" in row[4] for row in page.rows("conversions"))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("date_from=2025-02-30", "date_from"),
        ("date_from=2025-06-01&date_to=2025-05-01", "date_from"),
        ("offer_id=x", "offer_id"),
        ("status=Sucess", "status"),
        ("conversion_id=7", "conversion_id"),
    ],
)
def test_errors_are_shown_at_their_field(module_sandbox: Sandbox, query: str, field: str) -> None:
    response = advertiser_browser(module_sandbox).get(f"/conversions?{query}")
    assert response.status_code == 400
    assert list(errors(response.text)) == [field]


def test_an_unknown_parameter_is_named(module_sandbox: Sandbox) -> None:
    response = advertiser_browser(module_sandbox).get("/conversions?offer=1")
    assert (response.status_code, "offer: is not a parameter" in response.text) == (400, True)


def test_a_conversion_opens_to_its_history(sandbox: Sandbox, client: Browser) -> None:
    first, second = create_offer(sandbox, name="First"), create_offer(sandbox, name="Second")
    id_ = send(sandbox, first, status="Pending", revenue=1, eventName="Level 10", clickId=str(uuid4()))
    send(sandbox, first, number=1, conversionId=id_, status="Success", revenue=2)
    send(sandbox, second, number=2, conversionId=id_, status="Rejected", revenue=2, rejectionReason="Fraud")
    page = opened(client, f"/conversions/{id_}")
    assert [[row[2], row[3], row[4]] for row in page.rows("history")] == [
        ["Rejected", "2.00", "Second"],
        ["Success", "2.00", "First"],
        ["Pending", "1.00", "First"],
    ]
    assert [row[1] for row in page.rows("history")] == ["Callback Fraud", "Callback", "Callback"]
    assert page.one("a", href="/changes?date=2025-05-19").text == "Changes of its day"


def test_another_advertisers_conversion_is_not_found(sandbox: Sandbox, other_sandbox: Sandbox, client: Browser) -> None:
    id_ = send(sandbox, create_offer(sandbox, advertiser=sandbox.rival, name="Secret plan"))
    assert client.get(f"/conversions/{id_}").status_code == 404
    assert client.get(f"/conversions/{uuid4()}").status_code == 404
    assert advertiser_browser(other_sandbox).get(f"/conversions/{id_}").status_code == 404
    page = opened(client, conversion_id=id_)
    assert "No conversions" in page.text
    assert "Secret plan" not in page.text


def test_days_and_times_are_in_the_advertisers_time_zone(sandbox: Sandbox, client: Browser) -> None:
    execute("UPDATE {s}.advertiser SET time_zone = 'America/New_York'", schema=sandbox.tenant.schema)
    send(sandbox, create_offer(sandbox), userCompletedAt="2025-05-20T02:30:00Z")
    page = opened(client, date_from="2025-05-19", date_to="2025-05-19")
    assert [row[0] for row in page.rows("conversions")] == ["2025-05-19 22:30:00"]
    assert "Time, America/New_York" in page.text
    assert "No conversions" in opened(client, date_from="2025-05-20", date_to="2025-05-20").text


def test_clicks_and_the_export_need_their_own_permission(sandbox: Sandbox) -> None:
    click = str(uuid4())
    id_ = send(sandbox, create_offer(sandbox), clickId=click, pubDevice="iPhone 15")
    client = advertiser_browser(sandbox)
    for path in ("/conversions", f"/conversions/{id_}"):
        page = opened(client, path, **MAY if path == "/conversions" else {})
        assert click[:8] not in page.text
        assert "iPhone 15" not in page.text
        assert "need the permission “Conversions”" in page.text
        assert not page.all("input", id="click_id")
    assert client.get("/conversions.csv", params=MAY).status_code == 403
    response = client.get("/conversions", params={"click_id": click})
    assert (response.status_code, errors(response.text)["click_id"]) == (400, "Requires the permission “Conversions”.")


def test_users_without_a_permission_for_conversions_are_told(sandbox: Sandbox) -> None:
    client = advertiser_browser(sandbox, scopes=["singular"])
    assert not Page(client.get("/keys").text).all("a", href="/conversions")
    for path in ("/conversions", f"/conversions/{uuid4()}", "/changes"):
        response = client.get(path)
        assert response.status_code == 403
        assert "Your account does not include" in response.text


def test_users_with_only_conversions_see_no_changes(sandbox: Sandbox) -> None:
    client = advertiser_browser(sandbox, scopes=["conversions"])
    assert "Changed days" not in opened(client).text
    assert client.get("/changes").status_code == 403


def test_the_export_has_the_rows_of_the_filter_for_a_spreadsheet(sandbox: Sandbox, client: Browser) -> None:
    offer = create_offer(sandbox, name=HOSTILE)
    id_ = send(sandbox, offer, revenue="1.5", status="Rejected", rejectionReason="-1+1")
    send(sandbox, offer, userCompletedAt="2025-06-02T00:00:00Z")
    response = client.get("/conversions.csv", params=MAY)
    assert response.status_code == 200
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="gokart-conversions-2025-05-01_2025-05-31.csv"'
    )
    assert response.headers["Vary"].startswith("Cookie")
    text = response.content.decode()
    assert text.startswith("\ufeff")
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    assert (row["id"], row["cost"], row["offerName"], row["rejectionReason"]) == (id_, "1.5", "'" + HOSTILE, "'-1+1")
    assert client.get("/conversions.csv", params=MAY | {"status": "Sucess"}).status_code == 400


def test_hostile_names_do_not_break_the_page(sandbox: Sandbox, client: Browser) -> None:
    id_ = send(sandbox, create_offer(sandbox, name=HOSTILE, campaignName=HOSTILE), rejectionReason=HOSTILE)
    for path, params in ("/conversions", MAY), (f"/conversions/{id_}", {}):
        response = client.get(path, params=params)
        assert response.status_code == 200
        assert "<script>alert" not in response.text


def test_many_offers_are_neither_all_listed_nor_all_read(sandbox: Sandbox, client: Browser) -> None:
    """The chosen one is listed, and those in the table have their names."""
    last = create_offer(sandbox, name="Zebra", os="IOS", campaignName="LAST")
    execute(
        """
        INSERT INTO {s}.offer (id, advertiser, name)
        SELECT gen_random_uuid(), $1, 'Offer ' || n FROM generate_series(1, 600) n
        """,
        sandbox.owner,
        schema=sandbox.tenant.schema,
    )
    id_ = send(sandbox, last)
    for table, filters in ("conversions", MAY), ("changes", {"date": "2025-05-19"}):
        page = opened(client, f"/{table}", **filters)
        assert len([option for option in page.all("option") if option.text.startswith("Offer ")]) == MAX_OPTIONS
        assert "Zebra · iOS · LAST" not in [option.text for option in page.all("option")]
        assert "The first 500." in page.text
        (row,) = page.rows(table)
        assert row[2] == "Zebra iOS · LAST"
        chosen = opened(client, f"/{table}", **filters, offer_id=last).one("option", value=last)
        assert chosen.text == "Zebra · iOS · LAST"
        assert "selected" in chosen.attributes
    assert opened(client, f"/conversions/{id_}").rows("history")[0][4] == "Zebra iOS · LAST"


def test_offers_that_share_a_name_have_the_beginning_of_their_id(sandbox: Sandbox, client: Browser) -> None:
    first, second = create_offer(sandbox, name="Brown Boots"), create_offer(sandbox, name="Brown Boots")
    send(sandbox, first)
    page = opened(client, **MAY)
    labels = [option.text for option in page.all("option")]
    assert {f"Brown Boots · {first[:8]}", f"Brown Boots · {second[:8]}"} <= set(labels)
    assert [row[2] for row in page.rows("conversions")] == [f"Brown Boots {first[:8]}"]
