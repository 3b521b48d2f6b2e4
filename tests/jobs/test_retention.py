"""Old quarter-hour buckets are deleted: reports of whole days do not change, other ranges are widened with a notice."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from jobs.retention import READERS_FINISHED_AFTER, delete_old_quarters
from settings import settings
from tests.support.app_calls import run
from tests.support.database import execute
from tests.support.oracle import Oracle
from tests.support.sandbox import (
    CSV,
    JSON,
    SINGULAR,
    SINGULAR_CSV,
    Sandbox,
    conversion_callback,
    event_record,
    offer_record,
)
from tests.support.wait import wait_until

START = datetime(2025, 5, 1, tzinfo=UTC)
DAYS = 40
KEPT_FROM = datetime(2025, 5, 27, tzinfo=UTC)
assert settings.quarter_retention_days is not None
NOW = KEPT_FROM + timedelta(days=settings.quarter_retention_days, hours=7)
LATER = NOW + READERS_FINISHED_AFTER

exactly = msgspec.json.Decoder(float_hook=Decimal)


def test_reports_of_whole_days_do_not_change(sandbox: Sandbox) -> None:
    fill(sandbox)
    ranges = [("2025-05-03", "2025-05-03"), ("2025-05-20", "2025-06-02"), ("2025-05-01", "2025-06-30")]
    before = [all_reports(sandbox, *days) for days in ranges]
    apply_retention(sandbox)
    assert [all_reports(sandbox, *days) for days in ranges] == before
    assert quarters(sandbox) == (0, True)


@pytest.mark.parametrize(
    ("requested", "effective"),
    [
        (("2025-05-10T10:20:00Z", "2025-05-12T05:00:00Z"), "2025-05-10T00:00:00Z/2025-05-13T00:00:00Z"),
        (("2025-05-10T10:20:00Z", "2025-05-10T11:00:00Z"), "2025-05-10T00:00:00Z/2025-05-11T00:00:00Z"),
        (("2025-05-10T10:20:00Z", "2025-05-30T05:00:00Z"), "2025-05-10T00:00:00Z/2025-05-30T05:15:00Z"),
        (("2025-05-26T23:50:00Z", "2025-05-30"), "2025-05-26T00:00:00Z/2025-05-31T00:00:00Z"),
        (("2025-05-20", "2025-05-26T00:10:00Z"), "2025-05-20T00:00:00Z/2025-05-27T00:00:00Z"),
    ],
)
@pytest.mark.parametrize("path", [JSON, CSV, SINGULAR, SINGULAR_CSV])
def test_an_end_within_a_day_without_quarters_is_widened_with_a_notice(
    without_quarters: tuple[Sandbox, Oracle], path: str, requested: tuple[str, str], effective: str
) -> None:
    sandbox, oracle = without_quarters
    response = sandbox.get(path, date_from=requested[0], date_to=requested[1])
    assert response.headers["gokart-range"] == effective
    assert response.headers["gokart-notice"].startswith("Figures before 2025-05-27 are kept by day")
    if path == JSON:
        assert exactly.decode(response.content)["data"] == of_range(oracle, effective)
    again = sandbox.request(
        "GET",
        path,
        token=sandbox.owner_key,
        params={"date_from": requested[0], "date_to": requested[1]},
        headers={"If-None-Match": response.headers["etag"]},
    )
    assert (again.status_code, again.headers["gokart-notice"]) == (304, response.headers["gokart-notice"])


@pytest.mark.parametrize(
    ("date_from", "date_to", "effective"),
    [
        ("2025-05-27T00:20:00Z", "2025-05-30T05:00:00Z", "2025-05-27T00:15:00Z/2025-05-30T05:15:00Z"),
        ("2025-05-10", "2025-05-27T00:01:00Z", "2025-05-10T00:00:00Z/2025-05-27T00:15:00Z"),
        ("2025-05-10T00:00:00Z", "2025-05-26T23:59:59Z", "2025-05-10T00:00:00Z/2025-05-27T00:00:00Z"),
    ],
)
def test_a_range_with_quarters_is_exact_without_a_notice(
    without_quarters: tuple[Sandbox, Oracle], date_from: str, date_to: str, effective: str
) -> None:
    sandbox, oracle = without_quarters
    response = sandbox.get(JSON, date_from=date_from, date_to=date_to)
    assert response.headers["gokart-range"] == effective
    assert "gokart-notice" not in response.headers
    assert exactly.decode(response.content)["data"] == of_range(oracle, effective)


def test_a_late_change_counts_on_its_day(sandbox: Sandbox) -> None:
    oracle = fill(sandbox)
    apply_retention(sandbox)
    (late,) = [c for c in oracle.callbacks.values() if "2025-05-03" in c["conversion"]["userCompletedAt"]][:1]
    late = late | {"id": str(uuid4()), "sentAt": "2026-01-01T00:00:00Z"}
    late["conversion"] = late["conversion"] | {"status": "Rejected"}
    oracle.send(late)
    assert sandbox.send("conversions", [late])["accepted"] == 1
    check(sandbox, oracle, "2025-05-03T10:00:00Z", "2025-05-03T11:00:00Z")
    check(sandbox, oracle, "2025-05-01", "2025-06-30")
    assert quarters(sandbox) == (1, True)
    run(lambda: delete_old_quarters(sandbox.tenant, LATER))
    assert quarters(sandbox) == (0, True)
    check(sandbox, oracle, "2025-05-03", "2025-05-03")


def test_nothing_is_deleted_while_readers_may_need_it(sandbox: Sandbox) -> None:
    fill(sandbox)
    run(lambda: delete_old_quarters(sandbox.tenant, NOW))
    (count, _) = quarters(sandbox)
    run(lambda: delete_old_quarters(sandbox.tenant, LATER - timedelta(seconds=1)))
    assert quarters(sandbox) == (count, True)


def test_a_tenant_without_old_quarters_keeps_exact_ranges(sandbox: Sandbox) -> None:
    fill(sandbox)
    run(lambda: delete_old_quarters(sandbox.tenant, START + timedelta(days=settings.quarter_retention_days or 0)))
    assert execute("SELECT thinned_before FROM tenant WHERE id = $1", sandbox.tenant.id) == [{"thinned_before": None}]


def test_concurrent_readers_get_correct_figures(sandbox: Sandbox) -> None:
    oracle = fill(sandbox)
    ranges = [("2025-05-02T10:20:00Z", "2025-05-29T05:00:00Z"), ("2025-05-26T23:50:00Z", "2025-05-27T00:01:00Z")]
    with reading(sandbox, oracle, ranges) as finish:
        run(lambda: delete_old_quarters(sandbox.tenant, NOW))
        wait_until(lambda: is_announced(sandbox))
        finish()  # requests that began before
    with reading(sandbox, oracle, ranges):
        run(lambda: delete_old_quarters(sandbox.tenant, LATER))
    assert quarters(sandbox) == (0, True)


@pytest.fixture(scope="module")
def without_quarters(module_sandbox: Sandbox) -> tuple[Sandbox, Oracle]:
    """A tenant without old quarters, for tests that change nothing."""
    oracle = fill(module_sandbox)
    apply_retention(module_sandbox)
    return module_sandbox, oracle


def fill(sandbox: Sandbox) -> Oracle:
    """Several views, clicks and conversions on each day, at all times of the day."""
    offers = [offer_record(sandbox, name=name) for name in ("One", "Two")]
    sandbox.send("offers", offers)
    oracle = Oracle(
        {offer["id"]: offer["name"] for offer in offers},
        {str(sandbox.tenant.id): sandbox.tenant.name},
        str(sandbox.tenant.id),
    )
    events, callbacks = [], []
    for n in range(DAYS * 12):
        at = START + timedelta(hours=2, minutes=7) * n
        offer = offers[n % 2]["id"]
        events.append(event_record(offer, "click" if n % 3 else "view", occurredAt=f"{at:%Y-%m-%dT%H:%M:%S.000000Z}"))
        if n % 4 == 0:
            completed = f"{at + timedelta(minutes=11):%Y-%m-%dT%H:%M:%S.000000Z}"
            callbacks.append(conversion_callback(sandbox, offer, userCompletedAt=completed, revenue=f"{n}.25"))
    for event in events:
        oracle.happen(event)
    for callback in callbacks:
        oracle.send(callback)
    sandbox.send("events", events)
    sandbox.send("conversions", callbacks)
    return oracle


def apply_retention(sandbox: Sandbox) -> None:
    """Runs the job twice; the server knows about the retention in between."""
    run(lambda: delete_old_quarters(sandbox.tenant, NOW))
    wait_until(lambda: is_announced(sandbox))
    run(lambda: delete_old_quarters(sandbox.tenant, LATER))


def is_announced(sandbox: Sandbox) -> bool:
    return "gokart-notice" in sandbox.get(JSON, date_from="2025-05-01T01:00:00Z", date_to="2025-05-02").headers


def quarters(sandbox: Sandbox) -> tuple[int, bool]:
    """The number of quarters before KEPT_FROM, and whether there are later ones."""
    count = "SELECT count(*) FILTER (WHERE bucket < $1) AS old, count(*) AS all FROM {s}.by_quarter WHERE bucket < $2"
    (row,) = execute(count, KEPT_FROM, KEPT_FROM + timedelta(days=30), schema=sandbox.tenant.schema)
    return row["old"], row["all"] > row["old"]


def all_reports(sandbox: Sandbox, date_from: str, date_to: str) -> list[Any]:
    """Every report, without the time at which it was made."""
    responses = [
        sandbox.get(path, date_from=date_from, date_to=date_to) for path in (JSON, CSV, SINGULAR, SINGULAR_CSV)
    ]
    assert all("gokart-notice" not in response.headers for response in responses)
    texts = [response.text for response in responses]
    items = responses[2].json()["data"]["items"]
    return [texts[0], texts[1], items, texts[3], [response.headers["etag"] for response in responses]]


def check(sandbox: Sandbox, oracle: Oracle, date_from: str, date_to: str) -> None:
    """Checks that the figures are those of the range in GoKart-Range."""
    response = sandbox.get(JSON, date_from=date_from, date_to=date_to)
    assert exactly.decode(response.content)["data"] == of_range(oracle, response.headers["gokart-range"])


def of_range(oracle: Oracle, range_: str) -> list[dict[str, Any]]:
    start, end = map(datetime.fromisoformat, range_.split("/"))
    return oracle.cost_report(start, end, None)


@contextmanager
def reading(sandbox: Sandbox, oracle: Oracle, ranges: list[tuple[str, str]]) -> Iterator[Any]:
    """Two threads that read and check reports repeatedly. The yielded function stops them after one more read."""
    done = threading.Event()

    def read() -> int:
        count = 0
        with httpx.Client(base_url=sandbox.http.base_url, timeout=120) as http:
            mine = msgspec.structs.replace(sandbox, http=http)
            while not done.is_set() or not count:
                for range_ in ranges:
                    check(mine, oracle, *range_)
                count += 1
        return count

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]

        def finish() -> None:
            done.set()
            for reader in readers:
                assert reader.result() > 0

        try:
            yield finish
        finally:
            finish()
