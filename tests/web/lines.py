"""Finding a request in the log."""

from typing import Any

import httpx

from tests.servers import Server
from tests.tenants.workers import seconds_until


def line_of(server: Server, response: httpx.Response) -> dict[str, Any]:
    """The one line of a request."""
    found: list[dict[str, Any]] = []

    def written() -> bool:
        found[:] = [line for line in server.log_lines() if line.get("request_id") == response.headers["x-request-id"]]
        return bool(found)

    seconds_until(written)
    (line,) = found
    return line
