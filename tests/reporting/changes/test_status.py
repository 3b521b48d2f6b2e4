"""GET /api/v1/reports/status."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from database.pool import connection
from reporting.changes.status import lookback_days
from reporting.context import read_context
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.wait import wait_for_value

STATUS = "/api/v1/reports/status"


def status(sandbox: Sandbox, token: str | None = None) -> dict[str, Any]:
    response = sandbox.get(STATUS, token=token)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "private, no-cache"
    body: dict[str, Any] = response.json()
    return body


def today() -> date:
    return datetime.now(UTC).date()


def test_an_advertiser_without_figures_has_a_status(sandbox: Sandbox) -> None:
    body = status(sandbox)
    assert body["earliestDay"] is None
    assert body["changes"]["changedAt"] is None
    assert body["received"] == {"conversions": None, "events": None, "catalogue": None}
    assert (body["timeZone"], body["currency"]) == ("UTC", "USD")
    assert body["recommendedLookbackDays"] == 30
    assert today() in {date.fromisoformat(body["provisionalFrom"]) + timedelta(days=days) for days in (30, 31)}
    assert date.fromisoformat(body["finalThrough"]) == date.fromisoformat(body["provisionalFrom"]) - timedelta(days=1)


def test_it_names_what_was_received_last(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    empty = status(sandbox)
    sandbox.send("offers", [offer])
    listed = status(sandbox)
    assert listed["received"]["catalogue"] == listed["dataThrough"] > empty["dataThrough"]
    sandbox.send("events", [event_record(offer["id"], occurredAt="2025-05-19T15:31:44Z")])
    clicked = status(sandbox)
    assert clicked["received"]["events"] == clicked["dataThrough"]
    assert clicked["received"]["catalogue"] == listed["received"]["catalogue"]
    assert clicked["earliestDay"] == "2025-05-19"
    assert clicked["changes"]["changedAt"] is not None
    sandbox.send("events", [{}])
    assert status(sandbox)["received"]["events"] == clicked["received"]["events"], "nothing of the batch was accepted"
    assert status(sandbox, sandbox.rival_key)["earliestDay"] is None
    sandbox.move_offer(offer["id"], sandbox.rival)
    for token in sandbox.owner_key, sandbox.rival_key:
        assert status(sandbox, token)["changes"]["changedAt"] > clicked["changes"]["changedAt"]


def test_days_are_those_of_the_advertisers_time_zone(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"], occurredAt="2025-05-19T02:00:00Z")])
    execute("UPDATE {s}.advertiser SET time_zone = 'Etc/GMT+12'", schema=sandbox.tenant.schema)
    west = status(sandbox)
    execute("UPDATE {s}.advertiser SET time_zone = 'Etc/GMT-14'", schema=sandbox.tenant.schema)
    east = status(sandbox)
    assert (west["earliestDay"], east["earliestDay"]) == ("2025-05-18", "2025-05-19")
    assert date.fromisoformat(east["finalThrough"]) - date.fromisoformat(west["finalThrough"]) in {
        timedelta(days=1),
        timedelta(days=2),
    }


def test_the_tenant_sets_after_how_many_days_a_day_is_final(sandbox: Sandbox) -> None:
    before = date.fromisoformat(status(sandbox)["finalThrough"])
    execute("INSERT INTO {s}.setting DEFAULT VALUES ON CONFLICT DO NOTHING", schema=sandbox.tenant.schema)
    execute("UPDATE {s}.setting SET final_after_days = 3", schema=sandbox.tenant.schema)
    assert date.fromisoformat(status(sandbox)["finalThrough"]) - before >= timedelta(days=27)


def test_either_scope_of_a_report_is_enough(sandbox: Sandbox) -> None:
    only_singular = sandbox.create_api_key("singular")
    assert sandbox.get(STATUS, token=sandbox.create_api_key("cost-report")).status_code == 200
    assert sandbox.get(STATUS, token=only_singular).status_code == 200
    assert sandbox.get(STATUS, token=sandbox.ingest_key).status_code == 403
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    assert wait_for_value(lambda: sandbox.get(STATUS, token=only_singular).status_code, 403)
    assert sandbox.get(STATUS).status_code == 200, "the other scope of the key is enough"


def test_an_unknown_parameter_is_an_error(module_sandbox: Sandbox) -> None:
    response = module_sandbox.get(STATUS, since="x")
    assert response.status_code == 400
    assert response.json()["errors"] == [
        {"field": "since", "message": "is not a parameter of this report; valid parameters: none"}
    ]


def test_an_unchanged_status_is_a_304(sandbox: Sandbox) -> None:
    offers = [offer_record(sandbox), offer_record(sandbox, sandbox.rival)]
    sandbox.send("offers", offers)
    callback = conversion_callback(sandbox, offers[0]["id"])
    sandbox.send("conversions", [callback])

    def request(etag: str) -> Any:
        return sandbox.request("GET", STATUS, token=sandbox.owner_key, headers={"If-None-Match": etag})

    first = sandbox.get(STATUS)
    etag, through = first.headers["etag"], first.headers["gokart-data-through"]
    assert sandbox.get(STATUS, token=sandbox.rival_key).headers["etag"] != etag
    sandbox.send("events", [event_record(offers[1]["id"])])  # changes figures, but another advertiser's
    unchanged = request(etag)
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
    assert unchanged.headers["gokart-data-through"] >= through

    def changed(etag: str) -> str:
        response = request(etag)
        assert response.status_code == 200
        assert response.headers["etag"] != etag
        return str(response.headers["etag"])

    rejected = callback["conversion"] | {"status": "Rejected"}
    sandbox.send("conversions", [callback | {"sentAt": "2025-06-01T00:00:00Z", "conversion": rejected}])
    etag = changed(etag)
    sandbox.send("offers", [offer_record(sandbox)])  # without figures
    assert request(etag).status_code == 304
    sandbox.move_offer(offers[1]["id"], sandbox.owner)
    etag = changed(etag)
    sandbox.move_offer(offers[1]["id"], sandbox.rival)
    etag = changed(etag)
    execute("UPDATE {s}.record_state SET incarnation = gen_random_uuid()", schema=sandbox.tenant.schema)
    etag = changed(etag)
    execute("UPDATE {s}.advertiser SET time_zone = 'Etc/GMT+12'", schema=sandbox.tenant.schema)
    changed(etag)


class TestLookback:
    @pytest.fixture
    def with_history(self, sandbox: Sandbox) -> Sandbox:
        """The advertiser's figures begin, and the log began, a year ago."""
        offer = offer_record(sandbox)
        sandbox.send("offers", [offer])
        sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])
        schema = sandbox.tenant.schema
        execute("DELETE FROM {s}.restatement", schema=schema)
        execute("UPDATE {s}.record_state SET recorded_since = now() - interval '1 year'", schema=schema)
        return sandbox

    @staticmethod
    def restate(sandbox: Sandbox, age: int, cost: int, *, cause: str = "callback", ago: int = 10) -> None:
        """A change `ago` days ago to a day that was then `age` days old."""
        changed_at = datetime.now(UTC) - timedelta(days=ago)
        execute(
            """
            INSERT INTO {s}.restatement
                (changed_at, bucket, cost, offer, partner, conversions, clicks, views, late, cause)
            SELECT $1, $2, $3, key, 1, 1, 0, 0, false, $4 FROM {s}.offer
            """,
            changed_at,
            changed_at - timedelta(days=age),
            cost,
            cause,
            schema=sandbox.tenant.schema,
        )

    @staticmethod
    def lookback(sandbox: Sandbox, earliest: date = date(2025, 5, 19)) -> int:
        async def work() -> int:
            async with connection() as db:
                context = await read_context(db, sandbox.tenant, sandbox.owner)
                return await lookback_days(db, sandbox.tenant, sandbox.owner, context, earliest)

        return run_in_tenant(sandbox.tenant.slug, work)

    def test_it_is_the_age_by_which_nearly_all_cost_had_changed(self, with_history: Sandbox) -> None:
        self.restate(with_history, 2, 500_000)
        self.restate(with_history, 7, -499_000)
        self.restate(with_history, 12, 100)
        self.restate(with_history, 40, 100)
        assert self.lookback(with_history) == 7

    def test_a_larger_share_counts(self, with_history: Sandbox) -> None:
        self.restate(with_history, 2, 500_000)
        self.restate(with_history, 12, 1_000)
        assert self.lookback(with_history) == 12

    def test_it_is_at_least_a_day(self, with_history: Sandbox) -> None:
        assert self.lookback(with_history) == 1

    def test_imports_and_what_is_long_ago_do_not_count(self, with_history: Sandbox) -> None:
        self.restate(with_history, 3, 1_000)
        self.restate(with_history, 300, 1_000_000, cause="import")
        self.restate(with_history, 20, 1_000_000, ago=91)
        assert self.lookback(with_history) == 3

    def test_a_short_history_says_nothing(self, with_history: Sandbox) -> None:
        self.restate(with_history, 3, 1_000)
        assert self.lookback(with_history, today() - timedelta(days=80)) == 30
        execute(
            "UPDATE {s}.record_state SET recorded_since = now() - interval '80 days'", schema=with_history.tenant.schema
        )
        assert self.lookback(with_history) == 30
