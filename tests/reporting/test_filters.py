"""The filters of reports, and the errors of invalid ones."""

from typing import Any

import pytest

from tests.support.sandbox import CSV, JSON, MAY, SINGULAR, Sandbox

DAY = "2024-01-22T00:00:00Z"


@pytest.fixture(scope="module")
def sandbox(module_sandbox: Sandbox) -> Sandbox:
    return module_sandbox


@pytest.mark.parametrize(
    ("date_from", "date_to", "range_"),
    [
        ("2024-01-22", "2025-01-22", "2024-01-22T00:00:00Z/2025-01-23T00:00:00Z"),
        ("2024-01-01", "2024-01-31", "2024-01-01T00:00:00Z/2024-02-01T00:00:00Z"),
        ("2024-01-01T00:00:00", "2024-01-31T00:00:00", "2024-01-01T00:00:00Z/2024-02-01T00:00:00Z"),
        ("2024-01-01T00:00:00.000Z", "2024-01-31T00:00:00+00:00", "2024-01-01T00:00:00Z/2024-02-01T00:00:00Z"),
        ("2024-01-01T10:07", "2024-01-01T10:07", "2024-01-01T10:00:00Z/2024-01-01T10:15:00Z"),
        ("2024-01-01T10:14:59.9999999Z", "2024-01-01T10:15:00Z", "2024-01-01T10:00:00Z/2024-01-01T10:30:00Z"),
        ("2024-01-01T01:00:00+05:45", "2024-01-01", "2023-12-31T19:15:00Z/2024-01-02T00:00:00Z"),
        ("2024-02-29", "2024-02-29T23:59:59.999", "2024-02-29T00:00:00Z/2024-03-01T00:00:00Z"),
        ("0001-01-01", "9999-12-30", "0001-01-01T00:00:00Z/9999-12-31T00:00:00Z"),
        ("9999-12-06", "9999-12-08", "9999-12-06T00:00:00Z/9999-12-09T00:00:00Z"),
        ("9999-12-30T10:00", "9999-12-30T23:59", "9999-12-30T10:00:00Z/9999-12-31T00:00:00Z"),
    ],
)
def test_a_header_states_the_resolved_range(sandbox: Sandbox, date_from: str, date_to: str, range_: str) -> None:
    for path in (JSON, CSV, SINGULAR):
        response = sandbox.get(path, date_from=date_from, date_to=date_to)
        assert response.status_code == 200, response.text
        assert response.headers["gokart-range"] == range_


def test_a_plus_that_the_url_turned_into_a_space_is_understood(sandbox: Sandbox) -> None:
    query = "date_from=2024-01-01T01:00:00+01:00&date_to=2024-01-01"
    response = sandbox.request("GET", f"{JSON}?{query}", token=sandbox.owner_key)
    assert response.headers["gokart-range"].startswith("2024-01-01T00:00:00Z/")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "date_from"),
        ("date_from=2024-01-01", "date_to"),
        ("date_to=2024-01-01", "date_from"),
        ("date_from=2024-01-01&date_to=", "date_to"),
        ("date_from=2024-01-01&date_to=%20", "date_to"),
        ("date_from=2024-01-02&date_to=2024-01-01", "date_from"),
        ("date_from=2024-01-01T10:08&date_to=2024-01-01T10:07", "date_from"),
        ("date_from=2024-01-31T00:00:01&date_to=2024-01-30", "date_from"),
        ("date_from=2023-02-29&date_to=2024-01-01", "date_from"),
        ("date_from=2024-01-01&date_to=2024-13-01", "date_to"),
        ("date_from=yesterday&date_to=2024-01-01", "date_from"),
        ("date_from=0001-01-01T00:00:00%2B14:00&date_to=2024-01-01", "date_from"),
        ("date_from=2024-01-01&date_to=9999-12-31", "date_to"),
        ("date_from=2024-01-01&date_to=2024-01-01&offerId=7", "offerId"),
        ("date_from=2024-01-01&date_to=2024-01-01&offerId=", "offerId"),
        ("date_from=2024-01-01&date_to=2024-01-01&offer=7", "offer"),
        ("date_from=2024-01-01&date_to=2024-01-01&date_from=2024-01-01", "date_from"),
        ("date_from=2024-01-01&date_to=2024-01-01&DATE_TO=2024-01-01", "date_to"),
        ("date_from=2024-01-01&date_to=2024-01-01&date_from", "date_from"),
        ("date_from=2024-01-01%00&date_to=2024-01-01", "date_from"),
        ("date_from=%ff&date_to=2024-01-01", "query"),
        ("date_from=2024-01-01x10:00:00&date_to=2024-01-01", "date_from"),
        ("date_from=20240101&date_to=2024-01-01", "date_from"),
    ],
)
def test_a_filter_that_makes_no_sense_names_its_field(sandbox: Sandbox, query: str, field: str) -> None:
    for path in (JSON, CSV):
        response = sandbox.request("GET", f"{path}?{query}", token=sandbox.owner_key)
        assert response.status_code == 400
        assert response.json()["title"] == "Invalid filter parameters provided."
        assert field in [error["field"] for error in response.json()["errors"]]
        assert field in response.json()["detail"]


def test_singular_takes_no_offer(sandbox: Sandbox) -> None:
    response = sandbox.get(SINGULAR, **MAY, offerId="7df30136-ff83-4551-b877-fa0f0d8b8f72")
    assert [error["field"] for error in response.json()["errors"]] == ["offerId"]


@pytest.mark.parametrize(
    "body",
    [
        {"date_from": "2025-05-01", "date_to": "2025-05-31"},
        {"Date_From": "2025-05-01", "DATE_TO": "2025-05-31", "OfferId": None},
    ],
)
def test_the_filter_can_be_sent_in_the_body(sandbox: Sandbox, body: dict[str, Any]) -> None:
    response = sandbox.request("GET", JSON, token=sandbox.owner_key, json=body)
    assert response.headers["gokart-range"] == "2025-05-01T00:00:00Z/2025-06-01T00:00:00Z"


def test_query_and_body_can_have_the_same_value(sandbox: Sandbox) -> None:
    response = sandbox.request("GET", JSON, token=sandbox.owner_key, params=MAY, json=MAY)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"date_from": "2025-05-02"}', "date_from"),
        (b'{"date_from": "2025-05-01", "date_from": "2025-05-01"}', "date_from"),
        (b'{"date_from": 20250501}', "date_from"),
        (b'{"offerId": ""}', "offerId"),
        (b'{"offer": "x"}', "offer"),
        (b'{"offre": null}', "offre"),
        (b'{"": null}', ""),
        (b'{"\\ud800": "x"}', "\\ud800"),
        (b'{"offerId": "\\ud800"}', "offerId"),
        (b'{"offerId": null, "OfferId": null}', "offerId"),
        (b"[]", "body"),
        (b"7", "body"),
        (b"{", "body"),
        (b"[" * 10_000, "body"),
        (b"\xff", "body"),
    ],
)
def test_a_body_that_makes_no_sense_or_contradicts_is_400(sandbox: Sandbox, body: bytes, field: str) -> None:
    response = sandbox.request("GET", JSON, token=sandbox.owner_key, params=MAY, content=body)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_a_body_that_is_not_json_is_415(sandbox: Sandbox) -> None:
    response = sandbox.request(
        "GET", JSON, token=sandbox.owner_key, params=MAY, content=b"a=b", headers={"Content-Type": "text/plain"}
    )
    assert response.status_code == 415


def test_another_advertisers_offer_is_like_an_unknown_offer(sandbox: Sandbox) -> None:
    theirs = "11111111-1111-4111-8111-111111111111"
    offer = {"id": theirs, "name": "Theirs", "advertiserId": str(sandbox.rival)}
    sandbox.send("offers", [offer])
    one = sandbox.get(JSON, **MAY, offerId=theirs)
    none = sandbox.get(JSON, **MAY, offerId="22222222-2222-4222-8222-222222222222")
    assert one.json() == none.json() == {"data": []}


def test_a_body_too_large_for_a_filter_is_413(sandbox: Sandbox) -> None:
    response = sandbox.request("GET", JSON, token=sandbox.owner_key, params=MAY, content=b" " * 20_000)
    assert response.status_code == 413


def test_the_number_of_reported_errors_is_limited(sandbox: Sandbox) -> None:
    query = "&".join(f"p{n}=1" for n in range(1_000))
    response = sandbox.request("GET", f"{JSON}?{query}", token=sandbox.owner_key)
    assert response.status_code == 400
    assert len(response.content) < 4_000
