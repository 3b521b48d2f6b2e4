"""Responses that are streamed, of any report."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from litestar import HttpMethod, Response
from litestar.datastructures.headers import Accept
from litestar.response import Stream as StreamingResponse
from starlette.types import Receive, Scope, Send

from web.problems import Problem
from web.requests import AnyRequest, header_values, request_state
from web.streams import with_first_chunk


class EncodedResponse(Response[bytes]):
    """A response that is sent as it is. Those of Litestar convert headers and body for several times as long.

    `headers` are encoded. The header Content-Length is added if the status allows a body.
    """

    __slots__ = ("encoded_headers",)

    def __init__(self, status_code: int, encoded_headers: list[tuple[bytes, bytes]], content: bytes = b"") -> None:
        self.status_code = status_code
        self.encoded_headers = encoded_headers
        self.content = content
        if status_code != HTTPStatus.NOT_MODIFIED:
            encoded_headers.append((b"content-length", b"%d" % len(content)))

    def to_asgi_response(self, *_: object, **__: object) -> Any:
        return self.send

    async def send(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.encoded_headers})
        await send({"type": "http.response.body", "body": self.content, "more_body": False})


def accepted_format(request: AnyRequest, formats: Mapping[str, str]) -> str:
    """The format that the header Accept prefers; without the header, the first. `formats` has names by media type.

    Raises Problem 406.
    """
    accepted = ",".join(header_values(request.scope, b"accept")).strip() or "*/*"
    chosen = None
    with suppress(OverflowError):  # what Litestar raises for q=inf
        chosen = Accept(accepted).best_match(list(formats))
    if chosen is None:
        raise Problem(406, f"No format of Accept is available; available: {', '.join(formats)}.")
    return formats[chosen]


def vary_by_encoding(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a response without a body, which the compressor leaves alone."""
    return {**headers, "Vary": f"{headers['Vary']}, Accept-Encoding"}


def requested_etags(request: AnyRequest) -> list[str]:
    """Those of If-None-Match."""
    return [tag.strip() for value in header_values(request.scope, b"if-none-match") for tag in value.split(",")]


async def streaming_response(
    request: AnyRequest, chunks: AsyncGenerator[bytes, None], media_type: str, headers: Mapping[str, str]
) -> Response[Any]:
    """The response starts once the first chunk has been read: a query that fails before is a 503. HEAD gets no body."""
    body = await with_first_chunk(chunks)
    if request.method == HttpMethod.HEAD:
        await chunks.aclose()  # closing `body`, which has not started, would close nothing
        return StreamingResponse((), media_type=media_type, headers=vary_by_encoding(headers))
    return StreamingResponse(body, media_type=media_type, headers=headers)


def row_logger(request: AnyRequest) -> Callable[[int], None]:
    """Sets the number of rows in the request's log line."""
    return lambda rows: request_state(request.scope)["log"].update(rows=rows)
