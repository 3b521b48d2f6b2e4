"""Calls of Piccolo Admin's page: passing them on, and what is answered."""

from typing import Any, cast
from urllib.parse import quote

import msgspec
from litestar import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.pages.forms import MAX_FORM_BYTES
from web.problems import Problem
from web.requests import AnyRequest, ClientDisconnected

PASSED_ON = ("type", "http_version", "scheme", "client", "server", "state")


class Answer(msgspec.Struct):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""

    def add(self, name: str, value: str) -> None:
        self.headers.append((name.encode(), value.encode()))

    async def send(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self.body})


class Refused(Exception):
    """Ends the call with this answer, and undoes what it did."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def json_answer(status: int, body: object) -> Answer:
    content = msgspec.json.encode(body)
    length = str(len(content)).encode()
    return Answer(status, [(b"content-type", b"application/json"), (b"content-length", length)], content)


def refused(status: int, detail: str) -> Refused:
    """Piccolo's page shows it as it is where the status is 405, else within its JSON."""
    return Refused(json_answer(status, {"detail": detail}))


def refused_field(field: str | None, message: str) -> Refused:
    """422 in the two forms in which Piccolo's page shows it as a sentence."""
    if field is None:
        return Refused(json_answer(422, {"custom_form_error": message}))
    return Refused(json_answer(422, {"detail": [{"loc": ["body", field], "msg": message, "type": "value_error"}]}))


def redirect(path: str) -> Answer:
    return Answer(303, [(b"location", path.encode()), (b"content-length", b"0")])


async def body_of(request: AnyRequest) -> bytes:
    """Raises Problem 413, and ClientGone."""
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


async def answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    """The whole response of an app."""
    answer = Answer(500, [])
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    answer.body = b"".join(parts)
    return answer


async def pass_on(
    app: ASGIApp, request: AnyRequest, path: str, body: bytes | None = None, *, query: bytes | None = None
) -> Answer:
    """The answer of an app to a call in a form without ambiguities: with this path, and this body of JSON.

    Without a body it is a call that reads; its query is that of the request, unless there is another.
    """
    scope, receive = cast(Scope, request.scope), cast(Receive, request.receive)
    headers = [(name, value) for name, value in scope["headers"] if name not in {b"content-type", b"content-length"}]
    if body is not None:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    inner = {name: scope[name] for name in PASSED_ON if name in scope} | {
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET" if body is None else scope["method"],
        "path": path,
        "raw_path": quote(path).encode(),
        "root_path": "",
        "query_string": b"" if body is not None else scope["query_string"] if query is None else query,
        "headers": headers,
    }
    told = False

    async def tell() -> Message:
        nonlocal told
        if not told:
            told = True
            return {"type": "http.request", "body": body or b"", "more_body": False}
        while (message := await receive())["type"] != "http.disconnect":
            pass  # what came with a call that reads
        return message

    answer = await answer_of(app, inner, tell)
    if scope["scheme"] == "https":
        answer.headers = [
            (name, value + b"; Secure" if name == b"set-cookie" else value) for name, value in answer.headers
        ]
    return answer


async def sent(request: AnyRequest, response: Response[Any]) -> Answer:
    """What Litestar makes of a response of its own."""
    app = cast(ASGIApp, response.to_asgi_response(None, request))  # Litestar's types of ASGI are its own
    return await answer_of(app, cast(Scope, request.scope), cast(Receive, request.receive))
