"""What one tenant's locks, slow statements and clients do to it, and do not do to other tenants."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.database import execute, locked
from tests.support.sandbox import JSON, MAY, Sandbox, create_sandbox
from tests.support.servers import Server, running_server
from tests.support.wait import wait_until

LONG = "120"  # seconds, as long as a test may take
COOKIE = {"Cookie": "gokart_advertiser=anything"}

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with four database connections, whose statements wait long for locks."""
    with running_server(
        tmp_path_factory.mktemp("patient"),
        GOKART_DATABASE_POOL="4",
        GOKART_LOCK_TIMEOUT=LONG,
        GOKART_REPORT_TIMEOUT=LONG,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose statements wait only briefly for locks."""
    with running_server(tmp_path_factory.mktemp("quick"), GOKART_LOCK_TIMEOUT="0.2") as running:
        yield running


def waiting(sandbox: Sandbox) -> int:
    """How many statements wait for a lock on the tenant's tables."""
    sql = """
    SELECT FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND datname = current_database() AND strpos(query, $1) > 0
    """
    return len(execute(sql, sandbox.tenant.schema))


@contextmanager
def page_views(server: Server, sandbox: Sandbox, count: int) -> Iterator[list[Future[httpx.Response]]]:
    """Page views by strangers with a cookie, which end with the block."""
    host = {"Host": f"app.{sandbox.tenant.slug}.localhost"}
    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(count))
        clients = [stack.enter_context(server.client()) for _ in range(count)]
        yield [threads.submit(client.get, "/", headers=host | COOKIE) for client in clients]


def get_report(server: Server, sandbox: Sandbox) -> int:
    headers = {"Host": sandbox.host, "Authorization": f"ApiToken {sandbox.owner_key}"}
    with server.client() as client:
        return client.get(JSON, params=MAY, headers=headers).status_code


def test_a_locked_table_of_one_tenant_leaves_the_others_alone(
    patient: Server, sandbox: Sandbox, other_sandbox: Sandbox
) -> None:
    with ExitStack() as stack:
        stack.enter_context(page_views_of_locked(patient, sandbox, 10))
        wait_until(lambda: waiting(sandbox) == 2)  # the pages' share of four connections
        with patient.client() as client:
            assert client.get("/readyz").status_code == 200
        assert get_report(patient, other_sandbox) == 200
        assert get_report(patient, sandbox) == 200, "another table of the same tenant"


@contextmanager
def page_views_of_locked(server: Server, sandbox: Sandbox, count: int) -> Iterator[None]:
    with page_views(server, sandbox, count), locked(f"{sandbox.tenant.schema}.session"):
        yield


def test_one_tenants_reports_leave_connections_for_others(
    patient: Server, sandbox: Sandbox, http: httpx.Client
) -> None:
    others = [create_sandbox(http) for _ in range(2)]
    with ThreadPoolExecutor(12) as threads, locked(f"{sandbox.tenant.schema}.offer"):
        reports = [threads.submit(get_report, patient, sandbox) for _ in range(8)]
        wait_until(lambda: waiting(sandbox) >= 1)
        assert [get_report(patient, other) for other in others] == [200, 200]
        assert not any(report.done() for report in reports)
    assert {report.result() for report in reports} == {200}


def test_a_request_that_waits_for_a_lock_is_503(quick: Server, sandbox: Sandbox) -> None:
    with locked(f"{sandbox.tenant.schema}.session", f"{sandbox.tenant.schema}.offer"):
        with page_views(quick, sandbox, 2) as views:
            assert [view.result().status_code for view in views] == [503, 503]
        assert get_report(quick, sandbox) == 503
    assert get_report(quick, sandbox) == 200


def test_a_statement_that_takes_too_long_is_503(sandbox: Sandbox, tmp_path: Path) -> None:
    with (
        running_server(tmp_path, GOKART_LOCK_TIMEOUT=LONG, GOKART_STATEMENT_TIMEOUT="0.2") as server,
        locked(f"{sandbox.tenant.schema}.session"),
        page_views(server, sandbox, 1) as views,
    ):
        assert views[0].result().status_code == 503


def test_a_page_that_its_client_left_stops_its_query(patient: Server, sandbox: Sandbox) -> None:
    host = {"Host": f"app.{sandbox.tenant.slug}.localhost"}
    with locked(f"{sandbox.tenant.schema}.session"):
        with patient.client() as client, pytest.raises(httpx.ReadTimeout):
            client.get("/", headers=host | COOKIE, timeout=0.3)
        wait_until(lambda: waiting(sandbox) == 0)
