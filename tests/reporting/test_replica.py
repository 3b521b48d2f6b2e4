"""Reports are read from the replica, unless it lags or is unavailable."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from settings import settings
from tests.support.follower import Follower
from tests.support.replica import Replica
from tests.support.sandbox import CSV, JSON, SINGULAR, SINGULAR_CSV, Sandbox, event_record, offer_record
from tests.support.servers import Server, running_server
from tests.support.wait import wait_for_value

A_MONTH = {"date_from": "2025-05-01", "date_to": "2025-05-31"}
QUERY = "/api/v1/reports/query"
CLICKS: dict[str, Callable[[httpx.Response], int]] = {
    QUERY: lambda response: int(response.json()["totals"]["clicks"]),
    JSON: lambda response: sum(row["totalClicks"] for row in response.json()["data"]),
    CSV: lambda response: sum(int(line.split(",")[3]) for line in response.text.splitlines()[1:]),
    SINGULAR: lambda response: sum(item["clicks"] for item in response.json()["data"]["items"]),
    SINGULAR_CSV: lambda response: sum(int(line.rsplit(",", 1)[1]) for line in response.text.splitlines()[1:]),
}


@pytest.fixture(scope="module")
def running(
    http: httpx.Client,  # noqa: ARG001  # whose server has made the platform's tables
    replica: Replica,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    """A server with the replica and without a report cache."""
    folder: Path = tmp_path_factory.mktemp("running")
    with running_server(
        folder, GOKART_REPLICA_URL=replica.url, GOKART_ANSWERS_REMEMBERED="0", GOKART_LOG_LEVEL="debug"
    ) as server:
        assert wait_for_value(lambda: bool(server.log_lines("replica available")), wanted=True)
        yield server


@pytest.fixture
def offer(sandbox: Sandbox) -> str:
    record = offer_record(sandbox)
    sandbox.send("offers", [record])
    sandbox.send("events", [event_record(record["id"])])
    return str(record["id"])


@pytest.fixture
def there(sandbox: Sandbox, running: Server) -> Iterator[Sandbox]:
    with running.client() as client:
        yield msgspec.structs.replace(sandbox, http=client)


def clicks(sandbox: Sandbox, path: str) -> int:
    response = sandbox.get(path, **A_MONTH)
    assert response.status_code == 200, response.text
    return CLICKS[path](response)


def times_read(running: Server, sandbox: Sandbox) -> int:
    """How many reports of this tenant were read from the replica."""
    lines = running.log_lines("read from the replica")
    return sum(line["tenant"] == sandbox.tenant.slug for line in lines)


@pytest.mark.parametrize("path", CLICKS)
@pytest.mark.usefixtures("offer")
def test_a_report_is_read_from_it(there: Sandbox, running: Server, replica: Replica, path: str) -> None:
    replica.catch_up()
    assert clicks(there, path) == 1
    assert times_read(running, there) == 1


@pytest.mark.parametrize("path", CLICKS)
def test_one_that_lags_is_not_believed(
    there: Sandbox, running: Server, replica: Replica, offer: str, path: str
) -> None:
    replica.catch_up()
    replica.pause()
    try:
        there.send("events", [event_record(offer)])
        assert clicks(there, path) == 2
        there.send("partners", [{"id": str(there.tenant.id), "name": "Renamed"}])
        if path in {JSON, CSV}:
            assert "Renamed" in there.get(path, **A_MONTH).text
        assert times_read(running, there) == 0
    finally:
        replica.resume()
    replica.catch_up()
    assert clicks(there, path) == 2
    assert times_read(running, there) == 1


@pytest.mark.usefixtures("offer")
def test_one_that_lags_behind_others_only_is_believed(
    there: Sandbox, other_sandbox: Sandbox, running: Server, replica: Replica
) -> None:
    replica.catch_up()
    replica.pause()
    try:
        record = offer_record(other_sandbox)
        other_sandbox.send("offers", [record])
        other_sandbox.send("events", [event_record(record["id"])])
        assert clicks(there, JSON) == 1
        assert times_read(running, there) == 1
    finally:
        replica.resume()


@pytest.mark.parametrize("path", CLICKS)
def test_the_primary_is_read_if_the_replica_is_down(there: Sandbox, replica: Replica, offer: str, path: str) -> None:
    replica.stop()
    try:
        for count in range(2, 5):
            there.send("events", [event_record(offer)])
            assert clicks(there, path) == count
    finally:
        replica.start()


@pytest.mark.usefixtures("offer")
def test_a_frozen_replica_does_not_block_requests(there: Sandbox, replica: Replica) -> None:
    replica.hang()
    try:
        for path in CLICKS:
            response = there.get(path, **A_MONTH)
            assert response.status_code == 200
            assert response.elapsed.total_seconds() < settings.report_timeout / 2
    finally:
        replica.resume_process()


def test_changes_are_read_from_the_primary(there: Sandbox, replica: Replica, offer: str) -> None:
    """A client that follows them wants the latest."""
    follower = Follower(there, there.owner_key)
    replica.catch_up()
    replica.pause()
    try:
        there.send("events", [event_record(offer)])
        assert wait_for_value(lambda: (follower.catch_up(), sum(row["clicks"] for row in follower.rows.values()))[1], 2)
    finally:
        replica.resume()
