"""The command line reports errors in one line, and leaves no process running."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from database.embedded import EmbeddedPostgres
from settings import PREFIX, PROJECT
from tests.support.wait import wait_until

CLI = [sys.executable, str(PROJECT / "cli.py")]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a new user: no settings except the data directory."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**clean, "GOKART_DATA_DIR": str(tmp_path / "data")}


def gokart(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120, cwd="/"
    )


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def test_help_starts_nothing(environment: dict[str, str]) -> None:
    result = gokart(environment, "--help")
    assert result.returncode == 0
    assert "serve" in result.stdout
    assert not Path(environment["GOKART_DATA_DIR"]).exists()


def test_it_works_from_any_directory(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "settings.py").write_text("raise SystemExit('the wrong settings')")
    (tmp_path / "kart").symlink_to(PROJECT / "gokart")
    result = subprocess.run(
        [tmp_path / "kart", "serve", "--help"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "GOKART_PORT" in result.stdout


def test_a_port_in_use_is_reported_with_its_setting(environment: dict[str, str], taken: int) -> None:
    result = gokart(environment, "serve", "--port", str(taken))
    assert result.returncode == 1
    assert result.stderr == (f"Error: Port {taken} of 127.0.0.1 is in use: choose another with GOKART_PORT or --port\n")


def test_an_invalid_host_is_reported_with_its_setting(environment: dict[str, str]) -> None:
    result = gokart(environment, "serve", "--host", "192.0.2.1")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: 192.0.2.1 is not an address of this machine: choose one with GOKART_HOST")


def test_a_database_error_is_one_line(environment: dict[str, str], free: int) -> None:
    occupied = Path(environment["GOKART_DATA_DIR"]) / "postgres"
    occupied.mkdir(parents=True)
    (occupied / "thesis.txt").touch()
    result = gokart(environment, "serve", "--port", str(free))
    assert result.returncode == 1
    assert result.stderr.startswith(f"Error: {occupied} contains other files than a PostgreSQL database")
    assert len(result.stderr.splitlines()) == 1


def test_an_invalid_setting_is_reported_by_name(environment: dict[str, str]) -> None:
    result = gokart({**environment, "GOKART_PORT": "eighty"}, "serve")
    assert result.returncode == 1
    assert result.stderr.startswith("Invalid settings:\n  GOKART_PORT: ")


@pytest.mark.parametrize(("ending", "workers"), [(signal.SIGTERM, 1), (signal.SIGINT, 1), (signal.SIGTERM, 2)])
def test_the_database_stops_with_the_server(
    environment: dict[str, str], free: int, ending: signal.Signals, workers: int
) -> None:
    database = EmbeddedPostgres(Path(environment["GOKART_DATA_DIR"]) / "postgres")
    with subprocess.Popen([*CLI, "serve", "--port", str(free), "--workers", str(workers)], env=environment) as serving:
        try:
            assert health_status(free, serving) == 200
            assert database.running
        finally:
            serving.send_signal(ending)
            serving.wait(120)
    assert not database.running


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_database_is_started_again(environment: dict[str, str], free: int, workers: int) -> None:
    pid_file = Path(environment["GOKART_DATA_DIR"]) / "postgres" / "postmaster.pid"
    assert gokart(environment, "tenants", "create", "acme", "--name", "Acme").returncode == 0
    with subprocess.Popen([*CLI, "serve", "--port", str(free), "--workers", str(workers)], env=environment) as serving:
        try:
            assert health_status(free, serving) == 200
            first = postmaster(pid_file)
            os.kill(first, signal.SIGKILL)
            wait_until(lambda: postmaster(pid_file) not in {0, first})
            wait_until(lambda: health_status(free, serving, "/readyz") == 200)
        finally:
            serving.terminate()
            serving.wait(120)


def postmaster(pid_file: Path) -> int:
    """0: none is running, or it is starting."""
    try:
        return int(pid_file.read_text().partition("\n")[0])
    except (OSError, ValueError):
        return 0


def health_status(port: int, serving: subprocess.Popen[bytes], path: str = "/healthz") -> int:
    """The response, as soon as the server responds."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and serving.poll() is None:
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except ConnectionError:
            time.sleep(0.05)
        finally:
            connection.close()
    pytest.fail("the server did not respond")
