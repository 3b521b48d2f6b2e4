"""Assembles the app: the sites, the middleware around them, and the background jobs."""

import gc
from typing import TYPE_CHECKING, Any, cast

from litestar import Litestar, Router
from litestar.exceptions import NotFoundException
from starlette.types import ASGIApp
from starlette_compress import CompressMiddleware, add_compress_type
from structlog import get_logger

from apidocs.controller import docs_or_not_found
from auth.api_keys.authenticate import flush_last_used
from auth.api_keys.request_log import flush_request_log
from auth.users.guards import LoginRequired, find_view_for_error, redirect_to_login
from core.background import run_in_background
from core.logging import configure_logging
from core.metrics import processes
from jobs.worker import run_scheduler
from routes import ADMIN, API, PLATFORM_ADMIN, PORTAL
from settings import settings, traces_endpoint
from tenants.middleware import SiteDispatcher, TenantMiddleware
from tenants.plugin import TenantsPlugin
from web.connections import limit_connections
from web.limits.backend import run_limit_store
from web.middleware import DisconnectMiddleware, ErrorPageMiddleware, RequestContextMiddleware, TrustedProxyMiddleware
from web.pages.assets import static_file
from web.pages.forms import MAX_FORM_BYTES
from web.pages.responses import error_page_response
from web.pages.security import PageSecurityMiddleware
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
        lambda _: run_in_background(run_scheduler()),
    ],
    request_max_body_size=settings.intake_body,
    openapi_config=None,  # `apidocs` serves the document
    logging_config=None,
)


def page_site(*routers: Router) -> ASGIApp:
    """An app of HTML pages. Its middleware is outside of Litestar, which would leave out URLs that do not exist."""
    site = Litestar(
        route_handlers=[static_file, *routers],
        after_exception=[find_view_for_error],
        exception_handlers={LoginRequired: redirect_to_login, Exception: error_page_response},
        request_max_body_size=MAX_FORM_BYTES,
        openapi_config=None,
        logging_config=None,
    )
    return PageSecurityMiddleware(cast("ASGIApp", site))


SITES: dict[str, Any] = {"api": api, "app": page_site(PORTAL, ADMIN), "admin": page_site(PLATFORM_ADMIN)}
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
