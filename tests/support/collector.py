"""A collector of traces: receives OTLP over HTTP, as OpenTelemetry's own collector does."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.support.wait import GUARD, wait_until


class TracedSpan(msgspec.Struct, frozen=True):
    """`parent` is the id of a span, or ''. Times are in nanoseconds."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    failed: bool
    start: int
    end: int
    attributes: dict[str, Any]
    resource: dict[str, Any]


class Collector:
    def __init__(self, port: int) -> None:
        self.port = port
        self.spans: list[TracedSpan] = []
        self.received = b""

    @property
    def environment(self) -> dict[str, Any]:
        """Settings of a server that sends its traces here, at once."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}", "OTEL_BSP_SCHEDULE_DELAY": "20"}

    def take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces"
        self.received += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            of_resource = values(resource.resource.attributes)
            self.spans += [
                TracedSpan(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    kind=span.kind,
                    failed=span.status.code == 2,
                    start=span.start_time_unix_nano,
                    end=span.end_time_unix_nano,
                    attributes=values(span.attributes),
                    resource=of_resource,
                )
                for scope in resource.scope_spans
                for span in scope.spans
            ]

    def request(self, request_id: str) -> TracedSpan:
        """The span of that request, when it has arrived. Spans of its last statements may arrive after it."""
        wait_until(lambda: bool(self.with_request_id(request_id)))
        (found,) = self.with_request_id(request_id)
        return found

    def with_request_id(self, request_id: str) -> list[TracedSpan]:
        return [span for span in self.spans if span.attributes.get("gokart.request_id") == request_id]

    def below(self, parent: TracedSpan, name: str) -> list[TracedSpan]:
        """Its children in order of their start, when one of that name has arrived."""

        def children() -> list[TracedSpan]:
            return sorted((span for span in self.spans if span.parent == parent.id), key=lambda span: span.start)

        wait_until(lambda: name in [span.name for span in children()])
        return children()


def values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def running_collector(port: int = 0) -> Iterator[Collector]:
    """On that port, or on a free one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        collector = Collector(server.server_address[1])
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join(GUARD)
