"""Runs the servers: this project's, the apps that it is compared with, and the peers. One process each."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import msgspec
import psutil

from bench import DATA, ROOT
from core.errors import GokartError
from settings import PREFIX, Settings

START_TIMEOUT = 60.0  # seconds
SETTINGS = {
    **dict.fromkeys(("token_rate", "token_burst", "token_concurrency"), "1000000"),
    "quarter_retention_days": "forever",  # the data is from 2024
}

Command = list[str | Path]


class Server(msgspec.Struct, frozen=True):
    port: int
    process: psutil.Process

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def memory(self) -> float:
        """The resident memory in MB."""
        rss: int = self.process.memory_info().rss
        return rss / 2**20


@contextmanager
def serving(workers: int = 1, **settings: str) -> Iterator[Server]:
    """Runs this project's server with `gokart serve`, with very high rate limits and its log in a file."""
    port = free_port()
    command: Command = [sys.executable, ROOT / "cli.py", "serve", "--port", str(port), "--workers", str(workers)]
    with running(command, port, **variables(settings)) as server:
        yield server


@contextmanager
def serving_app(name: str) -> Iterator[Server]:
    """Runs an app of `bench.apps`."""
    port = free_port()
    with running([sys.executable, "-m", "bench.apps", name, str(port)], port, **variables({})) as server:
        yield server


def variables(given: dict[str, str]) -> dict[str, str]:
    """The environment variables of the settings. Settings that this version does not have are left out."""
    named = {name: value for name, value in (SETTINGS | given).items() if name in Settings.model_fields}
    return {f"{PREFIX}{name.upper()}": value for name, value in named.items()}


@contextmanager
def running(command: Command, port: int, **environment: str) -> Iterator[Server]:
    """Runs a server process, and yields once it responds. Raises GokartError."""
    DATA.mkdir(parents=True, exist_ok=True)
    log = DATA / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=ROOT, stdout=output, stderr=output)
    try:
        wait_for(process, port, log)
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(START_TIMEOUT)
        log.unlink()


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    with httpx.Client(headers={"Host": "api.acme.localhost"}, timeout=5) as client:
        while True:
            with suppress(httpx.TransportError):
                client.get(f"http://127.0.0.1:{port}/healthz")
                return
            if process.poll() is not None or time.monotonic() > deadline:
                raise GokartError(f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
