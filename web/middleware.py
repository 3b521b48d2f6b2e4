"""Middleware around all sites: request id and log line, trusted proxies, and error pages for browsers."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from secrets import token_hex
from time import perf_counter
from typing import Any

import structlog
from msgspec import structs
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from core.logging import log_info
from core.metrics import count_request
from database.pool import DatabaseUnavailable
from settings import settings
from tenants.middleware import TenantSuspended, parse_host
from web.pages.branding import Branding, branded, branding_of
from web.pages.responses import error_page
from web.pages.security import SECURITY_HEADERS
from web.problems import send_problem
from web.requests import (
    READ_METHODS,
    ClientDisconnected,
    has_body,
    header_values,
    parse_address,
    request_state,
)

SAFE_ID = re.compile(r"(?!.*gokart_)[A-Za-z0-9._-]{1,100}")  # an API key sent as a request id must not reach the log

HTTPS_HEADERS = [(b"strict-transport-security", b"max-age=31536000")]

log = structlog.get_logger("request")


class BrokenResponseError(Exception):
    """Makes the server close the connection, so that a response that fails half-way does not look complete.

    The cause is in the log line with the request id that it carries.
    """


class RequestContextMiddleware:
    """Outermost: sets up the request's state, turns exceptions into a 500, logs and counts the request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self.serve(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000, "reason": ""})

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = header_values(scope, b"x-request-id")
        request_id = given[0] if len(given) == 1 and SAFE_ID.fullmatch(given[0]) else token_hex(16)
        at_end: list[Callable[[], None]] = []
        headers = [(b"x-request-id", request_id.encode())]
        state = scope.setdefault("state", {})
        state.update(request_id=request_id, log={}, headers=headers, at_end=at_end, status=None, complete=False, sent=0)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                secure = HTTPS_HEADERS if scope["scheme"] == "https" else ()
                await send({**message, "headers": [*message["headers"], *headers, *secure]})
                return
            await send(message)
            if message["type"] == "http.response.body":
                state["sent"] += len(message.get("body", b""))
                state["complete"] = not message.get("more_body", False)

        started = perf_counter()
        try:
            await self.app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001  # the last resort: a 500, or a connection closed half-way
            if state["status"] is not None:
                state["error"] = error
                raise BrokenResponseError(request_id) from None
            with suppress(OSError):
                await send_problem(error, scope, send_with_headers)
        finally:
            for call in at_end:
                call()
            seconds = perf_counter() - started
            count_request(
                state.get("site"), scope.get("path_template"), state["status"], seconds, complete=state["complete"]
            )
            write_log_line(scope, state, seconds * 1000)


class DisconnectMiddleware:
    """Cancels a request that only reads if its client disconnects before the response. PostgreSQL cancels the query.

    A request that changes something is finished, since the client cannot know how far it has come. Raises
    ClientDisconnected.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in READ_METHODS or has_body(scope):
            await self.app(scope, receive, send)
            return
        serving = asyncio.current_task()
        assert serving is not None
        state = request_state(scope)
        disconnected = False

        def cancel() -> None:
            nonlocal disconnected
            if state["status"] is None:
                disconnected = True
                serving.cancel()

        state["on_disconnect"] = cancel
        try:
            await self.app(scope, receive, send)
        except asyncio.CancelledError:
            if disconnected and serving.uncancel() == 0:
                raise ClientDisconnected from None
            raise
        finally:
            del state["on_disconnect"]


def write_log_line(scope: Scope, state: dict[str, Any], ms: float) -> None:
    status, complete, error = state["status"], state["complete"], state.get("error")
    tenant = state.get("tenant")
    fields: dict[str, Any] = {
        **({"tenant": tenant.slug} if tenant else {}),
        **state["log"],
        "method": scope["method"],
        "route": scope.get("path_template"),
        "status": status,
        "ms": round(ms, 1),
        "request_id": state["request_id"],
    }
    if not complete:
        fields["cut"] = True  # the client disconnected, or the response failed half-way
    if error is not None and (status is None or status == 500 or not complete):
        log.error("request", **fields, exc_info=error)
    elif error is not None:
        log.warning("request", **fields, error=repr(error))
    else:
        log_info("request", fields)


class TrustedProxyMiddleware:
    """Takes X-Forwarded-* from the configured proxies only: Host here, client and scheme by uvicorn's middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.client_and_scheme = ProxyHeadersMiddleware(
            app,  # type: ignore[arg-type]  # uvicorn's types of the same ASGI
            trusted_hosts=[str(network) for network in settings.trusted_proxies],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if not client:
            await self.app(scope, receive, send)
            return
        address, is_trusted = peer_of(client[0])
        scope["client"] = (address, client[1])
        if not is_trusted:
            await self.app(scope, receive, send)
            return
        forwarded = header_values(scope, b"x-forwarded-host")
        if forwarded:
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [*others, *((b"host", value.encode("latin-1")) for value in forwarded)]
        await self.client_and_scheme(scope, receive, send)  # type: ignore[arg-type]


@lru_cache(4_096)
def peer_of(text: str) -> tuple[str, bool]:
    """The address of a connection's other end, and whether it is that of a trusted proxy."""
    address = parse_address(text)
    if address is None:
        return text, False
    return str(address), any(address in network for network in settings.trusted_proxies)


class ErrorPageMiddleware:
    """Shows browsers a page for errors raised before any site runs: an unknown host, a suspended tenant, or a form that
    another site sends.

    Other clients, and all clients of API hosts, get problem+json.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:
            if scope["type"] == "lifespan" or request_state(scope)["status"] is not None or not wants_page(scope):
                raise
            with branded(await branding_of_error(scope, error)):
                page = error_page(scope, error)
            headers = SECURITY_HEADERS | page.headers
            await HTMLResponse(page.content, page.status_code or 500, headers)(scope, receive, send)


async def branding_of_error(scope: Scope, error: Exception) -> Branding:
    """The tenant's. The logo of a suspended one is not available."""
    if isinstance(error, DatabaseUnavailable):
        return Branding()
    try:
        branding = await branding_of(request_state(scope).get("tenant"))
    except DatabaseUnavailable:
        return Branding()
    return structs.replace(branding, logo=None) if isinstance(error, TenantSuspended) else branding


def wants_page(scope: Scope) -> bool:
    host = parse_host("".join(header_values(scope, b"host")))
    return host is not None and host.site != "api" and "text/html" in "".join(header_values(scope, b"accept"))
