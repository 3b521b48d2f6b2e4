"""Requests that a well-behaved client does not send: any header lines, any request target."""

from collections.abc import Iterable
from http.client import HTTPConnection, HTTPMessage
from typing import Any

import msgspec

from tests.support.servers import Server


class Answer(msgspec.Struct):
    status: int
    headers: HTTPMessage
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def raw(server: Server, target: str, headers: Iterable[tuple[str, str]], method: str = "GET") -> Answer:
    """On a connection of its own, with these header lines and no other."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value.encode("utf-8"))
        connection.endheaders()
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()
