"""Limits apply across all processes with each store, and per process while the store is unavailable."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.support.database import execute, locked
from tests.support.limit_stores import Database, Redis, Store
from tests.support.sandbox import JSON, MAY, Sandbox, create_sandbox
from tests.support.servers import Server, running_server
from tests.support.wait import wait_for_value
from web.limits.limiter import SLOT_LEASE
from web.limits.redis import REDIS_TIMEOUT

WRONG = {"date_from": "2025-05-01"}  # 400: the limits have admitted the request
FAILURES = 3
SETTINGS = {
    "GOKART_FAILED_TOKEN_RATE": "0.01",
    "GOKART_FAILED_TOKEN_BURST": str(FAILURES),
    "GOKART_TRUSTED_PROXIES": "127.0.0.1/32",
    "GOKART_LOCK_TIMEOUT": "120",  # reports that wait for a lock stay in progress
}

pytestmark = pytest.mark.usefixtures("server")


class Machines(msgspec.Struct):
    """Two servers that share only the store."""

    store: Store
    servers: list[Server]
    clients: list[httpx.Client]


@pytest.fixture(scope="module", params=[Database, Redis])
def machines(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    store: Store = request.param(folder)
    settings = {**SETTINGS, "GOKART_LIMITS": store.setting}
    try:
        with (
            running_server(folder, workers=1, **settings) as one,
            running_server(folder, workers=1, **settings) as other,
            one.client() as first,
            other.client() as second,
        ):
            yield Machines(store, [one, other], [first, second])
    finally:
        store.close()


@pytest.fixture
def sandbox(http: httpx.Client) -> Sandbox:
    return create_sandbox(http)


@pytest.fixture
def there(machines: Machines, sandbox: Sandbox) -> list[Sandbox]:
    """The sandbox at each of the machines."""
    return [msgspec.structs.replace(sandbox, http=client) for client in machines.clients]


def limited(sandbox: Sandbox, **limits: float) -> str:
    """A token with these limits. Without `rate`, its bucket does not refill during a test."""
    token = sandbox.create_api_key("cost-report")
    values = ", ".join(f"{name} = {value}" for name, value in {"rate": 0.001, "burst": 1_000, **limits}.items())
    execute(f"UPDATE {{s}}.api_token SET {values} WHERE hint LIKE $1", f"%{token[-4:]}", schema=sandbox.tenant.schema)
    return token


def passes(sandbox: Sandbox, token: str) -> bool:
    status = sandbox.get(token=token, **WRONG).status_code
    assert status in {400, 429}
    return status == 400


def get_when_admitted(sandbox: Sandbox, token: str) -> httpx.Response:
    """Requests a report until it is admitted: borrowed slots may have to be returned first."""
    while (response := sandbox.get(token=token, **MAY)).status_code == 429:
        pass
    return response


def count_waiting(sandbox: Sandbox) -> int:
    """The number of the tenant's reports that wait for a lock."""
    sql = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '.offer%'"
    return len(execute(sql, sandbox.tenant.schema))


def count_outages(server: Server) -> int:
    """How often the store was unavailable for the server; it is available again now."""
    away = len(server.log_lines("limit store unavailable"))
    wait_for_value(lambda: len(server.log_lines("limit store available again")), away)
    return away


@pytest.mark.parametrize("burst", [5, 40])  # of 5 requests nothing is borrowed, of 40 some are
def test_both_processes_share_the_burst(there: list[Sandbox], burst: int) -> None:
    token = limited(there[0], burst=burst)
    with ThreadPoolExecutor(6) as threads:
        passed = threads.map(lambda n: passes(there[n % 2], token), range(burst + 30))
        assert sum(passed) == burst


def test_unused_borrowed_requests_are_returned_to_the_other_process(there: list[Sandbox]) -> None:
    token = limited(there[0], burst=60)
    assert all(passes(there[0], token) for _ in range(3))
    assert [passes(there[1], token) for _ in range(58)] == [True] * 57 + [False]


def test_both_processes_share_the_rate(there: list[Sandbox]) -> None:
    rate = 20
    token = limited(there[0], rate=rate, burst=1)
    started = time.monotonic()
    for passed in range(1, 11):
        wait_for_value(partial(passes, there[passed % 2], token), wanted=True)
        assert passed <= (time.monotonic() - started) * rate + 1


def test_every_response_states_the_remaining_requests_of_both_processes(there: list[Sandbox]) -> None:
    token = limited(there[0], burst=5)
    left = [there[n % 2].get(token=token, **WRONG).headers["ratelimit"] for n in range(4)]
    assert [each.partition(";t=")[0] for each in left] == [f'"token";r={n}' for n in (4, 3, 2, 1)]


def test_both_processes_share_the_concurrency_limit(there: list[Sandbox]) -> None:
    token = limited(there[0], concurrency=5)
    with ThreadPoolExecutor(5) as threads:
        with locked(f"{there[0].tenant.schema}.offer"):
            running = [threads.submit(get_when_admitted, there[n % 2], token) for n in range(5)]
            wait_for_value(partial(count_waiting, there[0]), 5)
            for each in there:
                wait_for_value(partial(passes, each, token), wanted=False)
                refused = each.get(token=token, **WRONG)
                assert refused.json()["detail"] == "5 requests with this API key are in progress."
                assert refused.headers["retry-after"] == "1"
        assert [each.result().status_code for each in running] == [200] * 5
    assert passes(there[0], token)


def test_a_concurrency_slot_moves_between_processes(there: list[Sandbox]) -> None:
    """A client that sends one request after the other is not refused because of its own previous request."""
    token = limited(there[0], concurrency=1)
    assert all(passes(there[n % 2], token) for n in range(20))


@pytest.mark.skipif(bool(os.environ.get("THROUGH")), reason="the role's lock_timeout applies, and ends the requests")
def test_a_killed_process_gives_its_places_back_and_a_long_request_keeps_its_own(
    machines: Machines, there: list[Sandbox], tmp_path: Path
) -> None:
    token = limited(there[0], concurrency=2)
    with (
        ThreadPoolExecutor(2) as threads,
        locked(f"{there[0].tenant.schema}.offer"),
        running_server(tmp_path, workers=1, **SETTINGS, GOKART_LIMITS=machines.store.setting) as doomed,
        doomed.client() as client,
    ):
        doomed_place = msgspec.structs.replace(there[0], http=client)
        lost = threads.submit(get_when_admitted, doomed_place, token)
        kept = threads.submit(get_when_admitted, there[0], token)
        wait_for_value(partial(passes, there[1], token), wanted=False)
        until = time.monotonic() + SLOT_LEASE * 1.2
        while time.monotonic() < until:
            assert not passes(there[1], token), "both are renewed"
        os.kill(doomed.process, signal.SIGKILL)
        wait_for_value(partial(passes, there[1], token), wanted=True)
        with pytest.raises(httpx.TransportError):
            lost.result()
        one_more = threads.submit(get_when_admitted, there[1], token)
        wait_for_value(partial(passes, there[1], token), wanted=False)
    assert [kept.result().status_code, one_more.result().status_code] == [200, 200]


def test_invalid_keys_are_counted_over_both(there: list[Sandbox]) -> None:
    address = {"X-Forwarded-For": f"192.0.2.{there[0].tenant.id.bytes[0]}"}
    results = [there[n % 2].request("GET", JSON, token="wrong", headers=address) for n in range(FAILURES + 2)]
    assert Counter(each.status_code for each in results) == {401: FAILURES, 429: 2}
    assert results[-1].headers["ratelimit-policy"] == f'"failures";q={FAILURES};w=300'


def test_each_process_counts_separately_while_the_store_is_unavailable(
    machines: Machines, there: list[Sandbox]
) -> None:
    token = limited(there[0], burst=4)
    assert passes(there[0], token)
    machines.store.stop()
    try:
        for each in there:
            assert each.report() == []
        assert [passes(there[0], token) for _ in range(4)] == [True] * 3 + [False], "it goes on from what it knew"
        other = limited(there[0], burst=4)
        for each in there:
            assert [passes(each, other) for _ in range(5)] == [True] * 4 + [False]
    finally:
        machines.store.start()
    assert [count_outages(server) for server in machines.servers] == [1, 1], "logged once"
    test_both_processes_share_the_burst(there, 5)


@pytest.mark.parametrize("machines", [Redis], indirect=True)  # with the database as the store, reports wait too
def test_an_unresponsive_store_does_not_block_requests(machines: Machines, there: list[Sandbox]) -> None:
    assert isinstance(machines.store, Redis)
    token = limited(there[0])
    machines.store.hang()
    try:
        assert all(passes(there[0], token) for _ in range(50))
    finally:
        machines.store.resume_process()
    for server in machines.servers:
        count_outages(server)
    lines = machines.servers[0].log_lines(there[0].tenant.slug)
    assert sum(line["ms"] >= REDIS_TIMEOUT * 1000 for line in lines) < 25, "some wait, until the store is given up"
    test_both_processes_share_the_burst(there, 5)


def test_a_server_that_is_stopped_gives_its_places_back_at_once(
    machines: Machines, there: list[Sandbox], tmp_path: Path
) -> None:
    token = limited(there[0], burst=50)
    with (
        running_server(tmp_path, workers=1, **SETTINGS, GOKART_LIMITS=machines.store.setting) as stopped,
        stopped.client() as client,
    ):
        assert passes(msgspec.structs.replace(there[0], http=client), token)
    assert [passes(there[0], token) for _ in range(50)] == [True] * 49 + [False]


def test_the_workers_of_a_server_share_limits_by_default(sandbox: Sandbox, tmp_path: Path) -> None:
    token = limited(sandbox, burst=10)

    def on_a_connection_of_its_own(_: int) -> bool:
        with server.client() as client:
            return passes(msgspec.structs.replace(sandbox, http=client), token)

    with running_server(tmp_path, workers=2) as server, ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(on_a_connection_of_its_own, range(40))) == 10
