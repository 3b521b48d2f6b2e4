"""The Litestar plugin."""

from typing import Any

from litestar import Request, Response
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.plugins import InitPlugin

from core.background import run_in_background
from database.pool import DatabaseUnavailable, open_pool
from database.replica import open_replica
from tenants.cache import listen_for_changes, tenant_cache
from tenants.middleware import TenantMiddleware
from tenants.tenant import NoTenantError, current_tenant


class TenantsPlugin(InitPlugin):
    """Opens the connection pools, keeps the cache of tenants up to date, and binds each request to its tenant.

    Handlers get the tenant as the dependency `tenant`. The app's own exception handlers, dependencies and lifespan
    hooks take precedence. The configuration is in `piccolo_conf.py`: DB and TENANCY.
    """

    def __init__(self, *, bind_requests: bool = True) -> None:
        """`bind_requests=False`: the app is wrapped in TenantMiddleware, before it dispatches hosts to several apps."""
        self.bind_requests = bind_requests

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        app_config.lifespan = [
            lambda _: open_pool(),
            lambda _: open_replica(),
            lambda _: run_in_background(listen_for_changes(tenant_cache)),
            *app_config.lifespan,
        ]
        if self.bind_requests:
            app_config.middleware = [TenantMiddleware, *app_config.middleware]
        app_config.dependencies = {
            "tenant": Provide(current_tenant, sync_to_thread=False),
            **app_config.dependencies,
        }
        if Exception not in app_config.exception_handlers:  # an app that handles every error handles these
            app_config.exception_handlers = {
                DatabaseUnavailable: _respond_unavailable,
                NoTenantError: _respond_not_found,
                **app_config.exception_handlers,
            }
        return app_config


def _respond_unavailable(_: Request[Any, Any, Any], __: DatabaseUnavailable) -> Response[dict[str, object]]:
    content = {"status_code": 503, "detail": "The database is unavailable."}
    return Response(content, status_code=503, headers={"Retry-After": "5"})


def _respond_not_found(_: Request[Any, Any, Any], __: NoTenantError) -> Response[dict[str, object]]:
    return Response({"status_code": 404, "detail": "This host does not exist."}, status_code=404)
