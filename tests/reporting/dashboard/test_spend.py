"""A dashboard's figures equal the API's exactly and are consistent with each other, for an advertiser and for all."""

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
from database.pool import DatabaseUnavailable, connection
from ingest.conversions import ingest_conversions
from reporting.context import read_context, read_tenant_context
from reporting.dashboard import spend
from reporting.dashboard.choices import BREAKDOWNS, BUCKETS, SORTS, read_choices
from reporting.dashboard.figures import SpendMetrics, metrics_of
from reporting.dashboard.spend import SpendScope, SpendSummary, read_spend
from reporting.query.scope import AllAdvertisers
from tenants.tenant import current_tenant
from tests.support.app_calls import run, run_in_tenant
from tests.support.database import execute, locked
from tests.support.examples import EXAMPLES
from tests.support.histories import History, histories, send_history
from tests.support.sandbox import Sandbox, conversion_callback, create_sandbox, event_record, offer_record

A_DAY = timedelta(days=1)
MAY = {"date_from": "2025-05-01", "date_to": "2025-05-31"}
QUERY = "/api/v1/reports/query"
METRICS = "cost,conversions,clicks,views,costPerConversion,conversionRate"
exactly = msgspec.json.Decoder(float_hook=Decimal)


async def look(advertiser: UUID | None, query: dict[str, str], **changes: Any) -> SpendSummary:
    """What the advertiser sees, or the staff if it is None. `changes` are those of the context."""
    tenant = current_tenant()
    async with connection() as db:
        context = await (
            read_context(db, tenant, advertiser)
            if advertiser
            else read_tenant_context(db, tenant, query.get("currency", "USD"))
        )
    context = msgspec.structs.replace(context, **changes)
    scope = SpendScope(tenant, advertiser or AllAdvertisers(), context)
    return await read_spend(scope, read_choices(query.items(), scope.today, staff=advertiser is None))


def shown(sandbox: Sandbox, **query: str) -> SpendSummary:
    return run_in_tenant(sandbox.tenant.slug, lambda: look(sandbox.owner, query or MAY))


def shown_to_staff(sandbox: Sandbox, **query: str) -> SpendSummary:
    return run_in_tenant(sandbox.tenant.slug, lambda: look(None, {**MAY, **query}))


def shown_at(sandbox: Sandbox, now: datetime, **query: str) -> SpendSummary:
    return run_in_tenant(sandbox.tenant.slug, lambda: look(sandbox.owner, query, now=now))


def api(sandbox: Sandbox, **query: str) -> dict[str, Any]:
    result: dict[str, Any] = exactly.decode(sandbox.get(QUERY, metrics=METRICS, **query).content)
    return result


def as_api(metrics: SpendMetrics) -> dict[str, Any]:
    return {
        "cost": metrics.cost,
        "conversions": metrics.conversions,
        "clicks": metrics.clicks,
        "views": metrics.views,
        "costPerConversion": metrics.cost_per_conversion,
        "conversionRate": metrics.conversion_rate,
    }


@limits(
    max_examples=EXAMPLES // 8,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories())
def test_it_equals_the_api_exactly(http: httpx.Client, history: History) -> None:
    sandbox = create_sandbox(http)
    send_history(sandbox, history)
    ranges = [("2023-12-30", "2025-12-28"), *((str(a.date()), str(b.date())) for a, b in history.ranges)]
    for first, last in ranges:
        days = {"date_from": first, "date_to": last}
        table = api(sandbox, group_by="offer,partner", **days)
        seen = shown(sandbox, by="offer_partner", sort="name", group="month", **days)
        assert [
            (str(row.values["offerId"]), str(row.values["partnerId"]), as_api(row.metrics)) for row in seen.rows
        ] == [
            (row["offerId"], row["partnerId"], {name: row[name] for name in METRICS.split(",")})
            for row in table["data"]
        ]
        assert as_api(seen.totals) == table["totals"]
        assert seen.row_count == table["meta"]["rows"]
        months = api(sandbox, group_by="month", **days)["data"]
        assert [
            (str(bucket.first.replace(day=1)), as_api(bucket.metrics))
            for bucket in seen.buckets
            if bucket.metrics != SpendMetrics()
        ] == [(row["month"], {name: row[name] for name in METRICS.split(",")}) for row in months]
        length = (date.fromisoformat(last) - date.fromisoformat(first)).days + 1
        before = {
            "date_from": str(date.fromisoformat(first) - length * A_DAY),
            "date_to": str(date.fromisoformat(first) - A_DAY),
        }
        assert seen.compared is not None
        assert as_api(seen.compared) == api(sandbox, **before)["totals"]
        assert shown_to_staff(sandbox, advertiser_id=str(sandbox.owner), group="month", **days).totals == seen.totals


@pytest.mark.parametrize("by", BREAKDOWNS)
@pytest.mark.parametrize("group", BUCKETS)
def test_chart_and_table_equal_a_query_for_each(module_sandbox: Sandbox, by: str, group: str) -> None:
    fill_many(module_sandbox)

    async def work() -> None:
        for sort in SORTS:
            for sign in "", "-":
                query = {**MAY, "by": by, "group": group, "sort": sign + sort}
                seen = await look(None, query)
                assert seen.row_count == len(seen.rows) > 2
                buckets, table = await look_separately(query)
                assert {
                    bucket.first: as_api(bucket.metrics) for bucket in seen.buckets if bucket.metrics != SpendMetrics()
                } == {max(row[group], date(2025, 5, 1)): as_api(metrics_of(row)) for row in buckets}
                assert [as_api(row.metrics) for row in seen.rows] == [as_api(metrics_of(row)) for row in table]
                names = table[0].keys() - {"id"}
                assert [[row.values[name] for name in names] for row in seen.rows] == [
                    [row[name] for name in names] for row in table
                ]

    run_in_tenant(module_sandbox.tenant.slug, work)


async def look_separately(query: dict[str, str]) -> list[list[dict[str, Any]]]:
    """The rows of the staff's chart and those of the table."""
    tenant = current_tenant()
    async with connection() as db:
        scope = SpendScope(tenant, AllAdvertisers(), await read_tenant_context(db, tenant, "USD"))
        choices = read_choices(query.items(), scope.today, staff=True)
        range_ = choices.period.range(scope.zone)
        requests = [
            scope.request(choices, range_, (choices.bucket,)),
            scope.request(choices, range_, choices.groups, order=choices.order),
        ]
        queries = [request.query("columns", list(request.buckets())) for request in requests]
        return [[dict(row) for row in await db.fetch(each.sql, *each.args)] for each in queries]


def fill_many(sandbox: Sandbox) -> None:
    """Offers of three advertisers at three partners, some with equal names, figures or nothing to divide by."""
    execute(
        "INSERT INTO {s}.advertiser (id, name) VALUES ($1, 'Owner') ON CONFLICT DO NOTHING",
        UUID(int=7),
        schema=sandbox.tenant.schema,
    )
    partners = [{"id": str(UUID(int=n + 1)), "name": name} for n, name in enumerate(["A", "a", "A"])]
    sandbox.send("partners", partners)
    events: list[dict[str, Any]] = []
    conversions: list[dict[str, Any]] = []
    for number, advertiser in enumerate([sandbox.owner, sandbox.rival, UUID(int=7)]):
        for os, campaign in (None, None), ("IOS", "Ä"), ("WEB", "z"):
            offer = offer_record(
                sandbox, advertiser, id=str(UUID(int=number * 10 + len(events) + 99)), os=os, campaignName=campaign
            )
            sandbox.send("offers", [offer])
            partner = partners[len(events) % 3]["id"]
            day = f"2025-05-{len(events) * 3 + 1:02}T12:00:00Z"
            id_ = str(UUID(int=len(events) + 1))
            events.append(event_record(offer["id"], id=id_, partnerId=partner, occurredAt=day))
            if os:
                conversions.append(
                    conversion_callback(
                        sandbox,
                        offer["id"],
                        conversionId=str(UUID(int=len(conversions) + 1)),
                        partnerId=partner,
                        offerAdvertiserId=str(advertiser),
                        revenue="1.25" if os == "IOS" else "0",
                    )
                )
    sandbox.send("events", events)
    sandbox.send("conversions", conversions)


def test_the_table_is_cut_and_the_totals_are_not(sandbox: Sandbox) -> None:
    execute(
        """
        INSERT INTO {s}.offer (id, advertiser, name)
        SELECT gen_random_uuid(), $1::uuid, to_char(n, 'FM0000') FROM generate_series(1, $2::int) n
        """,
        sandbox.owner,
        spend.MAX_ROWS + 3,
        schema=sandbox.tenant.schema,
    )
    offers = execute("SELECT id, name FROM {s}.offer ORDER BY name", schema=sandbox.tenant.schema)
    sandbox.send("events", [event_record(str(offer["id"])) for offer in offers])
    seen = shown(sandbox, sort="name", **MAY)
    assert [row.values["offerName"] for row in seen.rows] == [offer["name"] for offer in offers[: spend.MAX_ROWS]]
    assert seen.row_count == seen.totals.clicks == spend.MAX_ROWS + 3


def test_the_comparison_has_as_many_days_before(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    times = ["2025-04-30T23:59:59Z", "2025-05-01T00:00:00Z", "2025-03-30T23:59:59Z"]  # the last: 32 days before
    sandbox.send("events", [event_record(offer["id"], occurredAt=time) for time in times])
    seen = shown(sandbox)
    assert (seen.totals.clicks, seen.compared) == (1, SpendMetrics(clicks=1))
    assert [bucket.previous.clicks for bucket in seen.buckets if bucket.previous][-1] == 1


@pytest.mark.parametrize(("compare", "clicks"), [("previous", 1), ("month", 1), ("year", 1), ("custom", 1)])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_an_unfinished_day_is_compared_with_the_same_hours(
    sandbox: Sandbox, compare: str, clicks: int, zone: str
) -> None:
    sandbox.set_advertiser(sandbox.owner, time_zone=zone)
    offset = "Z" if zone == "UTC" else "-04:00"
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    days = ["2025-05-19", "2025-05-18", "2025-04-19", "2024-05-19", "2025-05-02"]
    times = [f"{day}T{time}:00{offset}" for day in days for time in ("09:10", "13:20", "13:45", "23:50")]
    sandbox.send("events", [event_record(offer["id"], occurredAt=time) for time in times])
    now = datetime.fromisoformat(f"2025-05-19T13:20:00{offset.replace('Z', '+00:00')}").astimezone(UTC)
    custom = {"compare_from": "2025-05-02", "compare_to": "2025-05-02"} if compare == "custom" else {}
    day = {"date_from": "2025-05-19", "date_to": "2025-05-19"}
    seen = shown_at(sandbox, now, compare=compare, **day, **custom)
    assert seen.compared == SpendMetrics(clicks=clicks)
    later = shown_at(sandbox, now + timedelta(minutes=25), compare=compare, **day, **custom)
    assert later.compared == SpendMetrics(clicks=2)
    over = shown_at(sandbox, now + A_DAY, compare=compare, **day, **custom)
    assert over.compared == SpendMetrics(clicks=4)
    assert over.totals == SpendMetrics(clicks=4)


def test_a_day_that_has_just_begun_is_compared_with_nothing_yet(sandbox: Sandbox) -> None:
    """In its first quarter of an hour; days to come are compared with none."""
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"], occurredAt=f"2025-05-{day}T00:05:00Z") for day in (15, 16, 18)])
    days = {"date_from": "2025-05-17", "date_to": "2025-05-19"}
    seen = shown_at(sandbox, datetime(2025, 5, 18, 0, 5, tzinfo=UTC), **days)
    assert [bucket.previous for bucket in seen.buckets] == [SpendMetrics(), SpendMetrics(), None]
    shorter = {"compare": "custom", "compare_from": "2025-05-15", "compare_to": "2025-05-15"}
    seen = shown_at(sandbox, datetime(2025, 5, 18, 0, 5, tzinfo=UTC), **days, **shorter)
    assert [bucket.previous for bucket in seen.buckets] == [SpendMetrics(clicks=1), None, None]


def test_an_unfinished_day_is_not_compared_with_hours_that_are_not_kept(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    times = [f"2025-05-{day}T09:00:00Z" for day in (17, 18, 19)]
    sandbox.send("events", [event_record(offer["id"], occurredAt=time) for time in times])
    now, kept = datetime(2025, 5, 19, 13, 20, tzinfo=UTC), datetime(2025, 5, 19, tzinfo=UTC)
    today = {"date_from": "2025-05-19", "date_to": "2025-05-19"}

    def seen(query: dict[str, str]) -> SpendSummary:
        return run_in_tenant(sandbox.tenant.slug, lambda: look(sandbox.owner, query, now=now, hours_since=kept))

    assert seen(today).totals == SpendMetrics(clicks=1)
    assert (seen(today).compared, seen(today).not_compared) == (None, "the hours of those days are no longer kept")
    yesterday = {"date_from": "2025-05-18", "date_to": "2025-05-18"}
    assert seen(yesterday).compared == SpendMetrics(clicks=1)


def test_nothing_at_all_is_shown_as_zeros(sandbox: Sandbox) -> None:
    seen = shown(sandbox)
    assert seen.totals == seen.compared == SpendMetrics()
    assert (seen.rows, seen.row_count, seen.restated) == ([], 0, 0)
    assert [bucket.first for bucket in seen.buckets] == [date(2025, 5, n + 1) for n in range(31)]


def test_an_advertiser_sees_its_own_and_staff_see_all(sandbox: Sandbox) -> None:
    mine, theirs = offer_record(sandbox), offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [mine, theirs])
    sandbox.send("events", [event_record(theirs["id"]), event_record(mine["id"]), event_record(mine["id"])])
    assert shown(sandbox).totals.clicks == 2
    assert shown(sandbox, offer_id=theirs["id"], **MAY).totals.clicks == 0
    staff = shown_to_staff(sandbox)
    assert [(row.values["advertiserId"], row.metrics.clicks) for row in staff.rows] == [
        (sandbox.owner, 2),
        (sandbox.rival, 1),
    ]
    assert staff.totals.clicks == 3
    assert shown_to_staff(sandbox, advertiser_id=str(sandbox.rival)).totals.clicks == 1


def test_different_currencies_are_never_added(sandbox: Sandbox) -> None:
    sandbox.set_advertiser(sandbox.rival, currency="EUR")
    mine, theirs = offer_record(sandbox), offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [mine, theirs])
    sandbox.send("conversions", [conversion_callback(sandbox, mine["id"], revenue="1.50")])
    sandbox.send(
        "conversions",
        [conversion_callback(sandbox, theirs["id"], revenue="7", offerAdvertiserId=str(sandbox.rival))],
    )
    assert shown_to_staff(sandbox).totals == SpendMetrics(Decimal("1.5"), 1)
    assert shown_to_staff(sandbox, currency="EUR").totals == SpendMetrics(Decimal(7), 1)


def test_it_is_one_snapshot_while_data_is_ingested(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])

    def send() -> None:
        for _ in range(40):
            sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], revenue="0.000001")])

    async def repeat() -> list[SpendSummary]:
        return [await look(sandbox.owner, MAY) for _ in range(40)]

    with ThreadPoolExecutor(1) as pool:
        sender = pool.submit(send)
        seen = run_in_tenant(sandbox.tenant.slug, repeat)
        sender.result()
    for each in seen:
        assert each.totals.cost == sum((row.metrics.cost for row in each.rows), Decimal(0))
    assert shown(sandbox).totals.conversions == 40


def test_waiting_pages_do_not_block_other_advertisers(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    """Whatever the number of concurrent requests."""

    async def stuck() -> None:
        with suppress(DatabaseUnavailable):
            await look(sandbox.owner, MAY)

    async def work() -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(stuck)
            with anyio.fail_after(4):
                seen = await anyio.to_thread.run_sync(lambda: other_sandbox.get(QUERY, **MAY).status_code)
            tasks.cancel_scope.cancel()
        assert seen == 200

    with locked(f"{sandbox.tenant.schema}.by_day"):
        run_in_tenant(sandbox.tenant.slug, work)


def test_one_that_takes_too_long_is_given_up(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = settings.settings.model_copy(update={"report_timeout": 0.2})
    monkeypatch.setattr(spend, "settings", impatient)
    with locked(f"{sandbox.tenant.schema}.by_day"), pytest.raises(DatabaseUnavailable):
        shown(sandbox)


# --- restated days ---


def ingest_callback(sandbox: Sandbox, day: date, at: datetime, **conversion: Any) -> None:
    """Ingests a callback for a conversion on `day` at the given time."""
    (key,) = execute("SELECT id FROM {s}.api_token WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
    ingest_record(sandbox, day, at, key["id"], conversion)


def import_callback(sandbox: Sandbox, day: date, at: datetime, **conversion: Any) -> None:
    """The same, imported from a file."""
    ingest_record(sandbox, day, at, None, conversion)


def ingest_record(sandbox: Sandbox, day: date, at: datetime, api_key: int | None, conversion: dict[str, Any]) -> None:
    sent_at = at.isoformat()
    noon = f"{day}T12:00:00Z"
    record = conversion_callback(sandbox, OFFER, sent_at=sent_at, userCompletedAt=noon, **conversion)
    run(lambda: ingest_conversions(sandbox.tenant, [msgspec.json.encode(record)], at, api_key))


OFFER = "7df30136-ff83-4551-b877-fa0f0d8b8f72"
DAY = date(2025, 5, 19)
MIDNIGHT = datetime(2025, 5, 20, tzinfo=UTC)  # when the day has ended


def restated(sandbox: Sandbox) -> list[date]:
    seen = shown(sandbox)
    days = [day.first for day in seen.buckets if day.restated]
    assert len(days) == seen.restated
    return days


def test_a_day_is_restated_by_data_received_a_day_after_its_end(sandbox: Sandbox) -> None:
    ingest_callback(sandbox, DAY, MIDNIGHT + A_DAY - timedelta(microseconds=1), conversionId=str(UUID(int=1)))
    assert restated(sandbox) == []
    ingest_callback(sandbox, DAY, MIDNIGHT + A_DAY, conversionId=str(UUID(int=2)))
    assert restated(sandbox) == [DAY]


def test_an_import_of_history_restates_no_day(sandbox: Sandbox) -> None:
    one = {"conversionId": str(UUID(int=1))}
    import_callback(sandbox, DAY, MIDNIGHT + 20 * A_DAY, **one)
    assert restated(sandbox) == []
    ingest_callback(sandbox, DAY, MIDNIGHT + 21 * A_DAY, **one, status="Rejected")
    import_callback(sandbox, DAY + A_DAY, MIDNIGHT + 22 * A_DAY)
    assert restated(sandbox) == [DAY]


def test_a_rejection_weeks_later_restates_its_day_and_no_other(sandbox: Sandbox) -> None:
    one = {"conversionId": str(UUID(int=1))}
    ingest_callback(sandbox, DAY, MIDNIGHT, **one)
    ingest_callback(sandbox, DAY + A_DAY, MIDNIGHT + A_DAY)
    ingest_callback(sandbox, DAY, MIDNIGHT + 20 * A_DAY, **one, status="Rejected")
    assert restated(sandbox) == [DAY]
    (day,) = [day for day in shown(sandbox).buckets if day.first == DAY]
    assert (day.metrics, day.changed_at) == (SpendMetrics(), MIDNIGHT + 20 * A_DAY)


def test_a_record_that_changes_no_counter_restates_nothing(sandbox: Sandbox) -> None:
    one = {"conversionId": str(UUID(int=1))}
    ingest_callback(sandbox, DAY, MIDNIGHT, **one)
    ingest_callback(sandbox, DAY, MIDNIGHT + 20 * A_DAY, status="Pending")
    ingest_callback(sandbox, DAY, MIDNIGHT + 20 * A_DAY, **one)
    assert restated(sandbox) == []


def test_of_two_calls_the_later_is_when_it_changed(sandbox: Sandbox) -> None:
    ingest_callback(sandbox, DAY, MIDNIGHT + 9 * A_DAY)
    ingest_callback(sandbox, DAY, MIDNIGHT + 8 * A_DAY)
    (day,) = [day for day in shown(sandbox).buckets if day.first == DAY]
    assert day.changed_at == MIDNIGHT + 9 * A_DAY


def test_a_day_is_open_until_it_has_ended(sandbox: Sandbox) -> None:
    def state(now: datetime) -> str:
        return next(day.state for day in shown_at(sandbox, now, **MAY).buckets if day.first == DAY)

    assert state(MIDNIGHT - A_DAY) == "open"
    assert state(MIDNIGHT - timedelta(microseconds=1)) == "open"
    assert state(MIDNIGHT) == "provisional"


def test_records_sent_to_the_api_are_recorded_with_the_current_time(sandbox: Sandbox) -> None:
    before = datetime.now(UTC)
    sandbox.send("conversions", [conversion_callback(sandbox, OFFER)])
    (day,) = [day for day in shown(sandbox).buckets if day.first == DAY]
    assert day.changed_at is not None
    assert before <= day.changed_at <= datetime.now(UTC)
