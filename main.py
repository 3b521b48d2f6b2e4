"""Assembles the app: the sites, the middleware around them, and the background jobs."""

import asyncio
import gc
from importlib import import_module
from typing import TYPE_CHECKING, Any

from litestar import Litestar
from litestar.exceptions import NotFoundException
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type
from structlog import get_logger

from apidocs.controller import docs_or_not_found
from auth.api_keys.authenticate import flush_last_used
from auth.api_keys.request_log import flush_request_log
from core.background import run_in_background
from core.logging import configure_logging
from core.metrics import processes
from routes import API
from settings import settings, traces_endpoint
from tenants.middleware import SiteDispatcher, TenantMiddleware
from tenants.plugin import TenantsPlugin
from web.connections import limit_connections
from web.limits.backend import run_limit_store
from web.middleware import DisconnectMiddleware, ErrorPageMiddleware, RequestContextMiddleware, TrustedProxyMiddleware
from web.problems import problem_response

if TYPE_CHECKING:
    from monitoring.tracing import OpenTelemetryTracer

tracer: "OpenTelemetryTracer | None" = None
if traces_endpoint:  # otherwise OpenTelemetry is not imported
    from monitoring.tracing import start_tracing

    tracer = start_tracing()
configure_logging(settings.log_format, settings.log_level, *([tracer.add_trace_id] if tracer else []))
if settings.weak_password_hashing:
    get_logger().warning("passwords are hashed with little work", setting="GOKART_WEAK_PASSWORD_HASHING")
if not (settings.public_url or settings.trusted_proxies or settings.base_host == "localhost"):
    get_logger().warning(
        "links in emails assume HTTPS on its usual port", setting="GOKART_PUBLIC_URL, or GOKART_TRUSTED_PROXIES"
    )
if not (settings.totp_key or settings.base_host == "localhost"):
    get_logger().warning("secrets of authenticator apps are not encrypted", setting="GOKART_TOTP_KEY")
add_compress_type("text/csv")
add_compress_type("application/x-ndjson")


def import_rest() -> None:
    """Imports what no request to the API needs, which takes as long as everything else. Two threads may call it."""
    gc.disable()
    try:
        for module in "jobs.worker", "page_sites":
            import_module(module)
    finally:
        gc.freeze()
        gc.enable()


async def work_after_start() -> None:
    """Ready for the API, the process gets ready for the pages, in a thread, and then runs the background jobs."""
    try:
        await asyncio.to_thread(import_rest)
    except Exception:  # noqa: BLE001  # whatever is wrong with the pages, the API and the jobs work without them
        get_logger().exception("the pages cannot be imported")
    from jobs.worker import run_scheduler

    await run_scheduler()


class PageSite:
    """A site of `page_sites`. A request that comes before the site is imported waits for that."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app is None:
            await asyncio.to_thread(import_rest)
            self.app = import_module("page_sites").SITES[self.name]
        await self.app(scope, receive, send)


api = Litestar(
    route_handlers=API,
    exception_handlers={NotFoundException: docs_or_not_found, Exception: problem_response},
    plugins=[TenantsPlugin(bind_requests=False)],  # TenantMiddleware is around all sites
    lifespan=[
        *([tracer.send_rest] if tracer else []),
        lambda _: limit_connections(),
        lambda _: run_limit_store(),
        lambda _: flush_last_used(),
        lambda _: flush_request_log(),
        lambda _: run_in_background(work_after_start()),
    ],
    request_max_body_size=settings.intake_body,
    openapi_config=None,  # `apidocs` serves the document
    logging_config=None,
)
SITES: dict[str, Any] = {"api": api, "app": PageSite("app"), "admin": PageSite("admin")}
MIDDLEWARE: list[Any] = [  # outermost first; around all sites, so outside of each Litestar app
    RequestContextMiddleware,  # gives every response a request id and a log line, and turns exceptions into a 500
    DisconnectMiddleware,  # cancels a request that only reads when its client disconnects
    TrustedProxyMiddleware,  # sets host, client and scheme before anything reads them
    CompressMiddleware,  # compresses error pages too
    ErrorPageMiddleware,  # shows browsers a page for an unknown host or a suspended tenant
    TenantMiddleware,  # binds the tenant, and tells which site the host names
]

app: ASGIApp = SiteDispatcher(SITES, default=api)
for middleware in reversed(MIDDLEWARE):
    app = middleware(app)
if tracer:
    app = tracer.middleware(app)

processes.set(1)

gc.freeze()  # all of this stays until the process ends: the collector need not look at it again
gc.enable()
