"""Believing X-Forwarded-* from the configured proxies, and from nobody else."""

from ipaddress import ip_address

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from settings import settings
from web.requests import header


class Proxies:
    """Host from X-Forwarded-Host here; client and scheme from X-Forwarded-For and -Proto by uvicorn's own middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.client_and_scheme = ProxyHeadersMiddleware(
            app,  # type: ignore[arg-type]  # uvicorn's types of the same ASGI
            trusted_hosts=[str(network) for network in settings.trusted_proxies],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not is_trusted(scope):
            await self.app(scope, receive, send)
            return
        forwarded = header(scope, b"x-forwarded-host")
        if forwarded:
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [*others, *((b"host", value.encode("latin-1")) for value in forwarded)]
        await self.client_and_scheme(scope, receive, send)  # type: ignore[arg-type]


def is_trusted(scope: Scope) -> bool:
    client = scope.get("client")
    if not client or not settings.trusted_proxies:
        return False
    try:
        address = ip_address(client[0])
    except ValueError:
        return False
    return any(address in network for network in settings.trusted_proxies)
