"""uvicorn's HTTP/1.1 protocol with a limit on the size of the request head and with problem+json errors."""

from http import HTTPStatus
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from web.problems import PROBLEM_JSON, Problem, problem_body

LONGEST_HEAD = 2**16  # bytes of request line and headers after the read in which they start; the parser has no limit


class BoundedHttpProtocol(HttpToolsProtocol):
    """Named in `cli.run_server`."""

    head = 0
    in_head = True
    begun = False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.in_head = self.begun = True

    def on_headers_complete(self) -> None:
        self.in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        self.begun = False
        super().data_received(data)
        # The offset of the head in `data` is unknown, so the read in which it starts is not counted.
        self.head = 0 if self.begun else self.head + len(data)
        if self.in_head and self.head > LONGEST_HEAD and not self.transport.is_closing():
            self.refuse(431, f"The request line and headers are longer than {LONGEST_HEAD} bytes.")

    def send_400_response(self, msg: str) -> None:
        self.refuse(400, msg)

    def refuse(self, status: int, detail: str) -> None:
        request_id = uuid4().hex
        body = problem_body(
            Problem(status, detail, title=HTTPStatus(status).phrase), {"state": {"request_id": request_id}}
        )
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {PROBLEM_JSON}\r\n"
            f"Content-Length: {len(body)}\r\nX-Request-Id: {request_id}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
