"""The response of a query: formats, headers, conditional requests, retention."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from jobs.retention import delete_old_quarters
from reporting.changes.snapshot_token import read_snapshot_token
from reporting.query.columns import API_GROUPS, METRICS
from reporting.query.formats import FORMATS
from tests.reporting.query.test_figures import exactly
from tests.support.app_calls import run
from tests.support.asgi import recorded_request
from tests.support.database import execute
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.statements import assert_snapshot
from web.operations import PARQUET, XLSX

SNAPSHOTS = Path(__file__).parent / "snapshots"
PATH = "/api/v1/reports/query"
MAY = {"date_from": "2025-05-01", "date_to": "2025-05-31"}
BY_DAY = MAY | {"group_by": "day,offer,partner"}


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    offers = [offer_record(sandbox, name='Chess, "the" game', appName="Chess\n2"), offer_record(sandbox)]
    sandbox.send("offers", offers)
    for offer in offers:
        sandbox.send("events", [event_record(offer["id"]), event_record(offer["id"], "view")])
    sandbox.send("conversions", [conversion_callback(sandbox, offers[0]["id"], revenue="12.000001")])
    return sandbox


def conditional(sandbox: Sandbox, etag: str, **params: str) -> httpx.Response:
    return sandbox.request("GET", PATH, token=sandbox.owner_key, params=params, headers={"If-None-Match": etag})


def test_all_formats_have_the_same_rows(filled: Sandbox) -> None:
    params = MAY | {"group_by": "day,offer,app", "metrics": "cost,clicks,clickRate"}
    document = exactly.decode(filled.get(PATH, **params).content)
    lines = filled.get(PATH, **params, format="ndjson").text.splitlines()
    *rows, last = [exactly.decode(line) for line in lines]
    assert rows == document["data"]
    assert last.keys() == {"meta"}
    volatile = {"snapshot": None}
    assert last["meta"] | volatile == document["meta"] | volatile
    table = list(csv.DictReader(io.StringIO(filled.get(PATH, **params, format="csv").text)))
    assert [list(row) for row in table] == [list(row) for row in document["data"]]
    assert [list(row.values()) for row in table] == [
        ["" if value is None else str(value) for value in row.values()] for row in document["data"]
    ]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("text/csv", "text/csv"),
        ("application/json;q=0.5, text/csv", "text/csv"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/jsonl", "application/x-ndjson"),
        (XLSX, XLSX),
        (f"text/html, {PARQUET}", PARQUET),
    ],
)
def test_accept_chooses_the_format(filled: Sandbox, accept: str, media_type: str) -> None:
    response = filled.request("GET", PATH, token=filled.owner_key, params=MAY, headers={"Accept": accept})
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert "Accept" in response.headers["vary"].split(", ")


def test_the_parameter_is_stronger_than_accept_and_an_unknown_type_is_406(filled: Sandbox) -> None:
    headers = {"Accept": "image/png"}
    response = filled.request("GET", PATH, token=filled.owner_key, params=MAY, headers=headers)
    assert response.status_code == 406
    assert "text/csv" in response.json()["detail"]
    params = MAY | {"format": "csv"}
    assert filled.request("GET", PATH, token=filled.owner_key, params=params, headers=headers).status_code == 200


@pytest.mark.parametrize("format_", ["ndjson", "csv", "xlsx", "parquet"])
def test_a_file_has_a_name_with_the_range(filled: Sandbox, format_: str) -> None:
    headers = filled.get(PATH, **MAY, format=format_).headers
    name = f"gokart-query_2025-05-01T000000Z_2025-06-01T000000Z.{format_}"
    assert headers["content-disposition"] == f'attachment; filename="{name}"'


@pytest.mark.parametrize("format_", FORMATS)
def test_all_formats_but_files_are_compressed_on_request(sandbox: Sandbox, format_: str) -> None:
    offers = [offer_record(sandbox, name=f"An offer with a longer name {n}") for n in range(30)]
    sandbox.send("offers", offers)
    sandbox.send("events", [event_record(offer["id"]) for offer in offers])
    params = BY_DAY | {"format": format_}
    headers = {"Accept-Encoding": "zstd"}
    response = sandbox.request("GET", PATH, token=sandbox.owner_key, params=params, headers=headers)
    compressed_itself = format_ in {"xlsx", "parquet"}
    assert response.headers.get("content-encoding") == (None if compressed_itself else "zstd")
    assert compressed_itself or response.text.count("An offer with a longer name") == 30


def test_decimals_may_be_strings(filled: Sandbox) -> None:
    response = filled.get(PATH, **MAY, metrics="cost,clicks,costPerClick,clickRate", decimals="string").json()
    expected = {"cost": "12.000001", "clicks": 2, "costPerClick": "6.000000", "clickRate": "1.000000"}
    assert response["totals"] == expected


@pytest.mark.parametrize("format_", FORMATS)
def test_an_unchanged_query_is_a_304(filled: Sandbox, format_: str) -> None:
    params = BY_DAY | {"format": format_}
    etag = filled.get(PATH, **params).headers["etag"]
    filled.send("partners", [{"id": str(filled.tenant.id), "name": filled.tenant.name}])  # changes dataThrough only
    response = conditional(filled, etag, **params)
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == etag


CHANGES: dict[str, Callable[[Sandbox, str], Any]] = {
    "a figure": lambda sandbox, offer: sandbox.send("events", [event_record(offer)]),
    "a partner's name": lambda sandbox, _: sandbox.send("partners", [{"id": str(sandbox.tenant.id), "name": "New"}]),
    "an offer's name": lambda sandbox, offer: sandbox.send("offers", [offer_record(sandbox, id=offer, name="New")]),
}


@pytest.mark.parametrize("change", ["a figure", "a partner's name", "an offer's name"])
def test_a_changed_query_is_sent_again(filled: Sandbox, change: str) -> None:
    first = filled.get(PATH, **BY_DAY)
    CHANGES[change](filled, first.json()["data"][0]["offerId"])
    response = conditional(filled, first.headers["etag"], **BY_DAY)
    assert response.status_code == 200
    assert response.json()["data"] != first.json()["data"]


def test_a_changed_state_is_sent_again(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"], occurredAt=(datetime.now(UTC) - timedelta(days=5)).isoformat())])
    params = {"period": "last_10_days", "group_by": "day"}
    without_time = {"period": "last_10_days"}
    etags = [sandbox.get(PATH, **each).headers["etag"] for each in (params, without_time)]
    execute("UPDATE {s}.setting SET final_after_days = 2", schema=sandbox.tenant.schema)
    response = conditional(sandbox, etags[0], **params)
    assert response.status_code == 200
    assert [row["state"] for row in response.json()["data"]] == ["final"]
    assert conditional(sandbox, etags[1], **without_time).status_code == 304


def test_queries_that_differ_have_different_etags(filled: Sandbox) -> None:
    others = [
        {},
        {"group_by": "day,offer"},
        {"metrics": "clicks"},
        {"sort": "-cost"},
        {"limit": "1"},
        {"zeros": "true"},
        {"decimals": "string"},
        {"format": "csv"},
        {"os": "IOS"},
        {"time_zone": "Asia/Kolkata"},
    ]
    etags = {filled.get(PATH, **(BY_DAY | other)).headers["etag"] for other in others}
    assert len(etags) == len(others)


def test_a_repeated_query_comes_from_the_cache(filled: Sandbox) -> None:
    response, statements = recorded_request(filled, "GET", PATH, params=BY_DAY, repeat=True)
    assert response.json()["meta"]["rows"] == 2
    # 1. the context
    # 2. the validators
    assert len(statements) == 2


def test_a_report_from_the_cache_has_the_snapshot_of_its_own_request(filled: Sandbox) -> None:
    """More days have ended than when the report was read."""
    tokens = [filled.get(PATH, **MAY).json()["meta"]["snapshot"] for _ in range(2)]
    first, second = [read_snapshot_token(token, filled.tenant.id) for token in tokens]
    assert first.taken < second.began


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_a_small_query_is_two_statements(filled: Sandbox, zone: str) -> None:
    response, statements = recorded_request(filled, "GET", PATH, params=BY_DAY | {"time_zone": zone})
    assert response.headers["gokart-rows"] == "2"
    # 1. the context
    # 2. the rows, totals and validators
    assert_snapshot(SNAPSHOTS / "query.sql", statements, filled)


def test_all_groups_metrics_and_options_are_one_statement(filled: Sandbox) -> None:
    params = MAY | {"group_by": ",".join(API_GROUPS), "metrics": ",".join(METRICS), "sort": "-clickRate,campaign"}
    response, statements = recorded_request(filled, "GET", PATH, params=params | {"zeros": "true", "limit": "3"})
    assert response.json()["meta"]["rows"] == 3
    assert_snapshot(SNAPSHOTS / "query_with_everything.sql", statements, filled)


@pytest.mark.parametrize("format_", FORMATS)
def test_head_has_the_headers_of_get(filled: Sandbox, format_: str) -> None:
    params = BY_DAY | {"format": format_}
    head = filled.request("HEAD", PATH, token=filled.owner_key, params=params)
    get = filled.get(PATH, **params)
    assert head.content == b""
    for name in ("etag", "gokart-range", "gokart-data-through", "content-type", "cache-control"):
        assert head.headers[name] == get.headers[name]


def test_an_empty_report_is_complete_in_every_format(sandbox: Sandbox) -> None:
    document = sandbox.get(PATH, **BY_DAY).json()
    assert document["data"] == []
    assert document["totals"] == {"cost": 0, "conversions": 0, "clicks": 0, "views": 0}
    assert [*exactly.decode(sandbox.get(PATH, **BY_DAY, format="ndjson").content)] == ["meta"]
    header = "id,day,offerId,offerName,partnerId,partnerName,cost,conversions,clicks,views,state\n"
    assert sandbox.get(PATH, **BY_DAY, format="csv").text == header


@pytest.fixture
def thinned(filled: Sandbox) -> Sandbox:
    """Quarters of an hour before 27 May 2025 are deleted."""
    now = datetime(2026, 7, 1, tzinfo=UTC)
    run(lambda: delete_old_quarters(filled.tenant, now))
    run(lambda: delete_old_quarters(filled.tenant, now + timedelta(days=1)))
    return filled


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin"])
@pytest.mark.parametrize("group", ["hour", "day", "month"])
def test_hours_are_kept_for_good(thinned: Sandbox, zone: str, group: str) -> None:
    result = thinned.get(PATH, **MAY, time_zone=zone, group_by=group).json()
    assert sum(row["clicks"] for row in result["data"]) == result["totals"]["clicks"] == 2


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"date_from": "2025-05-19", "date_to": "2025-05-20", "time_zone": "Asia/Kolkata"}, "time_zone"),
        (MAY | {"time_zone": "Asia/Kathmandu", "group_by": "day"}, "time_zone"),
        (MAY | {"date_from": "2025-05-20T10:15"}, "date_from"),
    ],
    ids=["half an hour", "three quarters", "within an hour"],
)
def test_what_needs_deleted_quarters_is_a_400_with_the_reason(
    thinned: Sandbox, params: dict[str, str], field: str
) -> None:
    response = thinned.get(PATH, **params)
    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert "kept since 20" in error["message"]


def test_quarters_before_the_first_data_are_not_needed(thinned: Sandbox) -> None:
    for params in ({"date_from": "2025-05-01T10:15"}, {"date_from": "2025-05-01T10:15", "group_by": "day"}):
        assert thinned.get(PATH, **(MAY | params)).json()["totals"]["clicks"] == 2


def test_hours_before_they_were_recorded_are_a_400_with_the_reason(filled: Sandbox) -> None:
    execute("UPDATE {s}.record_state SET hours_since = '2025-06-01Z'", schema=filled.tenant.schema)
    assert filled.get(PATH, **MAY, group_by="day").status_code == 200
    for params, field in ({"group_by": "hour"}, "group_by"), ({"time_zone": "Europe/Berlin"}, "time_zone"):
        range_ = {"date_from": "2025-05-01", "date_to": "2025-05-19"}
        response = filled.get(PATH, **range_, **params)
        assert response.status_code == 400
        (error,) = response.json()["errors"]
        assert (error["field"], "hours are kept since 2025-06-01" in error["message"]) == (field, True)


def test_amounts_are_exact(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    amounts = ["999999999.999999", "0.000001", "0.1"]
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], revenue=amount) for amount in amounts])
    response = sandbox.get(PATH, **MAY)
    assert msgspec.json.decode(response.content, type=dict[str, Any])
    assert exactly.decode(response.content)["totals"]["cost"] == sum(map(Decimal, amounts))
