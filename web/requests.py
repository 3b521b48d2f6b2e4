"""What goes around every request, outside of any router: id, log line, last-resort errors, what others left to do.

State of a request, in scope["state"]:
  request_id   kept from the client where it is sane
  log          fields for the request's one log line (advertiser, rows …); never a token
  headers      response headers that are known before the response is (rate limits)
  at_end       called when the response is over, however it ends
  status       of the response, once it has begun, else None
  site, tenant of the host (`tenants.middleware`)
  complete     whether the response has been sent to its end
  error        the exception behind a 5xx
  caller       whose token it is, once the guard knows it (`auth.api_keys.authenticate`)
  range        what a report was asked for (`reporting.filters`), once that has made sense
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import perf_counter
from typing import Any, cast
from uuid import uuid4

import structlog
from litestar import HttpMethod, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import send_problem

SANE_ID = re.compile(r"(?!.*gokart_)[A-Za-z0-9._-]{1,100}")  # a token sent for an id would be in the log

log = structlog.get_logger("request")


Call = Request[Any, Any, Any]
READ = [HttpMethod.GET, HttpMethod.HEAD]


def state_of(scope: Mapping[str, Any]) -> dict[str, Any]:
    return cast(dict[str, Any], scope["state"])


def header(scope: Mapping[str, Any], name: bytes) -> list[str]:
    """Every value that the request gives for a header; `name` in lower case."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


class BrokenResponseError(Exception):
    """Makes the server close the connection: a response that fails under way must not end like a whole one.

    What happened is in the log line of the request id that it carries.
    """


class Requests:
    """The outermost layer."""

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
        given = header(scope, b"x-request-id")
        request_id = given[0] if len(given) == 1 and SANE_ID.fullmatch(given[0]) else uuid4().hex
        at_end: list[Callable[[], None]] = []
        state: dict[str, Any] = {"request_id": request_id, "log": {}, "headers": {}, "at_end": at_end}
        state |= {"status": None, "complete": False}
        scope["state"] = (scope.get("state") or {}) | state
        state = state_of(scope)

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                extra = {"X-Request-Id": request_id, **state["headers"]}
                headers = [*message["headers"], *((k.lower().encode(), v.encode()) for k, v in extra.items())]
                message = {**message, "headers": headers}
            await send(message)
            state["complete"] = message["type"] == "http.response.body" and not message.get("more_body", False)

        started = perf_counter()
        try:
            await self.app(scope, receive, send_on)
        except Exception as error:  # noqa: BLE001  # of whatever kind: it ends here, as a 500 or a broken connection
            if state["status"] is not None:
                state["error"] = error
                raise BrokenResponseError(request_id) from None
            with suppress(OSError):
                await send_problem(error, scope, send_on)
        finally:
            for call in at_end:
                call()
            write_log_line(scope, state, (perf_counter() - started) * 1000)


def write_log_line(scope: Scope, state: dict[str, Any], ms: float) -> None:
    status, complete, error = state["status"], state["complete"], state.get("error")
    tenant = state.get("tenant")
    fields = {
        **({"tenant": tenant.slug} if tenant else {}),
        **state["log"],
        "method": scope["method"],
        "route": scope.get("path_template"),
        "status": status,
        "ms": round(ms, 1),
        "request_id": state["request_id"],
    }
    if not complete:
        fields["cut"] = True  # the client went away, or the response was broken off
    if error is not None and (status is None or status == 500 or not complete):
        log.error("request", **fields, exc_info=error)
    elif error is not None:
        log.warning("request", **fields, error=repr(error))
    else:
        log.info("request", **fields)
