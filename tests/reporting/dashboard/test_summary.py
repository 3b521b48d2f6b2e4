"""The dashboard's figures equal the API's exactly and are consistent with each other."""

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import anyio
import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits

import settings
from database.pool import DatabaseUnavailable
from ingest.conversions import ingest_conversions
from reporting.dashboard import summary as summaries
from reporting.dashboard.daily import DailyMetrics
from reporting.dashboard.periods import Period
from reporting.dashboard.summary import DashboardMetrics, DashboardSummary, MetricChange, read_summary
from reporting.filters import Filter
from tenants.tenant import current_tenant
from tests.support.app_calls import run, run_in_tenant
from tests.support.database import execute, locked
from tests.support.examples import EXAMPLES
from tests.support.histories import History, histories, send_history
from tests.support.oracle import Oracle
from tests.support.sandbox import JSON, Sandbox, conversion_callback, create_sandbox, event_record, offer_record

A_DAY = timedelta(days=1)
MAY = Period("custom", date(2025, 5, 1), date(2025, 5, 31))
exactly = msgspec.json.Decoder(float_hook=Decimal)


def shown(sandbox: Sandbox, period: Period = MAY, advertiser: UUID | None = None) -> DashboardSummary:
    return run_in_tenant(
        sandbox.tenant.slug, lambda: read_summary(current_tenant(), advertiser or sandbox.owner, period.filter)
    )


def api_rows(sandbox: Sandbox, filter_: Filter) -> list[dict[str, Any]]:
    """The rows of the API's report for the same days."""
    last = filter_.range.end - A_DAY
    params = {"date_from": f"{filter_.range.start:%Y-%m-%d}", "date_to": f"{last:%Y-%m-%d}"}
    if filter_.offer:
        params["offerId"] = str(filter_.offer)
    rows: list[dict[str, Any]] = exactly.decode(sandbox.get(JSON, **params).content)["data"]
    return rows


def sums(rows: Iterable[dict[str, Any]]) -> DashboardMetrics:
    rows = list(rows)
    return DashboardMetrics(
        sum((Decimal(row["revenue"]) for row in rows), Decimal(0)),
        *(sum(row[name] for row in rows) for name in ("totalConversions", "totalClicks", "totalViews")),
    )


@limits(
    max_examples=EXAMPLES // 2,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories())
def test_it_equals_the_api_report_exactly(http: httpx.Client, history: History) -> None:
    sandbox = create_sandbox(http)
    oracle, offers = send_history(sandbox, history)
    ranges = [
        (date(2023, 12, 30), date(2025, 12, 28)),
        *((first.date(), last.date()) for first, last in history.ranges),
    ]
    for first, last in ranges:
        check(sandbox, oracle, Period("custom", first, last))
    for offer in offers:
        check(sandbox, oracle, Period("custom", *ranges[0], UUID(offer)))


def check(sandbox: Sandbox, oracle: Oracle, period: Period) -> None:
    seen = shown(sandbox, period)
    rows = api_rows(sandbox, period.filter)
    assert [
        {
            "offerId": str(line.offer),
            "offerName": line.offer_name,
            "totalConversions": line.conversions,
            "totalClicks": line.clicks,
            "totalViews": line.views,
            "revenue": line.cost,
            "publisherName": line.publisher,
        }
        for line in seen.rows
    ] == rows
    assert seen.row_count == len(rows)
    assert seen.totals == sums(rows)

    length = period.last - period.first + A_DAY
    earlier = sums(
        api_rows(sandbox, Period("custom", period.first - length, period.first - A_DAY, period.offer).filter)
    )
    assert seen.previous == earlier
    assert {name: change.difference for name, change in seen.changes.items()} == {
        name: getattr(seen.totals, name) - getattr(earlier, name) for name in ("cost", "conversions", "clicks", "views")
    }

    model = oracle.by_day(str(period.offer) if period.offer else None)
    assert [day.day for day in seen.daily] == [period.first + n * A_DAY for n in range(length.days)]
    assert [(day.cost, day.conversions, day.clicks, day.views) for day in seen.daily] == [
        (s.cost, s.conversions, s.clicks, s.views) for s in (model[day.day] for day in seen.daily)
    ]
    assert sum((day.cost for day in seen.daily), Decimal(0)) == seen.totals.cost

    assert {str(top.id): top.metrics for top in seen.offers} == grouped(rows, "offerId")
    assert {top.name: top.metrics for top in seen.partners} == grouped(rows, "publisherName")
    for tops in seen.offers, seen.partners:
        order = [(top.metrics.cost, top.metrics.clicks) for top in tops]
        assert order == sorted(order, reverse=True)


def grouped(rows: list[dict[str, Any]], key: str) -> dict[str, DashboardMetrics]:
    groups = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return {name: sums(group) for name, group in groups.items()}


def test_the_table_is_cut_and_the_totals_are_not(sandbox: Sandbox) -> None:
    execute(
        """
        INSERT INTO {s}.offer (id, advertiser, name)
        SELECT gen_random_uuid(), $1::uuid, to_char(n, 'FM0000') FROM generate_series(1, $2::int) n
        """,
        sandbox.owner,
        summaries.MAX_ROWS + 3,
        schema=sandbox.tenant.schema,
    )
    offers = execute("SELECT id, name FROM {s}.offer ORDER BY name", schema=sandbox.tenant.schema)
    sandbox.send("events", [event_record(str(offer["id"])) for offer in offers])
    seen = shown(sandbox)
    assert [line.offer_name for line in seen.rows] == [offer["name"] for offer in offers[: summaries.MAX_ROWS]]
    assert seen.row_count == seen.totals.clicks == summaries.MAX_ROWS + 3
    assert sum(day.clicks for day in seen.daily) == summaries.MAX_ROWS + 3


def test_the_best_five_come_by_cost_then_clicks(sandbox: Sandbox) -> None:
    offers = [offer_record(sandbox, name=f"Offer {n}", os="IOS", campaignName=f"C{n}") for n in range(7)]
    partners = [{"id": str(UUID(int=n + 1)), "name": f"Partner {n}"} for n in range(7)]
    sandbox.send("offers", offers)
    sandbox.send("partners", partners)
    costs, clicks = [5, 0, 70, 0, 5, 0, 20], [1, 4, 1, 2, 3, 0, 0]
    for offer, partner, cost, count in zip(offers, partners, costs, clicks, strict=True):
        if cost:
            sandbox.send(
                "conversions", [conversion_callback(sandbox, offer["id"], partnerId=partner["id"], revenue=cost)]
            )
        if count:
            sandbox.send("events", [event_record(offer["id"], partnerId=partner["id"]) for _ in range(count)])
    seen = shown(sandbox)
    assert [(top.name, top.os, top.campaign) for top in seen.offers] == [
        (f"Offer {n}", "IOS", f"C{n}") for n in (2, 6, 4, 0, 1)
    ]
    assert [top.name for top in seen.partners] == [f"Partner {n}" for n in (2, 6, 4, 0, 1)]


def test_the_change_is_against_as_many_days_before(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    before, within = "2025-04-30T23:59:59Z", "2025-05-01T00:00:00Z"
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], userCompletedAt=before, revenue="40")])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], userCompletedAt=within, revenue="45.50")])
    sandbox.send("events", [event_record(offer["id"], occurredAt=within)])
    sandbox.send("events", [event_record(offer["id"], occurredAt="2025-03-30T23:59:59Z")])  # the 32nd day before
    assert shown(sandbox).changes == {
        "cost": MetricChange(Decimal("5.5"), Decimal("13.8")),
        "conversions": MetricChange(Decimal(0), Decimal(0)),
        "clicks": MetricChange(Decimal(1), None),
        "views": MetricChange(Decimal(0), None),
    }


def test_nothing_at_all_is_shown_as_zeros(sandbox: Sandbox) -> None:
    seen = shown(sandbox)
    assert seen.totals == seen.previous == DashboardMetrics(Decimal(0), 0, 0, 0)
    assert (seen.rows, seen.offers, seen.partners, seen.row_count, seen.restated) == ([], [], [], 0, 0)
    assert seen.daily == [DailyMetrics(date(2025, 5, n + 1), Decimal(0), 0, 0, 0, None) for n in range(31)]
    assert seen.validators.data_through == sandbox.tenant.created_at


def test_it_tells_up_to_when_data_was_in_as_the_api_does(sandbox: Sandbox) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer_record(sandbox)["id"])])
    response = sandbox.get(JSON, date_from="2025-05-01", date_to="2025-05-31")
    fresh = shown(sandbox).validators
    assert fresh.headers["GoKart-Data-Through"] == response.headers["gokart-data-through"]
    assert fresh.etag == response.headers["etag"]


def test_an_advertiser_sees_its_own(sandbox: Sandbox) -> None:
    mine, theirs = offer_record(sandbox), offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [mine, theirs])
    sandbox.send("events", [event_record(theirs["id"]), event_record(mine["id"]), event_record(mine["id"])])
    assert [shown(sandbox, advertiser=each).totals.clicks for each in (sandbox.owner, sandbox.rival)] == [2, 1]
    assert shown(sandbox, Period(MAY.name, MAY.first, MAY.last, UUID(theirs["id"]))).totals.clicks == 0


def test_it_is_one_snapshot_while_data_is_ingested(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])

    def send() -> None:
        for _ in range(60):
            sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], revenue="0.000001")])

    async def look() -> list[DashboardSummary]:
        return [await read_summary(current_tenant(), sandbox.owner, MAY.filter) for _ in range(60)]

    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(send)
        seen = run_in_tenant(sandbox.tenant.slug, look)
        sender.result()
    for each in seen:
        in_days = sum((day.cost for day in each.daily), Decimal(0))
        assert each.totals.cost == in_days == sum((line.cost for line in each.rows), Decimal(0))
    assert shown(sandbox).totals.conversions == 60


def test_waiting_pages_do_not_block_other_advertisers(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    """Whatever the number of concurrent requests."""

    async def work() -> DashboardSummary:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(stuck)
            with anyio.fail_after(4):
                other = await read_summary(other_sandbox.tenant, other_sandbox.owner, MAY.filter)
            tasks.cancel_scope.cancel()
        return other

    async def stuck() -> None:
        with suppress(DatabaseUnavailable):
            await read_summary(sandbox.tenant, sandbox.owner, MAY.filter)

    with locked(f"{sandbox.tenant.schema}.by_month"):
        assert run(work).row_count == 0


def test_one_that_takes_too_long_is_given_up(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = settings.settings.model_copy(update={"report_timeout": 0.2})
    monkeypatch.setattr(summaries, "settings", impatient)
    with locked(f"{sandbox.tenant.schema}.by_day"), pytest.raises(DatabaseUnavailable):
        shown(sandbox)


# --- restated days ---


def ingest_callback(sandbox: Sandbox, day: date, at: datetime, **conversion: Any) -> None:
    """Ingests a callback for a conversion on `day` at the given time."""
    sent_at = at.isoformat()
    noon = f"{day}T12:00:00Z"
    record = conversion_callback(sandbox, OFFER, sent_at=sent_at, userCompletedAt=noon, **conversion)
    run(lambda: ingest_conversions(sandbox.tenant, [msgspec.json.encode(record)], at, None))


OFFER = "7df30136-ff83-4551-b877-fa0f0d8b8f72"
DAY = date(2025, 5, 19)
MIDNIGHT = datetime(2025, 5, 20, tzinfo=UTC)  # when the day has ended


def restated(sandbox: Sandbox) -> list[date]:
    seen = shown(sandbox)
    days = [day.day for day in seen.daily if day.restated]
    assert len(days) == seen.restated
    return days


def test_a_day_is_restated_by_data_received_a_day_after_its_end(sandbox: Sandbox) -> None:
    ingest_callback(sandbox, DAY, MIDNIGHT + A_DAY - timedelta(microseconds=1), conversionId=str(UUID(int=1)))
    assert restated(sandbox) == []
    ingest_callback(sandbox, DAY, MIDNIGHT + A_DAY, conversionId=str(UUID(int=2)))
    assert restated(sandbox) == [DAY]


def test_a_rejection_weeks_later_restates_its_day_and_no_other(sandbox: Sandbox) -> None:
    one = {"conversionId": str(UUID(int=1))}
    ingest_callback(sandbox, DAY, MIDNIGHT, **one)
    ingest_callback(sandbox, DAY + A_DAY, MIDNIGHT + A_DAY)
    ingest_callback(sandbox, DAY, MIDNIGHT + 20 * A_DAY, **one, status="Rejected")
    assert restated(sandbox) == [DAY]
    (day,) = [day for day in shown(sandbox).daily if day.day == DAY]
    assert day == DailyMetrics(DAY, Decimal(0), 0, 0, 0, MIDNIGHT + 20 * A_DAY)


def test_a_record_that_changes_no_counter_restates_nothing(sandbox: Sandbox) -> None:
    one = {"conversionId": str(UUID(int=1))}
    ingest_callback(sandbox, DAY, MIDNIGHT, **one)
    ingest_callback(sandbox, DAY, MIDNIGHT + 20 * A_DAY, status="Pending")
    ingest_callback(sandbox, DAY, MIDNIGHT + 20 * A_DAY, **one)
    assert restated(sandbox) == []


def test_of_two_calls_the_later_is_when_it_changed(sandbox: Sandbox) -> None:
    ingest_callback(sandbox, DAY, MIDNIGHT + 9 * A_DAY)
    ingest_callback(sandbox, DAY, MIDNIGHT + 8 * A_DAY)
    (day,) = [day for day in shown(sandbox).daily if day.day == DAY]
    assert day.changed_at == MIDNIGHT + 9 * A_DAY


def test_a_day_is_provisional_until_it_has_ended(sandbox: Sandbox) -> None:
    (day,) = [day for day in shown(sandbox).daily if day.day == DAY]
    assert day.provisional(MIDNIGHT - A_DAY)
    assert day.provisional(MIDNIGHT - timedelta(microseconds=1))
    assert not day.provisional(MIDNIGHT)


def test_records_sent_to_the_api_are_recorded_with_the_current_time(sandbox: Sandbox) -> None:
    before = datetime.now(UTC)
    sandbox.send("conversions", [conversion_callback(sandbox, OFFER)])
    (day,) = [day for day in shown(sandbox).daily if day.day == DAY]
    assert day.changed_at is not None
    assert before <= day.changed_at <= datetime.now(UTC)
