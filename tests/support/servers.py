"""Serves the app as in production: uvicorn processes on a free port, with the log in a file."""

import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.support.processes import run_cli_process, start_cli
from tests.support.wait import GUARD

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without certificates, which take time to load
SETTINGS = {  # tests send many requests from one address, and have many tenants
    "GOKART_FAILED_TOKEN_BURST": "1000000",
    "GOKART_TOKEN_BURST": "1000000",
    "GOKART_TOKEN_RATE": "1000000",
    "GOKART_CONNECTIONS_PER_ADDRESS": "1000000",
    "GOKART_HEAD_TIMEOUT": "120",  # the tests' own clients may be slow
    "GOKART_BODY_TIMEOUT": "120",
    "GOKART_IDLE_TIMEOUT": "120",  # a slow machine may take longer than the default between two requests
    # Each new tenant makes every connection look through its cached plans.
    "GOKART_CONNECTION_TENANTS": "50",
}


class Server(msgspec.Struct):
    port: int
    log: Path
    process: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=120, verify=NO_TLS)

    def log_lines(self, containing: str = "") -> list[dict[str, Any]]:
        """The log so far."""
        lines = self.log.read_bytes().splitlines()
        return [msgspec.json.decode(line) for line in lines if line.startswith(b"{") and containing.encode() in line]


@contextmanager
def running_server(folder: Path, *, workers: int = 1, **settings: str) -> Iterator[Server]:
    """Runs a server on the tests' database. `settings` are environment variables, added to SETTINGS."""
    port = int(settings.get("GOKART_PORT") or free_port())
    log = folder / f"server-{port}.log"
    command = ("serve", "--port", str(port), "--workers", str(workers))
    process = start_cli(*command, environment=environment(SETTINGS | settings), stdout=log, stderr=log)
    assert process.pid is not None
    server = Server(port, log, process.pid)
    try:
        wait_until_ready(server, process)
        yield server
    finally:
        process.terminate()
        process.join(GUARD)
        if process.is_alive():
            process.kill()
            process.join()


def environment(settings: dict[str, str]) -> dict[str, str]:
    """The environment of a process with these settings.

    Settings with another database replace the inherited PgBouncer settings too.
    """
    inherited = dict(os.environ)
    if "GOKART_DATABASE_URL" in settings:
        for name in "GOKART_LISTEN_URL", "GOKART_PGBOUNCER":
            inherited.pop(name, None)
    return inherited | settings


def wait_until_ready(server: Server, process: BaseProcess) -> None:
    deadline = time.monotonic() + GUARD
    with server.client() as client:
        while True:
            try:
                if client.get("/healthz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if not process.is_alive() or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{server.log.read_text()}")
            time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run_cli(*arguments: str, **settings: str) -> str:
    """What a command of the command line prints on standard output."""
    done = run_cli_process(*arguments, environment=environment(settings))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
