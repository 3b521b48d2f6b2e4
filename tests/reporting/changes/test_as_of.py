"""The parameter `as_of`: reports as they were."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.app_calls import fetch
from tests.support.database import execute
from tests.support.held_intake import HeldIntake
from tests.support.sandbox import (
    CSV,
    JSON,
    MAY,
    SINGULAR,
    SINGULAR_CSV,
    Sandbox,
    conversion_callback,
    event_record,
    offer_record,
)

QUERY = "/api/v1/reports/query"
YEAR = {"date_from": "2025-01-01", "date_to": "2025-12-31"}
PART = {"date_from": "2025-05-19T10:15Z", "date_to": "2025-05-20T15:44Z"}
PATHS = [JSON, CSV, SINGULAR, SINGULAR_CSV]
QUERIES: list[dict[str, str]] = [
    {},
    {"group_by": "month,offer", "time_zone": "Asia/Kolkata"},
    {"group_by": "day,partner,os", "format": "csv"},
    {"group_by": "hour,offer", "sort": "-clicks", "metrics": "cost,clicks,costPerClick"},
]
NOON = datetime(2025, 5, 19, 12, tzinfo=UTC)


@pytest.fixture
def offers(sandbox: Sandbox) -> list[str]:
    records = [offer_record(sandbox) for _ in range(2)]
    sandbox.send("offers", records)
    return [record["id"] for record in records]


def figures(response: httpx.Response) -> Any:
    """All but the time at which the report was made."""
    assert response.status_code == 200, response.text
    if "json" not in response.headers["content-type"]:
        return response.text
    data = response.json()["data"]
    if "totals" in response.json():
        return data, response.json()["totals"]
    return data if isinstance(data, list) else data["items"]


def reports(sandbox: Sandbox, *ranges: dict[str, str], **parameters: str) -> dict[str, Any]:
    requests: list[tuple[str, dict[str, str]]] = [(path, {}) for path in PATHS] + [(QUERY, query) for query in QUERIES]
    return {
        f"{path} {query} {range_}": figures(sandbox.get(path, **query, **range_, **parameters))
        for path, query in requests
        for range_ in ranges
    }


def snapshot(sandbox: Sandbox) -> str:
    token: str = sandbox.get(QUERY, **YEAR).json()["meta"]["snapshot"]
    return token


def database_time() -> str:
    (row,) = fetch("SELECT clock_timestamp() AS now")
    return str(row["now"].isoformat())


def test_reports_of_a_history_are_the_same_when_requested_later(sandbox: Sandbox, offers: list[str]) -> None:
    callback = conversion_callback(sandbox, offers[0], revenue="69.5")

    def again(sent_at: str, **conversion: Any) -> Callable[[], object]:
        changed = callback | {"sentAt": sent_at, "conversion": callback["conversion"] | conversion}
        return lambda: sandbox.send("conversions", [changed])

    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: sandbox.send("events", [event_record(offer) for offer in offers]),
        again("2025-05-19T16:00:00Z"),
        lambda: sandbox.send("events", [event_record(offers[1], "view", occurredAt="2025-07-01T00:00:00Z")]),
        again("2025-06-20T00:00:00Z", status="Rejected"),
        lambda: sandbox.send("conversions", [conversion_callback(sandbox, offers[1], revenue="0.000001")]),
        again("2025-06-21T00:00:00Z", status="Success", revenue="70.000001", userCompletedAt="2025-05-20T01:00:00Z"),
        lambda: sandbox.move_offer(offers[0], sandbox.rival),
        lambda: sandbox.send("events", [event_record(offer) for offer in offers]),
        lambda: sandbox.move_offer(offers[0], sandbox.owner),
    ]
    history = []
    for step in steps:
        step()
        history.append((snapshot(sandbox), database_time(), reports(sandbox, YEAR, PART)))
    assert len({str(shown) for _, _, shown in history}) == len(steps), "every step changes the reports"
    for token, time, shown in history:
        assert reports(sandbox, YEAR, PART, as_of=token) == shown
        assert reports(sandbox, YEAR, PART, as_of=time) == shown


def test_a_token_knows_what_had_not_committed(sandbox: Sandbox, offers: list[str]) -> None:
    sandbox.send("events", [event_record(offers[0])])
    running = HeldIntake(sandbox)
    running.click(offers[1], at=NOON)
    token, time, shown = snapshot(sandbox), database_time(), reports(sandbox, YEAR, PART)
    running.commit()
    assert reports(sandbox, YEAR, PART, as_of=token) == shown
    assert sum(row["totalClicks"] for row in sandbox.report(as_of=time)) == 2, (
        "an instant goes by the time of recording"
    )


def test_rows_from_another_server_count_by_their_time(sandbox: Sandbox, offers: list[str]) -> None:
    """There, transactions had other numbers, which this server has not reached or has used itself."""
    sandbox.send("events", [event_record(offers[0])])
    for xid in "90000000000000", "3":
        execute(
            f"UPDATE {{s}}.restatement SET xid = '{xid}', changed_at = now() - interval '2 hours'",
            schema=sandbox.tenant.schema,
        )
        token, shown = snapshot(sandbox), reports(sandbox, YEAR, PART)
        sandbox.send("events", [event_record(offers[0])])
        assert reports(sandbox, YEAR, PART, as_of=token) == shown


def test_the_parameter_works_in_the_body_and_with_an_offer(sandbox: Sandbox, offers: list[str]) -> None:
    sandbox.send("events", [event_record(offer) for offer in offers])
    token = snapshot(sandbox)
    sandbox.send("events", [event_record(offer) for offer in offers])
    response = sandbox.request("GET", JSON, token=sandbox.owner_key, json=MAY | {"as_of": token, "offerId": offers[0]})
    assert [(row["offerId"], row["totalClicks"]) for row in response.json()["data"]] == [(offers[0], 1)]


def test_names_are_the_present_ones_and_an_etag_is_of_one_time(sandbox: Sandbox, offers: list[str]) -> None:
    sandbox.send("events", [event_record(offers[0])])
    token = snapshot(sandbox)
    first = sandbox.get(JSON, **MAY, as_of=token)
    sandbox.send("offers", [offer_record(sandbox, id=offers[0], name="Renamed")])
    second = sandbox.get(JSON, **MAY, as_of=token)
    assert second.json()["data"][0]["offerName"] == "Renamed"
    etags = {first.headers["etag"], second.headers["etag"], sandbox.get(JSON, **MAY).headers["etag"]}
    assert len(etags) == 3
    unchanged = sandbox.request(
        "GET",
        JSON,
        token=sandbox.owner_key,
        params=MAY | {"as_of": token},
        headers={"If-None-Match": second.headers["etag"]},
    )
    assert unchanged.status_code == 304


class TestRefusals:
    def assert_refused(self, sandbox: Sandbox, reason: str, **parameters: str) -> None:
        for path in [*PATHS, QUERY]:
            response = sandbox.get(path, **(MAY | parameters))
            assert response.status_code == 400, response.text
            (error,) = response.json()["errors"]
            assert error["field"] == "as_of"
            assert reason in error["message"]

    def test_an_instant_in_the_future(self, sandbox: Sandbox) -> None:
        self.assert_refused(sandbox, "is in the future", as_of="2999-01-01")

    def test_a_time_before_the_log(self, sandbox: Sandbox) -> None:
        self.assert_refused(sandbox, "since when changes are recorded", as_of="2025-06-01T00:00:00Z")

    def test_text_that_is_neither(self, sandbox: Sandbox, other_sandbox: Sandbox) -> None:
        self.assert_refused(sandbox, "is neither a snapshot token", as_of="yesterday")
        self.assert_refused(sandbox, "is not a snapshot token of this tenant", as_of="sAAAA")
        self.assert_refused(sandbox, "is longer than 4000 characters", as_of="s" + "A" * 4_000)
        self.assert_refused(sandbox, "is not a snapshot token of this tenant", as_of=snapshot(other_sandbox))

    def test_days_that_had_not_ended(self, sandbox: Sandbox) -> None:
        today = datetime.now(UTC).date()
        self.assert_refused(
            sandbox,
            "not all days of the range had ended",
            as_of=database_time(),
            date_to=str(today + timedelta(days=1)),
        )

    def test_days_end_in_utc_or_in_the_advertisers_time_zone(self, sandbox: Sandbox) -> None:
        """At 15:00 UTC, a day of Tokyo has ended, and the day of UTC has not."""
        schema = sandbox.tenant.schema
        execute("UPDATE {s}.record_state SET recorded_since = '2025-01-01'", schema=schema)
        time = {"as_of": "2025-05-19T15:00:00Z"}
        tokyo = {"date_from": "2025-05-01T00:00+09:00", "date_to": "2025-05-19T23:59+09:00"}
        self.assert_refused(sandbox, "until 2025-05-19T00:00:00Z are known", **tokyo, **time)
        execute("UPDATE {s}.advertiser SET time_zone = 'Asia/Tokyo'", schema=schema)
        self.assert_refused(sandbox, "until 2025-05-19T00:00:00Z are known", **tokyo, **time)
        execute("UPDATE {s}.advertiser SET time_zone_since = NULL", schema=schema)
        assert sandbox.get(JSON, **tokyo, **time).status_code == 200
        self.assert_refused(sandbox, "not all days", **{**tokyo, "date_to": "2025-05-19T15:00Z"}, **time)
        assert sandbox.get(JSON, date_from="2025-05-01", date_to="2025-05-18", **time).status_code == 200
