"""The app: routes, what goes around them, and what runs beside them. Nothing else."""

from typing import cast

from litestar import Litestar, route
from starlette.types import ASGIApp
from starlette_compress import CompressMiddleware, add_compress_type

from apidocs.controller import DocsController
from auth.last_used import writing_uses
from background import beside
from database.pool import open_pool
from ingest.controller import IngestController
from reporting.controller import CostReportController, SingularController
from settings import settings
from tenants.changes import listen_for_ever, memory
from tenants.hosts import load_tenant
from tenants.routing import ByHost
from web.logs import configure_logs
from web.problems import handle
from web.proxies import Proxies
from web.requests import READ, Requests

configure_logs()
add_compress_type("text/csv")


@route("/healthz", http_method=READ, include_in_schema=False)
async def healthz() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@route("/readyz", http_method=READ, include_in_schema=False)
async def readyz() -> dict[str, str]:
    """This process can use its database (else 503)."""
    await load_tenant("")
    return {"status": "ok"}


api = Litestar(
    route_handlers=[CostReportController, SingularController, IngestController, DocsController, healthz, readyz],
    exception_handlers={Exception: handle},
    lifespan=[lambda _: open_pool(), lambda _: beside(listen_for_ever(memory)), lambda _: writing_uses()],
    request_max_body_size=settings.intake_body,
    openapi_config=None,  # `apidocs` has the document
    logging_config=None,
)

# Litestar's types of ASGI are its own.
api_app = cast("ASGIApp", api)
app = Requests(Proxies(CompressMiddleware(ByHost({"api": api_app}, any_host=api_app))))
