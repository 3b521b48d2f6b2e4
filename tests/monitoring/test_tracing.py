"""The traces of a server with two workers, as a collector of OpenTelemetry receives them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from settings import PROJECT
from tests.support.collector import Collector, TracedSpan, running_collector
from tests.support.people import create_advertiser_user
from tests.support.processes import run_code
from tests.support.sandbox import CSV, JSON, MAY, SINGULAR, Sandbox, conversion_callback, event_record, offer_record
from tests.support.servers import Server, environment, free_port, running_server
from tests.support.wait import wait_until

SERVER, CLIENT, INTERNAL = 2, 3, 1  # kinds of spans
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


@pytest.fixture(scope="module")
def traced(
    module_sandbox: Sandbox,  # noqa: ARG001  # creates the database first
    collector: Collector,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("traced")
    with running_server(folder, workers=2, GOKART_ANSWERS_REMEMBERED="0", **collector.environment) as running:
        yield running


@pytest.fixture
def there(module_sandbox: Sandbox, traced: Server) -> Iterator[Sandbox]:
    with traced.client() as client:
        yield msgspec.structs.replace(module_sandbox, http=client)


def names(spans: list[TracedSpan]) -> list[str]:
    return [span.name for span in spans if span.name not in {"open connection", "wait for connection"}]


def test_a_report_is_one_trace_down_to_its_statement(there: Sandbox, collector: Collector) -> None:
    response = there.get(JSON, **MAY)
    root = collector.request(response.headers["x-request-id"])
    assert root.name == f"GET {JSON}"
    assert (root.kind, root.parent, root.failed) == (SERVER, "", False)
    assert root.attributes == {
        "http.request.method": "GET",
        "http.route": JSON,
        "http.response.status_code": 200,
        "gokart.site": "api",
        "gokart.tenant": there.tenant.slug,
        "gokart.request_id": response.headers["x-request-id"],
    }
    assert root.resource["service.name"] == "gokart"
    statement = collector.below(root, "reporting/sql/cost_report.sql:whole")[-1]
    assert (statement.trace, statement.kind) == (root.trace, CLIENT)
    assert statement.attributes == {"db.system.name": "postgresql", "gokart.pool": "call"}
    assert root.start <= statement.start <= statement.end


@pytest.mark.one_server("on a cluster, a batch is more statements")
def test_an_intake_call_shows_its_transaction(there: Sandbox, collector: Collector) -> None:
    offer = offer_record(there)
    there.send("offers", [offer])
    there.send("events", [event_record(offer["id"])])  # creates the partition of the month
    response = there.request(
        "POST",
        "/api/v1/ingest/events",
        token=there.ingest_key,
        json=[event_record(offer["id"])],
        headers={"X-Request-Id": f"intake-{uuid4()}"},
    )
    assert response.json()["accepted"] == 1
    root = collector.request(response.headers["x-request-id"])
    assert root.name == "POST /api/v1/ingest/events"
    assert names(collector.below(root, "COMMIT")) == [
        "SELECT offer",
        "SELECT partner",
        "BEGIN",
        "SET",
        "ingest/sql/insert_events.sql",
        "ingest/sql/intake_log.sql:insert_batch",
        "COMMIT",
    ]


@pytest.mark.parametrize(("path", "file"), [(CSV, "cost_report.sql:columns"), (SINGULAR, "singular.sql:items")])
def test_streams_by_copy_and_by_cursor_have_spans(there: Sandbox, collector: Collector, path: str, file: str) -> None:
    offer = offer_record(there)
    there.send("offers", [offer])
    there.send("conversions", [conversion_callback(there, offer["id"])])
    response = there.get(path, date_from="2025-01-01", date_to="2025-12-31")
    assert response.status_code == 200
    root = collector.request(response.headers["x-request-id"])
    name = f"reporting/sql/{file}"
    spans = [span for span in collector.below(root, name) if span.name == name]
    assert {span.attributes["gokart.pool"] for span in spans} == {"stream"}


def test_a_background_job_is_a_trace_for_each_tenant(there: Sandbox, collector: Collector, tmp_path: Path) -> None:
    def of_tenant() -> list[TracedSpan]:
        return [
            span
            for span in collector.spans
            if span.name == "job cleanup" and span.attributes["gokart.tenant"] == there.tenant.slug
        ]

    with running_server(tmp_path, GOKART_TASKS_EVERY="1", **collector.environment):
        wait_until(lambda: bool(of_tenant()))
    job = of_tenant()[0]
    assert (job.kind, job.parent) == (INTERNAL, "")
    assert collector.below(job, "jobs/sql/cleanup.sql:delete_sessions")
    assert all(span.parent or span.kind == SERVER or span.name.startswith("job ") for span in collector.spans)


def test_no_attribute_has_a_secret(there: Sandbox, traced: Server, collector: Collector) -> None:
    secret = f"secret{uuid4().hex}"
    email = create_advertiser_user(there)
    page = f"app.{there.tenant.slug}.localhost"
    calls = [
        there.get(JSON, **MAY),
        there.get(JSON, **MAY, offerId=secret),
        there.get(JSON, token=f"gokart_{secret}", **MAY),
        there.request("GET", f"/{secret}", headers={"Cookie": secret, "User-Agent": secret, "Referer": secret}),
        there.request("GET", f"/link/{secret}", host=page),
        there.request("GET", f"/admin/api/tables/{secret}/?__search={secret}", host=page),
        there.request(
            "POST",
            "/sign-in",
            host=page,
            headers={"Origin": f"http://{page}"},
            data={"email": email, "password": secret},
        ),
        there.request("POST", "/api/v1/ingest/events", token=there.ingest_key, content=f'[{{"id": "{secret}"}}]'),
    ]
    for response in calls:
        root = collector.request(response.headers["x-request-id"])
        for line in wait_for_line(traced, response.headers["x-request-id"]):
            assert (line["trace_id"], line["span_id"]) == (root.trace, root.id)
    for text in secret, email, there.owner_key, there.ingest_key, "127.0.0.1", "$1::uuid", "WHERE", str(there.owner):
        assert text.encode() not in collector.received, text


def wait_for_line(server: Server, request_id: str) -> list[dict[str, object]]:
    wait_until(lambda: bool(server.log_lines(request_id)))
    return server.log_lines(request_id)


def test_a_trace_of_a_stranger_is_not_continued(there: Sandbox, collector: Collector) -> None:
    response = there.request("GET", "/healthz", headers=TRACEPARENT)
    root = collector.request(response.headers["x-request-id"])
    assert root.trace != TRACE
    assert root.parent == ""


def test_a_trace_of_a_trusted_proxy_is_continued_and_its_sampling_holds(
    module_sandbox: Sandbox,  # noqa: ARG001  # creates the database
    collector: Collector,
    tmp_path: Path,
) -> None:
    settings = collector.environment | {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}
    settings["GOKART_TRUSTED_PROXIES"] = "127.0.0.1/32"
    with running_server(tmp_path, **settings) as server, server.client() as client:
        before = len(collector.spans)
        response = client.get("/readyz", headers=TRACEPARENT)
        root = collector.request(response.headers["x-request-id"])
        assert (root.trace, root.parent) == (TRACE, PARENT)
        unsampled = client.get("/readyz")
        sampled = client.get("/readyz", headers=TRACEPARENT)
        collector.request(sampled.headers["x-request-id"])
        assert {span.trace for span in collector.spans[before:]} == {TRACE}
        assert "trace_id" not in wait_for_line(server, unsampled.headers["x-request-id"])[0]


def test_without_a_collector_requests_go_on_and_one_line_says_so(there: Sandbox, tmp_path: Path) -> None:
    port = free_port()
    settings = {**Collector(port).environment, "OTEL_EXPORTER_OTLP_TIMEOUT": "3"}
    with running_server(tmp_path, **settings) as server, server.client() as client:
        away = msgspec.structs.replace(there, http=client)
        wait_until(lambda: bool(away.get(JSON, **MAY).is_success and server.log_lines("does not take traces")))
        for _ in range(5):
            assert away.get(JSON, **MAY).status_code == 200
        with running_collector(port):
            wait_until(lambda: bool(away.get(JSON, **MAY).is_success and server.log_lines("takes traces again")))
        (line,) = server.log_lines("does not take traces")
        assert "Connection refused" in str(line["error"])
        others = {str(line["event"]) for line in server.log_lines() if line["level"] in {"warning", "error"}}
        assert others <= {line["event"], "passwords are hashed with little work"}


def test_a_server_without_the_setting_imports_nothing() -> None:
    code = "import main, sys; print([name for name in sys.modules if name.startswith(('opentelemetry', 'google'))])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True, capture_output=True, text=True)
    loaded = done.stdout.strip()
    litestar_needs = ["opentelemetry", "opentelemetry.semconv", "opentelemetry.semconv.attributes"]
    assert loaded == str([*litestar_needs, "opentelemetry.semconv.attributes.http_attributes"]), "names of attributes"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ],
)
def test_an_invalid_setting_stops_the_start(name: str, value: str) -> None:
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", name: value}
    result = run_code("import settings", environment=environment(given))
    assert name in result.stderr


@pytest.mark.parametrize(("name", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_the_standard_variables_turn_it_off(name: str, value: str) -> None:
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", name: value}
    result = run_code("import settings; print(settings.traces_endpoint)", environment=environment(given))
    assert result.stdout == "None\n"
