"""Sends requests with any header lines and any request target, valid or not."""

from collections.abc import Iterable
from http.client import HTTPConnection, HTTPMessage
from typing import Any

import msgspec

from tests.support.servers import Server


class RawResponse(msgspec.Struct):
    status: int
    headers: HTTPMessage
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def raw(server: Server, target: str, headers: Iterable[tuple[str, str]], method: str = "GET") -> RawResponse:
    """Sends the request on a new connection with only these header lines."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value.encode("utf-8"))
        connection.endheaders()
        response = connection.getresponse()
        return RawResponse(response.status, response.headers, response.read())
    finally:
        connection.close()
