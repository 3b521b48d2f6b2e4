"""From the Host header to the tenant. Everything inside runs bound to the tenant."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from litestar.exceptions import NotFoundException, PermissionDeniedException

from tenants.config import tenancy
from tenants.hosts import TenantHost, find_tenant, parse_host
from tenants.tenant import bound_to

AnyASGIApp = Callable[..., Awaitable[None]]  # of Litestar, Starlette or neither


class UnknownTenant(NotFoundException):
    """The Host header names no known host."""

    detail = "This host does not exist."


class TenantSuspended(PermissionDeniedException):
    detail = "This tenant is suspended."


class TenantMiddleware:
    """Sets `site` and `tenant` in the scope's state and binds the tenant. On hosts of the platform no tenant is bound.

    Raises UnknownTenant, TenantSuspended, DatabaseUnavailable.
    """

    def __init__(self, app: AnyASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or scope["path"] in tenancy().any_host_paths:
            await self.app(scope, receive, send)
            return
        host = host_of(scope)
        if host is None:
            raise UnknownTenant
        state = scope.setdefault("state", {})
        state["site"] = host.site
        if host.slug is None:
            await self.app(scope, receive, send)
            return
        tenant = await find_tenant(host.slug)
        if tenant is None:
            raise UnknownTenant
        state["tenant"] = tenant
        if tenant.suspended:
            raise TenantSuspended
        with bound_to(tenant):
            await self.app(scope, receive, send)


class SiteDispatcher:
    """One app for each site. Requests without a site (lifespan, paths on any host) go to `default`."""

    def __init__(self, apps: Mapping[str, AnyASGIApp], default: AnyASGIApp) -> None:
        self.apps = apps
        self.default = default

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        site = scope.get("state", {}).get("site")
        await self.apps.get(site, self.default)(scope, receive, send)


def host_of(scope: Mapping[str, Any]) -> TenantHost | None:
    """None also if the request has no Host header, or several."""
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return parse_host(hosts[0]) if len(hosts) == 1 else None
