"""The number of statements of each hot route, with a cached tenant and API key, for any number of offers or records."""

from typing import Any
from uuid import uuid4

import msgspec
import pytest

from auth.users.realms import ADVERTISER
from tests.support.asgi import recorded_request
from tests.support.database import on_cluster
from tests.support.people import create_advertiser_user, session_cookie
from tests.support.sandbox import (
    CSV,
    JSON,
    MAY,
    SINGULAR,
    Sandbox,
    conversion_callback,
    event_record,
    offer_record,
)

ONE_WEEK = {"date_from": "2025-05-19", "date_to": "2025-05-25"}


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    """Each of the owner's 20 offers has a click on 19 May 2025."""
    offers = [offer_record(sandbox) for _ in range(20)]
    sandbox.send("offers", offers)
    sandbox.send("events", [event_record(offer["id"]) for offer in offers])
    return sandbox


def assert_budget(budget: int, statements: list[str]) -> None:
    assert len(statements) == budget, "\n\n".join(statements)


def more_on_cluster(statements: int) -> int:
    return statements if on_cluster() else 0


def test_an_uncached_cost_report(filled: Sandbox) -> None:
    response, statements = recorded_request(filled, "GET", JSON, params=MAY)
    assert response.status_code == 200
    # 1. the report with its validators
    assert_budget(1, statements)


def test_a_cached_cost_report(filled: Sandbox) -> None:
    response, statements = recorded_request(filled, "GET", JSON, params=MAY, repeat=True)
    assert response.status_code == 200
    # 1. the validators
    assert_budget(1, statements)


def test_an_unchanged_cost_report(filled: Sandbox) -> None:
    etag = filled.get(JSON, **MAY).headers["etag"]
    response, statements = recorded_request(filled, "GET", JSON, params=MAY, headers={"If-None-Match": etag})
    assert response.status_code == 304
    # 1. the validators
    assert_budget(1, statements)


def test_a_cost_report_as_csv(filled: Sandbox) -> None:
    response, statements = recorded_request(filled, "GET", CSV, params=MAY)
    assert response.status_code == 200
    # 1. the validators
    # 2. BEGIN
    # 3. COPY
    # 4. COMMIT
    assert_budget(4, statements)


def test_a_week_of_singular(filled: Sandbox) -> None:
    response, statements = recorded_request(filled, "GET", SINGULAR, params=ONE_WEEK)
    assert response.status_code == 200
    # 1. the report with its validators
    assert_budget(1, statements)


def test_a_month_of_singular(filled: Sandbox) -> None:
    response, statements = recorded_request(filled, "GET", SINGULAR, params=MAY)
    assert response.status_code == 200
    # 1. the validators
    # 2. BEGIN
    # 3. settings for the transaction
    # 4. the first day, which is empty
    # 5. the next day with data, 19 May
    # 6. 19 May
    # 7. four more days, which are empty
    # 8. the next day with data: none
    # 9. COMMIT
    assert_budget(9, statements)


def test_a_list_of_offers(filled: Sandbox) -> None:
    response, statements = recorded_request(filled, "GET", "/api/v1/offers")
    assert len(response.json()["data"]) == 20
    # 1. the state
    # 2. BEGIN
    # 3. the offers
    # 4. COMMIT
    assert_budget(4, statements)


def test_the_conversions_of_a_click(filled: Sandbox) -> None:
    response, statements = recorded_request(filled, "GET", "/api/v1/conversions", params={"click_id": str(uuid4())})
    assert response.json()["data"] == []
    # 1. the context
    # 2. since when transactions are running
    # 3. BEGIN
    # 4. the conversions
    # 5. COMMIT
    assert_budget(5, statements)


def test_the_conversions_of_a_month(filled: Sandbox) -> None:
    offer = offer_record(filled)
    filled.send("offers", [offer])
    filled.send("conversions", [conversion_callback(filled, offer["id"]) for _ in range(20)])
    response, statements = recorded_request(filled, "GET", "/api/v1/conversions", params=MAY)
    assert len(response.json()["data"]) == 20
    # 1. the context
    # 2. since when transactions are running
    # 3. BEGIN
    # 4. the times of the first and the last conversion
    # 5. the conversions: of less than a day
    # 6. COMMIT
    assert_budget(6, statements)


def test_a_batch_of_events(filled: Sandbox) -> None:
    offers = [offer_record(filled) for _ in range(5)]
    filled.send("offers", offers)
    post_batch(filled, "events", [event_record(offers[0]["id"])])  # this process now knows the month's partition
    records = [event_record(offer["id"]) for offer in offers for _ in range(10)]
    result, statements = post_batch(filled, "events", records)
    assert result["accepted"] == 50
    # 1. offers
    # 2. partners
    # 3. BEGIN
    # 4. the transaction's settings
    # 5. events, roll-ups and change marks: on a cluster ten statements
    # 6. the batch
    # 7. COMMIT
    assert_budget(7 + more_on_cluster(9), statements)


def test_a_batch_of_conversions(filled: Sandbox) -> None:
    offers = [offer_record(filled) for _ in range(5)]
    filled.send("offers", offers)
    post_batch(filled, "conversions", [conversion_callback(filled, offers[0]["id"])])  # knows whether this is a cluster
    records = [conversion_callback(filled, offer["id"]) for offer in offers for _ in range(10)]
    result, statements = post_batch(filled, "conversions", records)
    assert result["accepted"] == 50
    # 1. BEGIN
    # 2. the transaction's settings
    # 3. offers and their advertisers
    # 4. partners
    # 5. conversions, roll-ups and change marks: on a cluster eleven statements
    # 6. the batch
    # 7. COMMIT
    assert_budget(7 + more_on_cluster(10), statements)


def test_the_dashboard_page(filled: Sandbox) -> None:
    cookies = session_cookie(filled, ADVERTISER, create_advertiser_user(filled))
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    response, statements = recorded_request(filled, "GET", "/", site="app", params=MAY, headers={"Cookie": cookie})
    assert response.status_code == 200
    # 1. the session and its user
    # 2. the advertiser
    # 3. unread notifications, for the layout
    # 4. API keys that expire soon, for the layout
    # 5. the time zone, currency and state of the data
    # 6. the user's saved views
    # 7. BEGIN
    # 8. days and rows of the table
    # 9. days of the comparison
    # 10. when the days changed
    # 11. COMMIT
    # 12. partners, for the filter
    # 13. offers, for the filter
    assert_budget(13, statements)


def post_batch(sandbox: Sandbox, kind: str, records: list[dict[str, Any]]) -> tuple[Any, list[str]]:
    response, statements = recorded_request(
        sandbox,
        "POST",
        f"/api/v1/ingest/{kind}",
        token=sandbox.ingest_key,
        content=msgspec.json.encode(records),
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 200, response.text
    return response.json(), statements
