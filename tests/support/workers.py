"""Sends requests to each worker process of a server: a connection stays with the worker that accepted it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

import msgspec
import psutil

from tests.support.servers import Server
from tests.support.wait import GUARD


class Worker:
    def __init__(self, connection: HTTPConnection, pid: int) -> None:
        self.connection = connection
        self.pid = pid

    def ask(self, host: str, target: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
        """Returns the status and the problem document, which is empty for a success."""
        headers = {"Host": host} | ({"Authorization": f"ApiToken {token}"} if token else {})
        self.connection.request("GET", target, headers=headers)
        response = self.connection.getresponse()
        body = response.read()
        return response.status, msgspec.json.decode(body) if response.status >= 400 else {}


@contextmanager
def each_worker(server: Server, workers: int) -> Iterator[list[Worker]]:
    found: dict[int, Worker] = {}
    spare: list[HTTPConnection] = []
    deadline = time.monotonic() + GUARD
    try:
        while len(found) < workers:
            assert time.monotonic() < deadline, f"{len(found)} of {workers} workers answer"
            try:
                worker = connect(server)
            except (OSError, HTTPException):  # the worker is starting
                continue
            if found.setdefault(worker.pid, worker) is not worker:
                spare.append(worker.connection)
        yield list(found.values())
    finally:
        for connection in [*spare, *(worker.connection for worker in found.values())]:
            connection.close()


def connect(server: Server) -> Worker:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=GUARD)
    worker = Worker(connection, 0)
    assert worker.ask("localhost", "/healthz")[0] == 200
    mine = connection.sock.getsockname()[1]
    (worker.pid,) = {
        process.pid
        for process in [psutil.Process(server.process), *psutil.Process(server.process).children(recursive=True)]
        for peer in process.net_connections("tcp")
        if peer.raddr[1:] == (mine,)
    }
    return worker
