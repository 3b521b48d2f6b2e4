"""Sends traces of requests, statements and background jobs to a collector of OpenTelemetry. See `docs/tracing.md`.

Imported only where tracing is on. Attributes have no values from outside but the request id and the tenant: no paths,
query strings, headers, addresses, SQL text, parameters or error messages, since any of them may contain a secret.

The tracer provider is not the global one, so that libraries which trace what they like, such as FastAPI below Piccolo
Admin, send nothing.
"""

import logging
import os
import re
from asyncio import to_thread
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from functools import lru_cache, wraps
from threading import Thread
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Receive, Scope, Send

from core.tracing import statement, use_tracer
from database.pool import ConnectionPool, PooledConnection
from database.sql import statement_name
from settings import settings
from web.requests import client_address, header_values

EXPORTER_LOGGER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
QUEUE_LOGGER = "opentelemetry.sdk._shared_internal"  # logs spans that are dropped while the collector is away
SHUTDOWN_SECONDS = 2.0
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OPERATION = re.compile(r'\s*(\w+)(?:.*?\b(?:FROM|INTO|UPDATE)\s+(?:"?\w+"?\.)?"?(\w+))?', re.DOTALL)

log = structlog.get_logger()
propagator = TraceContextTextMapPropagator()


class CollectorExporter(OTLPSpanExporter):
    """Logs a failing collector once, and once when it works again."""

    def __init__(self) -> None:
        super().__init__()
        self._reason = ""
        self._failing = False
        logging.getLogger(EXPORTER_LOGGER).addFilter(self._keep_reason)
        logging.getLogger(QUEUE_LOGGER).setLevel(logging.CRITICAL)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._reason = ""
        result = super().export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._failing:
            log.warning("the collector does not take traces, which are dropped", error=self._reason)
        if self._failing and not failed:
            log.info("the collector takes traces again")
        self._failing = failed
        return result

    def _keep_reason(self, record: logging.LogRecord) -> bool:
        """A filter that lets no line through. The first of an export has the reason; the others tell of retries."""
        self._reason = self._reason or record.getMessage()
        return False


class OpenTelemetryTracer:
    """The tracer of this process. OpenTelemetry's own environment variables configure it."""

    def __init__(self) -> None:
        resource = Resource.create({"process.pid": os.getpid()})
        if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "gokart"}))
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(CollectorExporter()))
        self._tracer = self.provider.get_tracer("gokart")

    def request(self, name: str, parent: Context) -> AbstractContextManager[Span]:
        return self._tracer.start_as_current_span(
            name, parent, SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        )

    def trace(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[None]:
        return self._block(name, SpanKind.INTERNAL, own(attributes), Context())

    def span(self, name: str, attributes: Mapping[str, str]) -> AbstractContextManager[None]:
        return self._block(name, SpanKind.INTERNAL, own(attributes)) if in_trace() else nullcontext()

    def statement(self, sql: str, pool: str) -> AbstractContextManager[None]:
        if not in_trace():
            return nullcontext()
        attributes = {"db.system.name": "postgresql", "gokart.pool": pool}
        return self._block(describe_statement(sql), SpanKind.CLIENT, attributes)

    @contextmanager
    def _block(
        self, name: str, kind: SpanKind, attributes: Mapping[str, str], parent: Context | None = None
    ) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            name, parent, kind, attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                mark_failed(span, error)
                raise

    def middleware(self, app: ASGIApp) -> ASGIApp:
        return TracingMiddleware(app, self)

    def add_trace_id(self, _: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """A processor of structlog: log lines within a span have its ids."""
        if in_trace():
            context = trace.get_current_span().get_span_context()
            event["trace_id"] = trace.format_trace_id(context.trace_id)
            event["span_id"] = trace.format_span_id(context.span_id)
        return event

    @asynccontextmanager
    async def send_rest(self, _: object) -> AsyncIterator[None]:
        """Sends what is left at the end of the block. Waits at most SHUTDOWN_SECONDS for the collector."""
        try:
            yield
        finally:
            closing = Thread(target=self.provider.shutdown, name="send traces", daemon=True)
            closing.start()
            await to_thread(closing.join, SHUTDOWN_SECONDS)


def own(attributes: Mapping[str, str]) -> dict[str, str]:
    return {f"gokart.{name}": value for name, value in attributes.items()}


def in_trace() -> bool:
    """Whether the running task belongs to a trace that is sampled."""
    return trace.get_current_span().get_span_context().trace_flags.sampled


def traced(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Coroutine[Any, Any, Any]]:
    @wraps(method)
    async def send(self: PooledConnection, query: str, *args: Any, **options: Any) -> Any:
        with statement(query, self.work):
            return await method(self, query, *args, **options)

    return send


class TracedConnection(PooledConnection):
    """Each of these methods sends one statement. Piccolo and asyncpg's transactions call them too."""

    __slots__ = ()

    execute = traced(PooledConnection.execute)
    executemany = traced(PooledConnection.executemany)
    fetch = traced(PooledConnection.fetch)
    fetchmany = traced(PooledConnection.fetchmany)
    fetchrow = traced(PooledConnection.fetchrow)
    fetchval = traced(PooledConnection.fetchval)


class TracingMiddleware:
    """Outside of all other middleware, so that the log line of a request is within its span.

    Continues the trace of a request's `traceparent` only if it comes from a trusted proxy.
    """

    def __init__(self, app: ASGIApp, tracer: OpenTelemetryTracer) -> None:
        self.app = app
        self.tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        with self.tracer.request(method, parent_of(scope)) as span:
            try:
                await self.app(scope, receive, send)
            finally:
                describe_request(span, method, scope)


def parent_of(scope: Scope) -> Context:
    peer = client_address(scope)
    if peer is None or not any(peer in network for network in settings.trusted_proxies):
        return Context()
    headers = {name: header_values(scope, name.encode()) for name in ("traceparent", "tracestate")}
    return propagator.extract(headers, Context())


def describe_request(span: Span, method: str, scope: Scope) -> None:
    state: Mapping[str, Any] = scope.get("state") or {}
    route, status, tenant = scope.get("path_template"), state.get("status"), state.get("tenant")
    attributes = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "gokart.site": state.get("site"),
        "gokart.tenant": tenant and tenant.slug,
        "gokart.request_id": state.get("request_id"),
        "gokart.cut": None if state.get("complete") else True,
    }
    span.set_attributes({name: value for name, value in attributes.items() if value is not None})
    if route:
        span.update_name(f"{method} {route}")
    if status is None or status >= 500:
        mark_failed(span, state.get("error"))


def mark_failed(span: Span, error: BaseException | None) -> None:
    """Without the message, which may quote data."""
    span.set_status(Status(StatusCode.ERROR))
    if error is not None:
        span.set_attribute("error.type", type(error).__qualname__)


@lru_cache(1_024)
def describe_statement(sql: str) -> str:
    """The file that has the statement; for another one its operation and table, such as `SELECT session`."""
    if name := statement_name(sql):
        return name
    match = OPERATION.match(sql)
    return " ".join(word for word in match.groups() if word) if match else "statement"


def start_tracing() -> OpenTelemetryTracer:
    tracer = OpenTelemetryTracer()
    use_tracer(tracer)
    ConnectionPool.connection_class = TracedConnection
    return tracer
