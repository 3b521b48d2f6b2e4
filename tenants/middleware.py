"""Host → tenant → app. What comes behind runs bound to the tenant."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from tenants.hosts import find_tenant, parse_host
from tenants.tenant import bound_to
from web.problems import Problem
from web.requests import header, state_of

ANY_HOST = ("/healthz", "/readyz")


class ByHost:
    """Apps by the kind of host that they answer on. Raises Problem 404 for a host that is nothing of ours."""

    def __init__(self, apps: Mapping[str, ASGIApp], any_host: ASGIApp) -> None:
        self.apps = apps
        self.any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in ANY_HOST:
            await self.any_host(scope, receive, send)
            return
        hosts = header(scope, b"host")
        host = parse_host(hosts[0]) if len(hosts) == 1 else None
        if host is None or host.kind not in self.apps:
            raise Problem(404, "There is nothing at this host.")
        if host.slug is None:
            await self.apps[host.kind](scope, receive, send)
            return
        tenant = await find_tenant(host.slug)
        if tenant is None:
            raise Problem(404, "There is nothing at this host.")
        state_of(scope)["log"]["tenant"] = tenant.slug
        if tenant.suspended:
            raise Problem(403, "This tenant is suspended.")
        with bound_to(tenant):
            await self.apps[host.kind](scope, receive, send)
