"""Responses of the proxy, and requests that it forwards to Piccolo Admin."""

from typing import Any, cast
from urllib.parse import quote

import msgspec
from litestar import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.pages.forms import MAX_FORM_BYTES
from web.problems import Problem
from web.requests import AnyRequest, ClientDisconnected

FORWARDED_KEYS = ("type", "http_version", "scheme", "client", "server", "state")


class ProxyResponse(msgspec.Struct):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""

    def add_header(self, name: str, value: str) -> None:
        self.headers.append((name.encode(), value.encode()))

    async def send(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


class ErrorResponse(Exception):
    """Ends the request with this response, and rolls its transaction back."""

    def __init__(self, response: ProxyResponse) -> None:
        super().__init__(response.status)
        self.response = response


def json_response(status: int, body: object) -> ProxyResponse:
    content = msgspec.json.encode(body)
    length = str(len(content)).encode()
    return ProxyResponse(status, [(b"content-type", b"application/json"), (b"content-length", length)], content)


def error_response(status: int, sentence: str) -> ErrorResponse:
    """In the format that Piccolo's page shows as a sentence: for 405 an object, for others a JSON string."""
    return ErrorResponse(json_response(status, {"detail": sentence} if status == 405 else sentence))


def login_error(detail: str) -> ErrorResponse:
    """401, whose text Piccolo's login form compares."""
    return ErrorResponse(json_response(401, {"detail": detail}))


def invalid_column(column: str | None, message: str) -> ErrorResponse:
    """422 in a format that Piccolo's page shows as a sentence. `column` is None if the error concerns the whole row."""
    if column is None:
        return ErrorResponse(json_response(422, {"custom_form_error": message}))
    label = column.replace("_", " ").capitalize()
    return ErrorResponse(json_response(422, {"custom_form_error": f"{label}: {message}", "column": column}))


def see_other(path: str) -> ProxyResponse:
    return ProxyResponse(303, [(b"location", path.encode()), (b"content-length", b"0")])


async def read_limited_body(request: AnyRequest) -> bytes:
    """Raises Problem 413 above MAX_FORM_BYTES, and ClientDisconnected."""
    body = bytearray()
    while True:
        message = cast(Message, await request.receive())
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        body += message.get("body", b"")
        if len(body) > MAX_FORM_BYTES:
            raise Problem(413, "The body is too large.")
        if not message.get("more_body", False):
            return bytes(body)


async def call_app(app: ASGIApp, scope: Scope, receive: Receive) -> ProxyResponse:
    """Calls an ASGI app and returns its whole response."""
    response = ProxyResponse(500, [])
    parts: list[bytes] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            response.status, response.headers = message["status"], list(message["headers"])
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    response.body = b"".join(parts)
    return response


async def forward(
    app: ASGIApp, request: AnyRequest, path: str, body: bytes | None = None, *, query: bytes | None = None
) -> ProxyResponse:
    """Forwards the request to an ASGI app in a canonical form, with this path.

    With a JSON `body`, the method is that of the request, and there is no query string. Without it, the method is GET,
    and `query` replaces the query string of the request unless it is None.
    """
    scope, receive = cast(Scope, request.scope), cast(Receive, request.receive)
    headers = [(name, value) for name, value in scope["headers"] if name not in {b"content-type", b"content-length"}]
    if body is not None:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    inner = {name: scope[name] for name in FORWARDED_KEYS if name in scope} | {
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET" if body is None else scope["method"],
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": b"" if body is not None else scope["query_string"] if query is None else query,
        "headers": headers,
    }
    body_was_sent = False

    async def receive_body() -> Message:
        nonlocal body_was_sent
        if not body_was_sent:
            body_was_sent = True
            return {"type": "http.request", "body": body or b"", "more_body": False}
        while (message := await receive())["type"] != "http.disconnect":
            pass  # discards the body of a GET
        return message

    response = await call_app(app, inner, receive_body)
    if scope["scheme"] == "https":
        response.headers = [
            (name, value + b"; Secure" if name == b"set-cookie" else value) for name, value in response.headers
        ]
    return response


async def rendered(request: AnyRequest, response: Response[Any]) -> ProxyResponse:
    """Converts a response of Litestar."""
    app = cast(ASGIApp, response.to_asgi_response(None, request))  # Litestar declares its own ASGI types
    return await call_app(app, cast(Scope, request.scope), cast(Receive, request.receive))
