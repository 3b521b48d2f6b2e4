"""The metrics, over HTTP, of a server with two workers."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx
import msgspec
import psutil
import pytest

from tests.support.metrics import Scrape, scrape
from tests.support.people import create_advertiser_user
from tests.support.raw_http import raw
from tests.support.sandbox import CSV, JSON, MAY, Sandbox, event_record, offer_record
from tests.support.servers import Server, free_port, running_server
from tests.support.wait import GUARD, wait_until
from tests.support.workers import each_worker

DURATION = "gokart_http_request_duration_seconds_count"
PORT = free_port()


@pytest.fixture(scope="module")
def data(module_sandbox: Sandbox) -> str:
    """The id of an offer with a click, in the database before the measured server starts."""
    offer = offer_record(module_sandbox)
    module_sandbox.send("offers", [offer])
    module_sandbox.send("events", [event_record(offer["id"])])
    return str(offer["id"])


@pytest.fixture(scope="module")
def measured(
    data: str,  # noqa: ARG001  # what the first walk over the tenants finds
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("measured")
    with running_server(folder, workers=2, GOKART_METRICS_PORT=str(PORT)) as running, each_worker(running, 2):
        yield running


@pytest.fixture
def there(module_sandbox: Sandbox, measured: Server) -> Iterator[Sandbox]:
    with measured.client() as client:
        yield msgspec.structs.replace(module_sandbox, http=client)


def increase(before: Scrape, name: str, /, **labels: str) -> float:
    return scrape(PORT).value(name, **labels) - before.value(name, **labels)


def test_the_requests_of_all_workers_are_counted(measured: Server) -> None:
    before = scrape(PORT)
    with each_worker(measured, 2) as workers:
        for worker in workers:
            for _ in range(3):
                assert worker.ask("localhost", "/readyz")[0] == 200
    assert increase(before, DURATION, route="/readyz", status="200") == 6
    assert scrape(PORT).value("gokart_processes") == 2


def test_requests_are_counted_by_site_route_and_status(there: Sandbox, measured: Server) -> None:
    before = scrape(PORT)
    page = f"app.{there.tenant.slug}.localhost"
    there.get(JSON, **MAY)
    there.get(JSON, token="gokart_demo_unknown", **MAY)
    there.request("GET", "/nope")
    there.request("POST", JSON)
    there.request("GET", "/", host="nobody.example.com")
    there.request("GET", "/sign-in", host=page)
    there.request("GET", "/sign-in", host="admin.localhost")
    raw(measured, "/", [("Host", there.host)], method="NONSENSE")
    for labels in (
        {"site": "api", "route": JSON, "status": "200"},
        {"site": "api", "route": JSON, "status": "401"},
        {"site": "api", "route": "none", "status": "404"},
        {"site": "api", "route": "none", "status": "405"},
        {"site": "none", "route": "none", "status": "404"},
        {"site": "app", "route": "/sign-in", "status": "200"},
        {"site": "admin", "route": "/sign-in", "status": "200"},
        {"site": "none", "route": "none", "status": "400"},
    ):
        assert increase(before, DURATION, **labels) == 1, labels


def test_records_are_counted_by_kind_and_outcome(there: Sandbox, data: str) -> None:
    before = scrape(PORT)
    event = event_record(data)
    there.send("events", [event, event_record(data), event])
    there.send("events", [{}])
    there.send("partners", [{}])
    counted = {
        (kind, outcome): increase(before, "gokart_intake_records_total", kind=kind, outcome=outcome)
        for kind in ("events", "partners", "offers")
        for outcome in ("accepted", "duplicate", "rejected")
    }
    assert {key: count for key, count in counted.items() if count} == {
        ("events", "accepted"): 2,
        ("events", "duplicate"): 1,
        ("events", "rejected"): 1,
        ("partners", "rejected"): 1,
    }


def test_reads_of_reports_are_counted_by_source(there: Sandbox, measured: Server) -> None:
    before = scrape(PORT)
    with each_worker(measured, 2) as workers:
        for _ in range(3):
            assert workers[0].ask(there.host, f"{JSON}?{urlencode(MAY)}", there.owner_key)[0] == 200
    etag = there.get(JSON, **MAY).headers["etag"]
    there.request("GET", JSON, token=there.owner_key, params=MAY, headers={"If-None-Match": etag})
    there.get(CSV, **MAY)
    reads = "gokart_report_reads_total"
    assert increase(before, reads, report="cost-report", source="cache") >= 2
    assert increase(before, reads, report="cost-report", source="primary") >= 2
    assert increase(before, reads, report="cost-report", source="not_modified") == 1


def test_failed_sign_ins_are_counted_by_reason(there: Sandbox) -> None:
    before = scrape(PORT)
    email, host = create_advertiser_user(there), f"app.{there.tenant.slug}.localhost"
    for _ in range(11):
        there.request(
            "POST",
            "/sign-in",
            host=host,
            headers={"Origin": f"http://{host}"},
            data={"email": email, "password": "a guess"},
        )
    failures = "gokart_sign_in_failures_total"
    assert increase(before, failures, realm="advertiser", reason="password") == 10
    assert increase(before, failures, realm="advertiser", reason="limit") == 1


def test_connections_are_reported_by_pool_and_share(measured: Server) -> None:  # noqa: ARG001
    found = scrape(PORT)
    limits = {
        share: found.value("gokart_pool_limit", pool="call", share=share) for share in ("pool", "pages", "tenant")
    }
    assert limits == {"pool": 20, "pages": 10, "tenant": 14}, "of both workers"
    assert found.value("gokart_pool_limit", pool="stream", share="pool") == 32
    assert found.value("gokart_pool_connections_opened_total", pool="call") > 0


def test_the_lag_of_tenants_and_the_background_jobs_come_from_the_database(there: Sandbox) -> None:
    wait_until(lambda: scrape(PORT).value("gokart_data_lag_tenants", seconds="0") >= 1)
    wait_until(lambda: scrape(PORT).value("gokart_job_runs_total", name="cleanup") >= 1)
    found = scrape(PORT)
    named = [labels["tenant"] for name, labels, _ in found.samples if name == "gokart_data_lag_seconds"]
    assert 1 <= len(named) <= 10
    assert found.value("gokart_database_up") == 1
    assert there.tenant.slug not in found.label_values("route") | found.label_values("site")


def test_labels_have_no_values_from_outside(there: Sandbox, measured: Server) -> None:
    secret = "gokart_demo_secret_7f3a"
    for path in f"/{secret}", f"{JSON}?offer={secret}", f"/assets/{secret}.js", f"/docs/{secret}":
        there.request("GET", path, token=secret)
        there.request(secret.upper(), path)
        there.request("GET", path, host=f"app.{there.tenant.slug}.localhost")
        there.request("GET", f"/staff{path}", host=f"app.{there.tenant.slug}.localhost")
        there.request("GET", f"/admin{path}", host=f"app.{there.tenant.slug}.localhost")
    raw(measured, f"/{secret}", [("Host", secret)])
    found = scrape(PORT)
    for text in secret, secret.upper(), there.owner_key, there.ingest_key, "127.0.0.1":
        assert text not in found.text
    statuses = found.label_values("status")
    assert all(status.isdigit() or status == "none" for status in statuses)
    assert found.label_values("site") <= {"api", "app", "admin", "none"}


def test_an_ended_worker_no_longer_counts_as_running_and_its_counts_stay(measured: Server) -> None:
    with each_worker(measured, 2) as workers:
        worker = workers[0]
        worker.ask("localhost", "/healthz")
        before = scrape(PORT).value(DURATION, route="/healthz")
        process = psutil.Process(worker.pid)
        process.kill()
        process.wait(GUARD)
    with each_worker(measured, 2):
        wait_until(lambda: scrape(PORT).value("gokart_processes") == 2)
        assert scrape(PORT).value(DURATION, route="/healthz") > before


def test_the_sites_do_not_serve_metrics(there: Sandbox) -> None:
    for host in there.host, f"app.{there.tenant.slug}.localhost", "admin.localhost":
        assert there.request("GET", "/metrics", host=host).status_code == 404


def test_a_single_worker_serves_its_own_metrics(server: Server, tmp_path: Path) -> None:  # noqa: ARG001  # makes the database
    port = free_port()
    with running_server(tmp_path, GOKART_METRICS_PORT=str(port)) as running, running.client() as client:
        client.get("/readyz")
        assert scrape(port).value(DURATION, route="/readyz") == 1
        assert scrape(port).value("gokart_processes") == 1


def test_there_are_none_without_the_setting(server: Server) -> None:
    listening = {
        each.laddr.port
        for process in [psutil.Process(server.process), *psutil.Process(server.process).children(recursive=True)]
        for each in process.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN
    }
    assert server.port in listening
    for port in listening - {server.port}:  # an embedded PostgreSQL, for example
        with pytest.raises(httpx.HTTPError):
            scrape(port)
