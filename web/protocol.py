"""uvicorn's HTTP/1.1 protocol with limits: on connections, on the size of the request head, and on the time that a
client takes to send a request. Errors are problem+json.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Literal, cast
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from core.metrics import count_request
from settings import settings
from web.connections import RESERVED, connection_counts
from web.problems import PROBLEM_JSON, RETRY_AFTER, Problem, problem_body

LONGEST_HEAD = 2**16  # bytes of request line and headers after the read in which they start; the parser has no limit
LINGER = 2.0  # seconds for a client to read an error
MAX_REFUSED_OPEN = RESERVED // 2  # refused connections beyond are closed without a response
DRAIN = 120.0  # seconds for a client to read the rest of a response after which the connection is closed


class BoundedHttpProtocol(HttpToolsProtocol):
    """Named in `cli.run_server`."""

    head = 0
    in_head = True
    in_body = False
    begun = False
    received = False  # anything at all
    counted = False  # among the open connections
    ended = False  # what the client still sends is ignored
    awaited: Literal["head", "body"] | None = None  # what the timer waits for
    timer: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        reason = connection_counts.open(self.client and self.client[0])
        if reason is None:
            self.counted = True
            self.watch()
        elif connection_counts.refused_open < MAX_REFUSED_OPEN:
            connection_counts.refused_open += 1
            self.refuse(503, f"There are {reason}. Try again shortly.", {"Retry-After": str(RETRY_AFTER)})
        else:
            connection_counts.refused_open += 1
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_timer()
        if self.counted:
            connection_counts.close(self.client and self.client[0])
        else:
            connection_counts.refused_open -= 1
        cycle = self.unanswered()
        super().connection_lost(exc)
        if cycle is not None and (on_disconnect := cycle.scope["state"].get("on_disconnect")):
            on_disconnect()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.in_head = self.begun = True
        self.awaited = None  # the head of each request has its own time
        self.stop_timer()

    def on_headers_complete(self) -> None:
        self.in_head, self.in_body = False, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.in_body = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        if self.is_over():
            return
        self.begun, self.received = False, True
        super().data_received(data)
        # The offset of the head in `data` is unknown, so the read in which it starts is not counted.
        self.head = 0 if self.begun else self.head + len(data)
        if self.is_over():
            return
        if self.in_head and self.head > LONGEST_HEAD:
            self.refuse(431, f"The request line and headers are longer than {LONGEST_HEAD} bytes.")
        else:
            self.watch()

    def is_over(self) -> bool:
        return self.ended or self.transport.is_closing()

    def unanswered(self) -> RequestResponseCycle | None:
        """The last request, unless its response is complete."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle if cycle is not None and not cycle.response_complete else None

    def watch(self) -> None:
        """Starts the timer when a head or a body begins, and stops it when the request is complete."""
        awaited: Literal["head", "body"] | None = "head" if self.in_head else "body" if self.in_body else None
        if awaited != self.awaited:
            self.awaited = awaited
            self.stop_timer()
            if awaited is not None:
                seconds = settings.head_timeout if awaited == "head" else settings.body_timeout
                self.start_timer(seconds, self.request_timed_out)

    def request_timed_out(self) -> None:
        if self.in_head and self.unanswered():  # sent ahead, while an earlier request is being answered
            self.start_timer(settings.head_timeout, self.request_timed_out)
            return
        connection_counts.log_refusal("incomplete in time", self.client and self.client[0])
        if self.received and (self.in_head or self.unanswered()):
            part = "head" if self.in_head else "body"
            self.refuse(408, f"The {part} of the request was not complete in time.")
        else:  # nothing was sent, or the request has been answered before its body was complete
            self.transport.abort()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self.start_timer(DRAIN, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.start_timer(DRAIN, self.transport.abort)

    def start_timer(self, seconds: float, action: Callable[[], None]) -> None:
        self.stop_timer()
        self.timer = self.loop.call_later(seconds, action)

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def send_400_response(self, msg: str) -> None:
        self.refuse(400, msg)

    def refuse(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Sends an error and ends the connection, LINGER later: closed at once, the client could lose the error."""
        cycle = self.unanswered()
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
            if on_disconnect := cycle.scope["state"].get("on_disconnect"):
                on_disconnect()  # nobody reads its response
            if cycle.response_started or self.pipeline:  # another response has begun or comes first
                self.transport.abort()
                return
        count_request(None, None, status, 0.0, complete=True)
        request_id = uuid4().hex
        problem = Problem(status, detail, title=None if status == 503 else HTTPStatus(status).phrase)
        body = problem_body(problem, {"state": {"request_id": request_id}})
        lines = {
            "Content-Type": PROBLEM_JSON,
            "Content-Length": str(len(body)),
            "X-Request-Id": request_id,
            "Connection": "close",
            **(headers or {}),
        }
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items())
        self.transport.write(head.encode() + b"\r\n" + body)
        self.transport.write_eof()
        self.ended = True
        self.start_timer(LINGER, self.transport.abort)
