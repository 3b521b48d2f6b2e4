"""From the Host header to the tenant. Everything inside runs bound to the tenant."""

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from litestar.exceptions import NotFoundException, PermissionDeniedException

from tenants.cache import tenant_cache
from tenants.config import tenancy
from tenants.tables import load_tenant
from tenants.tenant import SLUG_PATTERN, bound_to, schema_of

MAX_HOST = 260  # of a name of 253 characters, a dot, and a port; longer ones would fill the cache
HOST_PATTERN = re.compile(r"([a-z0-9.-]{1,253}?)\.?(?::(?P<port>[0-9]{1,5}))?")
AnyASGIApp = Callable[..., Awaitable[None]]  # of Litestar, Starlette or neither


class TenantHost(msgspec.Struct, frozen=True):
    """`slug` is None for a host of the platform."""

    site: str
    slug: str | None


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
        state["site"], slug = host.site, host.slug
        if slug is None:
            await self.app(scope, receive, send)
            return
        tenant = await tenant_cache.get_or_load(schema_of(slug), None, lambda: load_tenant(slug))
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


def parse_host(header: str) -> TenantHost | None:
    """The site and tenant that a Host header names, or None. Ignores case, a port and a trailing dot."""
    return parse_short_host(header) if len(header) <= MAX_HOST else None


@lru_cache(20_000)
def parse_short_host(header: str) -> TenantHost | None:
    config = tenancy()
    match = HOST_PATTERN.fullmatch(header.lower())
    if match is None or int(match["port"] or 0) > 65_535 or not match[1].endswith(f".{config.base_host}"):
        return None
    match match[1].removesuffix(f".{config.base_host}").split("."):
        case [site] if site in config.platform_sites:
            return TenantHost(site, None)
        case [slug] if "" in config.tenant_sites and SLUG_PATTERN.fullmatch(slug):
            return TenantHost("", slug)
        case [site, slug] if site in config.tenant_sites and SLUG_PATTERN.fullmatch(slug):
            return TenantHost(site, slug)
        case _:
            return None
