"""What handlers and middleware read of a request: its state, headers, client address and body; and client disconnects.

State of a request, in scope["state"], set by `web.middleware.RequestContextMiddleware`:
  request_id   the client's X-Request-Id where that is safe to log, else a new one
  log          fields for the request's one log line (advertiser, rows …); never an API key
  headers      encoded response headers that are known before the response is (rate limits)
  at_end       called when the response has ended, also after an error
  on_disconnect  called when the client disconnects before the response is complete (`web.protocol`), if it is there
  status       of the response once it has begun, else None
  complete     whether the whole response has been sent
  sent         bytes of the response's body that were sent
  site, tenant of the host (`tenants.middleware`)
  error        the exception behind a 5xx
  view         what staff view as an advertiser sees it (`auth.users.viewing`)
  caller       the verified API key (`auth.api_keys.authenticate`)
  range        the range of the requested report (`reporting.filters`), once it has been validated
"""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, cast

from litestar import HttpMethod, Request
from litestar.connection import ASGIConnection
from litestar.exceptions import InternalServerException

AnyRequest = Request[Any, Any, Any]
AnyConnection = ASGIConnection[Any, Any, Any, Any]
Address = IPv4Address | IPv6Address

READ_METHODS = [HttpMethod.GET, HttpMethod.HEAD]
HEADERS_OF_BODIES = frozenset({b"content-length", b"transfer-encoding"})
CUSTOMER_BITS = 64  # an IPv6 network of this size belongs to one customer


def request_state(scope: Mapping[str, Any]) -> dict[str, Any]:
    return cast(dict[str, Any], scope["state"])


def header_values(scope: Mapping[str, Any], name: bytes) -> list[str]:
    """Every value that the request gives for a header; `name` in lower case."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """As in the messages of ASGI."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def path_and_query(connection: AnyConnection) -> str:
    """The URL within the site, to return to later."""
    return connection.url.path + (f"?{connection.url.query}" if connection.url.query else "")


def client_address(scope: Mapping[str, Any]) -> Address | None:
    """None where there is none, as behind a Unix socket. An IPv4 client of an IPv6 socket has its IPv4 address."""
    return parse_address(scope["client"][0]) if scope["client"] else None


@lru_cache(4_096)
def parse_address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.version == 6 and address.ipv4_mapped) or address


def client_network(address: Address | None) -> str:
    """What limits by address count as one client: an IPv4 address, or an IPv6 network of one customer."""
    return str(ip_network((address, CUSTOMER_BITS), strict=False) if isinstance(address, IPv6Address) else address)


class ClientDisconnected(Exception):
    """The client closed the connection before the response."""


def has_body(scope: Mapping[str, Any]) -> bool:
    """Whether the request comes with a body, which may be empty."""
    return not HEADERS_OF_BODIES.isdisjoint([name for name, _ in scope["headers"]])


async def read_body(request: AnyRequest) -> bytes:
    """Raises ClientDisconnected, and Litestar's own exception for a body that is too large."""
    try:
        return await request.body()
    except InternalServerException as error:  # what Litestar raises when the client disconnects
        raise ClientDisconnected from error
