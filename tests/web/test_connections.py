"""Slow, idle and numerous connections do not keep others out."""

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from tests.support.database import locked
from tests.support.sandbox import JSON, Sandbox
from tests.support.servers import Server, running_server
from tests.support.wait import GUARD, wait_until

HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
PER_ADDRESS, IN_ALL = 8, 12

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits for requests for two seconds only."""
    with running_server(
        tmp_path_factory.mktemp("hasty"),
        GOKART_HEAD_TIMEOUT="2",
        GOKART_BODY_TIMEOUT="2",
        GOKART_IDLE_TIMEOUT="2",
        GOKART_LOCK_TIMEOUT="60",
    ) as running:
        yield running


def connect(server: Server, address: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=GUARD, source_address=(address, 0))


def read_to_end(connection: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    received = b""
    while part := connection.recv(65_536):
        received += part
    return received


def problem_of(response: bytes) -> tuple[str, str]:
    """The title and the detail of the problem document."""
    head, _, body = response.partition(b"\r\n\r\n")
    problem = msgspec.json.decode(body)
    assert head.startswith(f"HTTP/1.1 {problem['status']} ".encode())
    assert b"Content-Type: application/problem+json" in head
    return problem["title"], problem["detail"]


@pytest.mark.parametrize("sent", [b"G", HEALTHZ, HEALTHZ + b"X: "])
def test_a_head_that_is_not_complete_in_time_gets_408(hasty: Server, sent: bytes) -> None:
    with connect(hasty) as connection:
        connection.sendall(sent)
        assert problem_of(read_to_end(connection)) == (
            "Request Timeout",
            "The head of the request was not complete in time.",
        )


def test_a_client_that_sends_a_head_byte_by_byte_gets_408(hasty: Server) -> None:
    with connect(hasty) as connection:
        connection.sendall(HEALTHZ)
        connection.settimeout(0.05)
        response = b""
        while not response.endswith(b"}"):
            try:
                response += connection.recv(65_536)
            except TimeoutError:
                connection.sendall(b"X")
        assert problem_of(response)[0] == "Request Timeout"


def test_a_body_that_is_not_complete_in_time_gets_408(hasty: Server, sandbox: Sandbox) -> None:
    lines = [
        "POST /api/v1/ingest/events HTTP/1.1",
        f"Host: {sandbox.host}",
        f"Authorization: ApiToken {sandbox.ingest_key}",
        "Content-Type: application/json",
        "Content-Length: 100",
        "",
        "[",
    ]
    with connect(hasty) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert problem_of(read_to_end(connection)) == (
            "Request Timeout",
            "The body of the request was not complete in time.",
        )


def test_the_rest_of_a_body_is_not_awaited_after_the_response(hasty: Server) -> None:
    with connect(hasty) as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[")
        response = b""
        with suppress(ConnectionResetError):
            while part := connection.recv(65_536):
                response += part
        assert response.startswith(b"HTTP/1.1 404 ")
        assert response.count(b"HTTP/1.1") == 1


def test_connections_without_a_request_are_closed(hasty: Server) -> None:
    with connect(hasty) as silent, connect(hasty) as idle:
        idle.sendall(HEALTHZ + b"\r\n")
        assert read_to_end(idle).startswith(b"HTTP/1.1 200 ")
        with suppress(ConnectionResetError):
            assert silent.recv(65_536) == b""


def test_a_second_request_has_its_own_time(hasty: Server) -> None:
    with connect(hasty) as connection:
        connection.sendall((HEALTHZ + b"\r\n") * 2 + HEALTHZ)
        responses = read_to_end(connection)
        assert responses.count(b"HTTP/1.1 200 OK") == 2
        assert problem_of(responses[responses.index(b"HTTP/1.1 408 ") :])[0] == "Request Timeout"


def test_a_response_may_take_longer_than_its_request(hasty: Server, sandbox: Sandbox) -> None:
    lines = [f"GET {JSON}?date_from=2025-05-01&date_to=2025-05-31 HTTP/1.1", f"Host: {sandbox.host}"]
    lines += [f"Authorization: ApiToken {sandbox.owner_key}", "Connection: close", "", ""]
    with connect(hasty) as connection:
        opened = time.monotonic()
        with locked(f"{sandbox.tenant.schema}.by_month"):
            connection.sendall("\r\n".join(lines).encode())
            wait_until(lambda: time.monotonic() > opened + 3)
        assert read_to_end(connection).startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def few(tmp_path: Path) -> Iterator[Server]:
    with running_with_few(tmp_path) as running:
        yield running


def running_with_few(folder: Path, trusted: str = "") -> AbstractContextManager[Server]:
    return running_server(
        folder,
        GOKART_CONNECTIONS_PER_ADDRESS=str(PER_ADDRESS),
        GOKART_CONNECTIONS=str(IN_ALL),
        GOKART_TRUSTED_PROXIES=trusted,
    )


def open_connections(server: Server) -> int:
    process = psutil.Process(server.process)
    return sum(one.laddr.port == server.port and one.status == "ESTABLISHED" for one in process.net_connections("tcp"))


def occupy(server: Server, stack: ExitStack, address: str, count: int) -> list[socket.socket]:
    before = open_connections(server)
    opened = [stack.enter_context(connect(server, address)) for _ in range(count)]
    wait_until(lambda: open_connections(server) == before + count)
    return opened


def ask(server: Server, address: str) -> bytes:
    with connect(server, address) as connection:
        connection.sendall(HEALTHZ + b"Connection: close\r\n\r\n")
        return read_to_end(connection)


def test_one_address_cannot_occupy_all_connections(few: Server) -> None:
    wait_until(lambda: open_connections(few) == 0)
    with ExitStack() as stack:
        held = occupy(few, stack, "127.0.0.2", PER_ADDRESS)
        title, detail = problem_of(ask(few, "127.0.0.2"))
        assert (title, "one address" in detail) == ("Service unavailable", True)
        assert ask(few, "127.0.0.3").startswith(b"HTTP/1.1 200 ")
        (line,) = few.log_lines("connections refused")
        assert (line["last_from"], line["too_many_connections_from_one_address"]) == ("127.0.0.2", 1)
        held.pop().close()
        wait_until(lambda: ask(few, "127.0.0.2").startswith(b"HTTP/1.1 200 "))


def test_connections_in_all_are_limited(few: Server) -> None:
    wait_until(lambda: open_connections(few) == 0)
    with ExitStack() as stack:
        occupy(few, stack, "127.0.0.2", PER_ADDRESS)
        occupy(few, stack, "127.0.0.3", IN_ALL - PER_ADDRESS)
        response = ask(few, "127.0.0.4")
        assert problem_of(response)[0] == "Service unavailable"
        assert b"\r\nRetry-After: 5\r\n" in response
    wait_until(lambda: ask(few, "127.0.0.4").startswith(b"HTTP/1.1 200 "))


def test_trusted_proxies_are_limited_in_all_only(tmp_path: Path) -> None:
    with running_with_few(tmp_path, "127.0.0.2/32") as server, ExitStack() as stack:
        wait_until(lambda: open_connections(server) == 0)
        occupy(server, stack, "127.0.0.2", PER_ADDRESS + 1)
        assert ask(server, "127.0.0.2").startswith(b"HTTP/1.1 200 ")


def test_the_limit_of_descriptors_is_raised_and_logged(server: Server) -> None:
    (line,) = server.log_lines("connection limits")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    expected = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    assert line["descriptors"] >= expected
    assert psutil.Process(server.process).rlimit(psutil.RLIMIT_NOFILE)[0] == line["descriptors"]
    assert line["connections"] < line["descriptors"]
