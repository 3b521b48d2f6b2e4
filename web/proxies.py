"""Believing X-Forwarded-* from the configured proxies, and from nobody else."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from settings import settings
from web.requests import header

Address = IPv4Address | IPv6Address
IPV6_SITE = 64  # bits: one customer has all the addresses of such a network


class Proxies:
    """Host from X-Forwarded-Host here; client and scheme, from -For and -Proto, by uvicorn's own middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.client_and_scheme = ProxyHeadersMiddleware(
            app,  # type: ignore[arg-type]  # uvicorn's types of the same ASGI
            trusted_hosts=[str(network) for network in settings.trusted_proxies],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        peer = address_of(scope)
        if peer is not None:
            scope["client"] = (str(peer), scope["client"][1])
        if peer is None or not any(peer in network for network in settings.trusted_proxies):
            await self.app(scope, receive, send)
            return
        forwarded = header(scope, b"x-forwarded-host")
        if forwarded:
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [*others, *((b"host", value.encode("latin-1")) for value in forwarded)]
        await self.client_and_scheme(scope, receive, send)  # type: ignore[arg-type]


def address_of(scope: Mapping[str, Any]) -> Address | None:
    """The client's address; None where it has none, as behind a Unix socket.

    An IPv4 client of an IPv6 socket (::ffff:192.0.2.1) has the address that it has everywhere else.
    """
    return read_address(scope["client"][0]) if scope["client"] else None


@lru_cache(4_096)
def read_address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.version == 6 and address.ipv4_mapped) or address


def site_of(address: Address | None) -> str:
    """Whose requests these are taken to be, where nothing else tells."""
    return str(ip_network((address, IPV6_SITE), strict=False) if isinstance(address, IPv6Address) else address)
