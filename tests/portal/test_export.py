"""GET /export on the app host: what the dashboard shows as files, and the API's URL for the same rows."""

import csv
import io
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import openpyxl
import pytest
from pyarrow import parquet

from tests.portal.test_dashboard import fill, opened
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser
from tests.support.sandbox import MAY, Sandbox, event_record, offer_record

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM), newline="")))


def links(page: Page) -> dict[str, str]:
    """The dialog's links by the value of `table` and `format`."""
    found = {}
    for link in page.all("a", download=""):
        query = dict(parse_qsl(urlsplit(link.attributes["href"]).query))
        found[f"{query['table']} {query['format']}"] = link.attributes["href"]
    return found


def fetch(client: Browser, name: str, **choices: str) -> Any:
    response = client.get(links(opened(client, **choices, **MAY))[name])
    assert response.status_code == 200, response.text
    return response


def test_the_csv_is_for_spreadsheets(sandbox: Sandbox) -> None:
    fill(sandbox)
    response = fetch(advertiser_browser(sandbox), "rows csv", by="offer_partner", os="ANDROID")
    assert response.headers["Content-Type"].startswith("text/csv")
    name = "gokart_offers-and-partners_2025-05-01_2025-05-31_os-ANDROID.csv"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response.headers["Vary"].startswith("Cookie")
    assert response.text.startswith(BOM)
    assert [(row["offerName"], row["partnerName"], row["cost"]) for row in rows_of(response.text)] == [
        ("First", "Playdeck", "60"),
        ("First", sandbox.tenant.name, "0.000001"),
    ]


@pytest.mark.parametrize("table", ["rows", "days"])
@pytest.mark.parametrize("choices", [{}, {"os": "IOS", "sort": "-rate"}, {"campaign": 'A, "B"', "group": "week"}])
def test_the_api_s_csv_has_the_bytes_that_the_url_returns(
    sandbox: Sandbox, table: str, choices: dict[str, str]
) -> None:
    fill(sandbox)
    offer = offer_record(sandbox, name="=1+1", campaignName='A, "B"')
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    client = advertiser_browser(sandbox)
    page = opened(client, **choices, **MAY)
    number = 1 if table == "rows" else 2
    url = page.one("code", id=f"export-url-{number}").text
    assert url in page.one("code", id=f"export-curl-{number}").text
    assert "ApiToken $GOKART_TOKEN" in page.one("code", id=f"export-curl-{number}").text
    assert urlsplit(url).hostname == f"api.{sandbox.tenant.slug}.localhost"
    by_api = sandbox.get(urlsplit(url).path, **dict(parse_qsl(urlsplit(url).query)))
    assert by_api.status_code == 200
    by_page = client.get(links(page)[f"{table} api-csv"])
    assert by_page.content == by_api.content
    assert len(rows_of(by_api.text)) > 0
    assert (
        client.get(links(page)[f"{table} api-csv"], headers={"If-None-Match": by_page.headers["ETag"]}).status_code
        == 304
    )


def test_excel_and_parquet_have_the_same_rows(sandbox: Sandbox) -> None:
    fill(sandbox)
    client = advertiser_browser(sandbox)
    expected = [(row["offerName"], row["cost"]) for row in rows_of(fetch(client, "rows csv").text)]
    (sheet,) = openpyxl.load_workbook(io.BytesIO(fetch(client, "rows xlsx").content)).worksheets
    names, *lines = sheet.iter_rows(values_only=True)
    assert [(line[names.index("offerName")], str(line[names.index("cost")])) for line in lines] == expected
    table = parquet.read_table(io.BytesIO(fetch(client, "rows parquet").content)).to_pylist()
    assert [(row["offerName"], f"{row['cost'].normalize():f}") for row in table] == expected


def test_days_without_figures_are_in_the_file(sandbox: Sandbox) -> None:
    fill(sandbox)
    response = fetch(advertiser_browser(sandbox), "days csv")
    rows = rows_of(response.text)
    assert [row["day"] for row in rows] == [f"2025-05-{day:02}" for day in range(1, 32)]
    assert rows[18]["cost"] == "60.000001"
    assert "gokart_by-day_2025-05-01_2025-05-31.csv" in response.headers["Content-Disposition"]


def test_a_file_has_rows_that_the_page_omits(sandbox: Sandbox) -> None:
    offers = [offer_record(sandbox, name=f"Offer {n:04}") for n in range(201)]
    sandbox.send("offers", offers)
    sandbox.send("events", [event_record(offer["id"]) for offer in offers])
    client = advertiser_browser(sandbox)
    page = opened(client, **MAY)
    assert len(page.rows("rows")) == 200
    assert "Download all 201 as CSV" in page.text
    assert len(rows_of(client.get(links(page)["rows csv"]).text)) == 201


def test_the_links_have_fixed_days(sandbox: Sandbox) -> None:
    fill(sandbox)
    now = datetime.now(UTC).isoformat()
    sandbox.send("events", [event_record(str(sandbox.report()[0]["offerId"]), occurredAt=now)])
    page = opened(advertiser_browser(sandbox), period="year_to_date")
    shown = {name: page.one("input", id=name).attributes["value"] for name in MAY}
    query = dict(parse_qsl(urlsplit(links(page)["rows csv"]).query))
    assert {name: query[name] for name in MAY} == shown
    assert "period" not in query


@pytest.mark.parametrize("name", ['=HYPERLINK("http://example.com")', "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1"])
def test_names_in_the_csv_cannot_be_formulas(module_sandbox: Sandbox, name: str) -> None:
    offer, partner = offer_record(module_sandbox, name=name), {"id": str(uuid4()), "name": name}
    module_sandbox.send("offers", [offer])
    module_sandbox.send("partners", [partner])
    module_sandbox.send("events", [event_record(offer["id"], partnerId=partner["id"])])
    client = advertiser_browser(module_sandbox)
    query = {"by": "offer_partner", "offer_id": offer["id"], **MAY}
    (row,) = rows_of(client.get("/export", params=query).text)
    assert (row["offerName"], row["partnerName"]) == (f"'{name}", f"'{name}")
    (exact,) = rows_of(client.get("/export", params={**query, "format": "api-csv"}).text)
    assert exact["offerName"] == name


@pytest.mark.parametrize(
    "given", [{"date_from": "x", "date_to": "2025-05-31"}, {"unknown": "1"}, {"format": "pdf"}, {"table": "all"}]
)
def test_invalid_choices_are_rejected(module_sandbox: Sandbox, given: dict[str, str]) -> None:
    assert advertiser_browser(module_sandbox).get("/export", params=given).status_code == 400


def test_another_advertiser_s_figures_are_not_exported(sandbox: Sandbox) -> None:
    fill(sandbox)
    client = advertiser_browser(sandbox, sandbox.rival)
    assert rows_of(client.get("/export", params=MAY).text) == []
    assert client.get("/export", params={"advertiser_id": str(sandbox.owner), **MAY}).status_code == 400
