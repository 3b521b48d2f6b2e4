"""GET /changes: what changed a past day, with old and new figures, and which days changed lately."""

import csv
import io
from codecs import BOM_UTF8
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from web.pages.formatting import NOTHING

DAY = "2025-05-19"
PARTNER = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@pytest.fixture
def offer(sandbox: Sandbox) -> str:
    record = offer_record(sandbox, name="Boots")
    sandbox.send("offers", [record])
    sandbox.send("partners", [{"id": PARTNER, "name": "Limestone"}])
    return str(record["id"])


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    return advertiser_browser(sandbox)


def opened(client: Browser, **params: str) -> Page:
    response = client.get("/changes", params=params)
    assert response.status_code == 200, response.text
    return Page(response.text)


def resend(sandbox: Sandbox, callback: dict[str, Any], sent_at: str, **conversion: Any) -> None:
    sandbox.send("conversions", [callback | {"sentAt": sent_at, "conversion": callback["conversion"] | conversion}])


def stats(page: Page) -> list[str]:
    return [dd.text for dd in page.all("dd", **{"class": "stat-value"})]


def notes(page: Page) -> list[str]:
    return [dd.text for dd in page.all("dd", **{"class": "stat-note"})]


def test_each_change_has_old_and_new_figures(sandbox: Sandbox, client: Browser, offer: str) -> None:
    callback = conversion_callback(sandbox, offer, partnerId=PARTNER, revenue="69.500001")
    sandbox.send("events", [event_record(offer), event_record(offer, "view")])
    sandbox.send("conversions", [callback])
    resend(sandbox, callback, "2025-06-20T00:00:00Z", status="Rejected")
    resend(sandbox, callback, "2025-06-21T00:00:00Z", revenue=3)
    page = opened(client, date=DAY)
    rows = page.rows("changes")
    assert [row[3] for row in rows] == ["Limestone"] * 3 + [sandbox.tenant.name]
    assert [row[4] for row in rows] == [
        "0.00 → 3.00 +3.00",
        "69.500001 → 0.00 \u221269.500001",
        "0.00 → 69.500001 +69.500001",
        NOTHING,
    ]
    assert [row[5] for row in rows] == ["0 → 1 +1", "1 → 0 \u22121", "0 → 1 +1", NOTHING]
    assert rows[-1][6:] == ["0 → 1 +1", "0 → 1 +1"]
    assert all(row[1] == "Callback Late" and row[2] == "Boots" for row in rows)
    assert stats(page) == ["3.00", "1", "1", "1"]
    assert notes(page)[0] == "+3.00 When the day ended: 0.00"
    assert "Callback: 4 changes, +3.00 USD" in page.text


def test_changed_conversions_have_old_and_new_states_and_lead_to_their_history(
    sandbox: Sandbox, client: Browser, offer: str
) -> None:
    callback = conversion_callback(sandbox, offer, revenue=60)
    sandbox.send("conversions", [callback])
    resend(sandbox, callback, "2025-06-20T00:00:00Z", status="Rejected", revenue=7)
    page = opened(client, date=DAY)
    assert [row[5:] for row in page.rows("conversions")] == [
        ["Success → Rejected", "60.00 → 7.00"],
        ["new → Success", "60.00"],
    ]
    url = f"/conversions/{callback['conversion']['conversionId']}"
    assert [link.attributes["href"] for link in page.all("a", **{"class": "id"})] == [url, url]
    assert client.get(url).status_code == 200


def test_it_filters_by_offer_and_partner(sandbox: Sandbox, client: Browser, offer: str) -> None:
    sandbox.send(
        "conversions", [conversion_callback(sandbox, offer), conversion_callback(sandbox, offer, partnerId=PARTNER)]
    )
    assert len(opened(client, date=DAY).rows("changes")) == 2
    page = opened(client, date=DAY, offer_id=offer, partner_id=PARTNER)
    assert [row[3] for row in page.rows("changes")] == ["Limestone"]
    assert stats(page)[0] == "60.00"
    (link,) = [a for a in page.all("a") if a.text == "Conversions of the day"]
    shown = Page(client.get(link.attributes["href"]).text)
    assert len(shown.rows("conversions")) == 1


def test_the_changes_add_up_to_the_report(sandbox: Sandbox, client: Browser, offer: str) -> None:
    callbacks = [conversion_callback(sandbox, offer, revenue=f"{n}.25") for n in range(5)]
    sandbox.send("conversions", callbacks)
    resend(sandbox, callbacks[3], "2025-06-20T00:00:00Z", status="Rejected")
    page = opened(client, date=DAY)
    (row,) = sandbox.report(date_from=DAY, date_to=DAY)
    assert stats(page)[:2] == [f"{row['revenue']:.2f}", "4"]
    assert "When the day ended: 0.00" in notes(page)[0]


def test_a_correction_by_staff_is_named(sandbox: Sandbox, client: Browser, offer: str) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer)])
    execute("UPDATE {s}.restatement SET cause = 'correction', late = false", schema=sandbox.tenant.schema)
    assert [row[1] for row in opened(client, date=DAY).rows("changes")] == ["Correction by staff"]


def test_an_import_of_history_is_listed_on_request(sandbox: Sandbox, client: Browser, offer: str) -> None:
    callback = conversion_callback(sandbox, offer, revenue=60)
    sandbox.send("conversions", [callback])
    execute("UPDATE {s}.restatement SET cause = 'import', late = false", schema=sandbox.tenant.schema)
    only_imported = opened(client, date=DAY)
    assert only_imported.all("tbody", id="changes") == []
    assert "its history was imported" in only_imported.text
    resend(sandbox, callback, "2025-06-20T00:00:00Z", revenue=3)
    page = opened(client, date=DAY)
    assert [(row[1], row[4]) for row in page.rows("changes")] == [("Callback Late", "60.00 \u2192 3.00 \u221257.00")]
    assert "As imported: 60.00" in notes(page)[0]
    (link,) = [a for a in page.all("a") if a.text == "Show the import"]
    whole = Page(client.get(link.attributes["href"]).text)
    assert [row[1] for row in whole.rows("changes")] == ["Callback Late", "Import of history"]
    assert "When the day ended: 0.00" in notes(whole)[0]


def test_the_days_that_the_dashboard_marks_are_listed(sandbox: Sandbox, client: Browser, offer: str) -> None:
    """An import of history marks no day, and lists none."""

    def marked() -> list[str]:
        page = Page(client.get("/", params={"date_from": DAY, "date_to": "2025-05-20"}).text)
        return [row[0] for row in page.rows("days") if "Restated" in row[7]]

    sandbox.send("conversions", [conversion_callback(sandbox, offer)])
    execute("UPDATE {s}.restatement SET cause = 'import', late = false", schema=sandbox.tenant.schema)
    assert (marked(), opened(client).all("tbody", id="days")) == ([], [])
    sandbox.send("events", [event_record(offer, occurredAt=f"{DAY}T12:00:00Z")])
    assert marked() == [row[0] for row in opened(client).rows("days")] == ["Mon 19 May 2025"]


def test_an_offer_that_moves_changes_the_day_of_both(sandbox: Sandbox, client: Browser, offer: str) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer, revenue=60)])
    sandbox.move_offer(offer, sandbox.rival)
    sandbox.send("conversions", [conversion_callback(sandbox, offer, revenue=5, offerAdvertiserId=str(sandbox.rival))])
    page = opened(client, date=DAY)
    assert [(row[1], row[4]) for row in page.rows("changes")] == [
        ("Moved away Late", "60.00 → 0.00 \u221260.00"),
        ("Callback Late", "0.00 → 60.00 +60.00"),
    ]
    assert stats(page)[0] == "0.00"
    rival = opened(advertiser_browser(sandbox, sandbox.rival), date=DAY)
    assert [(row[1].removesuffix(" Late"), row[4]) for row in rival.rows("changes")] == [
        ("Callback", "60.00 → 65.00 +5.00"),
        ("Moved here", "0.00 → 60.00 +60.00"),
    ]
    assert stats(rival)[0] == "65.00"
    assert notes(rival)[0] == "+65.00 When the day ended: 0.00"


def test_another_advertisers_day_is_unchanged(sandbox: Sandbox, offer: str) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer)])
    page = opened(advertiser_browser(sandbox, sandbox.rival), date=DAY, offer_id=offer)
    assert "Nothing has changed" in page.text
    assert "Boots" not in page.text
    assert opened(advertiser_browser(sandbox, sandbox.rival)).all("tbody") == []


def test_days_that_changed_lately_lead_to_what_changed_them(sandbox: Sandbox, client: Browser, offer: str) -> None:
    now = datetime.now(UTC)
    yesterday = now - timedelta(days=1)
    sandbox.send(
        "conversions",
        [
            conversion_callback(sandbox, offer, revenue=6, userCompletedAt=at)
            for at in (yesterday.isoformat(), f"{DAY}T10:00Z")
        ],
    )
    sandbox.send("conversions", [conversion_callback(sandbox, offer, revenue=7, userCompletedAt="2025-05-18T10:00Z")])
    page = opened(client)
    rows = page.rows("days")
    assert [row[0] for row in rows] == ["Sun 18 May 2025", "Mon 19 May 2025"], "yesterday's delay is usual"
    assert [row[3] for row in rows] == ["+7.00", "+6.00"]
    assert all("Late" in row[1] and row[2] == "Callback" for row in rows)
    link = page.one("a", href=f"/changes?date={DAY}")
    assert "What changed Mon 19 May 2025" in Page(client.get(link.attributes["href"]).text).text
    assert "No past day has changed" in opened(client, partner_id=PARTNER).text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("date=2999-01-01", "date"),
        ("date=x", "date"),
        ("date=2025-02-30", "date"),
        ("date=2025-05-19&offer_id=x", "offer_id"),
    ],
)
def test_errors_are_shown_at_their_field(module_sandbox: Sandbox, query: str, field: str) -> None:
    response = advertiser_browser(module_sandbox).get(f"/changes?{query}")
    assert response.status_code == 400
    assert [e.attributes["id"] for e in Page(response.text).all("small", **{"class": "error"})] == [f"{field}-error"]


def test_users_in_another_time_zone_are_told_that_days_are_utc(sandbox: Sandbox, client: Browser) -> None:
    notice = "Changes are recorded by UTC day."
    assert notice not in opened(client).text
    execute("UPDATE {s}.advertiser SET time_zone = 'Asia/Tokyo'", schema=sandbox.tenant.schema)
    assert notice in opened(client).text
    assert notice in opened(client, date=DAY).text


def test_a_conversion_that_leaves_has_no_link(sandbox: Sandbox, client: Browser, offer: str) -> None:
    theirs = offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [theirs])
    callback = conversion_callback(sandbox, offer, revenue=60)
    sandbox.send("conversions", [callback])
    resend(sandbox, callback, "2025-06-20T00:00:00Z", offerId=theirs["id"], offerAdvertiserId=None)
    page = opened(client, date=DAY)
    assert [row[5:] for row in page.rows("conversions")] == [
        ["Success → another advertiser's", "60.00"],
        ["new → Success", "60.00"],
    ]
    assert len(page.all("a", **{"class": "id"})) == 1
    assert stats(page)[0] == "0.00"


def rows_of(client: Browser, page: Page, label: str) -> tuple[str, list[dict[str, str]]]:
    """The name and the rows of the file that the page links to."""
    (link,) = [a for a in page.all("a", download="") if a.text == label]
    response = client.get(link.attributes["href"])
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.content.startswith(BOM_UTF8)
    name = response.headers["content-disposition"].removeprefix('attachment; filename="').removesuffix('"')
    return name, list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_what_is_listed_is_exported(sandbox: Sandbox, client: Browser, offer: str) -> None:
    sandbox.send("offers", [offer_record(sandbox, id=offer, name="=Boots")])
    callback = conversion_callback(sandbox, offer, partnerId=PARTNER, revenue="69.500001")
    sandbox.send("conversions", [callback, conversion_callback(sandbox, offer)])
    resend(sandbox, callback, "2025-06-20T00:00:00Z", status="Rejected")
    page = opened(client, date=DAY, offer_id=offer, partner_id=PARTNER)
    name, figures = rows_of(client, page, "Export CSV of the figures")
    assert name == f"gokart-changes-{DAY}-{offer[:8]}-{PARTNER[:8]}.csv"
    assert [row["costChange"] for row in figures] == ["-69.500001", "69.500001"], "newest first, as on the page"
    assert {name: figures[0][name] for name in ("cause", "late", "offerId", "offerName", "partnerName")} == {
        "cause": "callback",
        "late": "true",
        "offerId": offer,
        "offerName": "'=Boots",
        "partnerName": "Limestone",
    }
    assert [(row["conversionsBefore"], row["conversionsAfter"]) for row in figures] == [("1", "0"), ("0", "1")]
    name, conversions = rows_of(client, page, "Export CSV of the conversions")
    assert name.startswith(f"gokart-changed-conversions-{DAY}")
    assert [(row["oldStatus"], row["newStatus"], row["oldCost"], row["newCost"]) for row in conversions] == [
        ("Success", "Rejected", "69.500001", "69.500001"),
        ("", "Success", "", "69.500001"),
    ]
    assert {row["conversionId"] for row in conversions} == {callback["conversion"]["conversionId"]}
    name, days = rows_of(client, opened(client, partner_id=PARTNER), "Export CSV")
    assert name == f"gokart-changed-days-{PARTNER[:8]}.csv"
    assert [(row["date"], row["costChange"], row["cause"]) for row in days] == [(DAY, "0", "callback")]


def test_an_export_has_imports_only_if_the_page_lists_them(sandbox: Sandbox, client: Browser, offer: str) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer)])
    execute("UPDATE {s}.restatement SET cause = 'import'", schema=sandbox.tenant.schema)
    _, figures = rows_of(client, opened(client, date=DAY, imports="show"), "Export CSV of the figures")
    assert [row["cause"] for row in figures] == ["import"]
    assert len(client.get("/changes.csv", params={"date": DAY}).text.splitlines()) == 1


def test_an_export_has_all_days_that_changed(sandbox: Sandbox, client: Browser, offer: str) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer)])
    (row,) = execute("SELECT * FROM {s}.restatement", schema=sandbox.tenant.schema)
    execute(
        """
        INSERT INTO {s}.restatement SELECT (jsonb_populate_record(r, jsonb_build_object('bucket', day))).*
        FROM {s}.restatement r,
            generate_series($1::timestamptz - interval '249 days', $1 - interval '1 day', interval '1 day') AS day
        """,
        row["bucket"],
        schema=sandbox.tenant.schema,
    )
    page = opened(client)
    assert len(page.rows("days")) == 200
    assert "Only the 200 days" in page.text
    _, days = rows_of(client, page, "Export CSV")
    assert len(days) == 250


def test_a_day_with_too_many_changes_is_neither_listed_nor_exported(
    sandbox: Sandbox, client: Browser, offer: str
) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer)])
    execute(
        """
        INSERT INTO {s}.restatement SELECT (jsonb_populate_record(r, jsonb_build_object('xid', n::text))).*
        FROM {s}.restatement r, generate_series(1, 10000) AS n
        """,
        schema=sandbox.tenant.schema,
    )
    sandbox.send("conversions", [conversion_callback(sandbox, offer, partnerId=PARTNER)])
    page = opened(client, date=DAY)
    assert "There are more changes than can be listed." in page.text
    assert page.all("tbody", id="changes") == []  # figures before a change are counted back from those of today
    assert [link for link in page.all("a") if "Export CSV" in link.text] == []
    response = client.get("/changes.csv", params={"date": DAY})
    assert response.status_code == 400
    assert "Choose an offer or a partner" in response.text
    of_partner = opened(client, date=DAY, partner_id=PARTNER)
    assert len(of_partner.rows("changes")) == 1
    rows_of(client, of_partner, "Export CSV of the figures")


@pytest.mark.parametrize("query", ["date=x", "date=2025-05-19&table=clicks", "offer=1", "table=figures&table=figures"])
def test_an_export_with_invalid_filters_is_refused(module_sandbox: Sandbox, query: str) -> None:
    assert advertiser_browser(module_sandbox).get(f"/changes.csv?{query}").status_code == 400


def test_an_export_of_changes_needs_the_permission_for_costs(module_sandbox: Sandbox) -> None:
    client = advertiser_browser(module_sandbox, scopes=["conversions"])
    assert client.get("/changes.csv").status_code == 403


def test_another_advertisers_changes_are_not_exported(sandbox: Sandbox, offer: str) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer)])
    rival = advertiser_browser(sandbox, sandbox.rival)
    for params in {}, {"date": DAY}, {"date": DAY, "table": "conversions", "offer_id": offer}:
        assert len(rival.get("/changes.csv", params=params).text.splitlines()) == 1
