"""Reports equal those of a naive model for random records, sent in any order by several concurrent senders."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import msgspec
from hypothesis import HealthCheck, given, settings

from tests.support.examples import EXAMPLES
from tests.support.histories import History, histories, send_history
from tests.support.oracle import Oracle, floor_day, plain
from tests.support.sandbox import CSV, JSON, SINGULAR, SINGULAR_CSV, Sandbox, create_sandbox

NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
exactly = msgspec.json.Decoder(float_hook=Decimal)


@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories())
def test_every_report_agrees_with_the_model_and_with_each_other(http: httpx.Client, history: History) -> None:
    sandbox = create_sandbox(http)
    oracle, offer_ids = send_history(sandbox, history)

    everything = (datetime(2023, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    for first, last in [everything, *history.ranges]:
        check_instants(sandbox, oracle, first, last)
        check_days(sandbox, oracle, first, last)
    check_offer(sandbox, oracle, offer_ids)


def check_instants(sandbox: Sandbox, oracle: Oracle, first: datetime, last: datetime) -> None:
    """A range of date-times includes the quarter hours that contain its ends; an end at midnight includes the whole
    day.
    """
    start = floor_quarter(first)
    midnight = last.time() == datetime.min.time()
    end = last + timedelta(days=1) if midnight else floor_quarter(last) + timedelta(minutes=15)
    params = {"date_from": first.isoformat(), "date_to": last.isoformat()}
    check_reports(sandbox, oracle, params, start, end)


def check_days(sandbox: Sandbox, oracle: Oracle, first: datetime, last: datetime) -> None:
    """Checks whole days, both inclusive. The sum of Singular's costs equals the cost report's revenue."""
    start, end = floor_day(first), floor_day(last) + timedelta(days=1)
    params = {"date_from": f"{first:%Y-%m-%d}", "date_to": f"{last:%Y-%m-%d}"}
    revenue, cost = check_reports(sandbox, oracle, params, start, end)
    assert revenue == cost


def check_reports(
    sandbox: Sandbox, oracle: Oracle, params: dict[str, str], start: datetime, end: datetime
) -> tuple[Decimal, Decimal]:
    rows = oracle.cost_report(start, end, None)
    response = sandbox.get(JSON, **params)
    assert response.headers["gokart-range"] == f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
    assert exactly.decode(response.content)["data"] == rows
    from_csv = list(csv.DictReader(io.StringIO(sandbox.get(CSV, **params).text, newline="")))
    assert from_csv == [{k: plain(v) for k, v in row.items()} for row in rows]
    assert all(NUMBER.fullmatch(row["revenue"]) for row in from_csv)

    items = oracle.singular(start, end)
    from_json = exactly.decode(sandbox.get(SINGULAR, **params).content)["data"]["items"]
    assert [(i["date"], i["campaign_id"], i["partner_id"], i["cost"], i["clicks"]) for i in from_json] == items
    from_csv = list(csv.DictReader(io.StringIO(sandbox.get(SINGULAR_CSV, **params).text, newline="")))
    assert from_csv == [{k: plain(v) for k, v in item.items()} for item in from_json]
    assert all(NUMBER.fullmatch(item["cost"]) for item in from_csv)
    return sum((row["revenue"] for row in rows), Decimal(0)), sum((item[3] for item in items), Decimal(0))


def check_offer(sandbox: Sandbox, oracle: Oracle, offer_ids: list[str]) -> None:
    for offer in offer_ids:
        rows = oracle.cost_report(datetime(2023, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), offer)
        response = sandbox.get(JSON, date_from="2023-01-01", date_to="2025-12-31", offerId=offer)
        assert exactly.decode(response.content)["data"] == rows


def floor_quarter(at: datetime) -> datetime:
    return at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)
