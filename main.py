"""The app: routes, what goes around them, and what runs beside them. Nothing else."""

import gc
from typing import cast

from litestar import Litestar, Router, route
from starlette.types import ASGIApp
from starlette_compress import CompressMiddleware, add_compress_type

from admin.app import STAFF_ADMIN
from admin.platform.app import PLATFORM_ADMIN
from apidocs.controller import DocsController
from auth.api_keys.last_used import flush_last_used
from auth.users.guards import LoginRequired, redirect_to_login
from core.background import run_in_background
from core.logging import configure_logging
from ingest.api import IngestController
from jobs.worker import run_scheduler
from portal.app import PORTAL
from reporting.api import CostReportController, SingularController
from settings import settings
from singular.request_log import flush_request_log
from tenants.hosts import load_tenant
from tenants.middleware import SiteDispatcher, TenantMiddleware
from tenants.plugin import TenantsPlugin
from web.limits.backend import run_limit_store
from web.middleware import ErrorPageMiddleware, RequestContextMiddleware, TrustedProxyMiddleware
from web.pages.assets import static_file
from web.pages.forms import MAX_FORM_BYTES
from web.pages.responses import error_page_response as handle_page
from web.pages.security import PageSecurityMiddleware
from web.problems import problem_response
from web.requests import READ_METHODS

configure_logging(settings.log_format, settings.log_level)
add_compress_type("text/csv")


@route("/healthz", http_method=READ_METHODS, include_in_schema=False)
async def healthz() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@route("/readyz", http_method=READ_METHODS, include_in_schema=False)
async def readyz() -> dict[str, str]:
    """This process can use its database (else 503)."""
    await load_tenant("")
    return {"status": "ok"}


api = Litestar(
    route_handlers=[CostReportController, SingularController, IngestController, DocsController, healthz, readyz],
    exception_handlers={Exception: problem_response},
    plugins=[TenantsPlugin(bind_requests=False)],  # TenantMiddleware is around all three apps
    lifespan=[
        lambda _: run_limit_store(),
        lambda _: flush_last_used(),
        lambda _: flush_request_log(),
        lambda _: run_in_background(run_scheduler()),
    ],
    request_max_body_size=settings.intake_body,
    openapi_config=None,  # `apidocs` has the document
    logging_config=None,
)


def pages(*routers: Router) -> ASGIApp:
    """An app of pages for browsers."""
    site = Litestar(
        route_handlers=[static_file, *routers],
        exception_handlers={LoginRequired: redirect_to_login, Exception: handle_page},
        request_max_body_size=MAX_FORM_BYTES,
        openapi_config=None,
        logging_config=None,
    )
    return PageSecurityMiddleware(cast("ASGIApp", site))


api_app = cast("ASGIApp", api)  # Litestar's types of ASGI are its own
by_site = {"api": api_app, "app": pages(PORTAL, STAFF_ADMIN), "admin": pages(PLATFORM_ADMIN)}
app = RequestContextMiddleware(
    TrustedProxyMiddleware(
        CompressMiddleware(ErrorPageMiddleware(TenantMiddleware(SiteDispatcher(by_site, default=api_app))))
    )
)

gc.freeze()  # all of this stays until the process ends: the collector need not look at it again
gc.enable()
