"""Finds the log line of a request."""

from typing import Any

import httpx

from tests.support.servers import Server
from tests.support.wait import wait_until


def log_line_of(server: Server, response: httpx.Response) -> dict[str, Any]:
    """The log line of the request that has this response. Fails if there are several."""
    return log_line_named(server, response.headers["x-request-id"])


def log_line_named(server: Server, request_id: str) -> dict[str, Any]:
    """The log line of the request that has this id. Fails if there are several."""
    found: list[dict[str, Any]] = []

    def written() -> bool:
        found[:] = [line for line in server.log_lines(containing=request_id) if line.get("request_id") == request_id]
        return bool(found)

    wait_until(written)
    (line,) = found
    return line
