"""Runs PgBouncer in transaction mode between the app and the tests' server."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from database.superuser import chown_to, process_identity
from tests.support.wait import GUARD

PORT = 6432
CONFIGURATION = """
[databases]
* = {target}
[pgbouncer]
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 1000
auth_type = any
listen_port = {port}
unix_socket_dir = {folder}
logfile = {folder}/log
"""


@contextmanager
def running_pgbouncer(url: str, *, size: int) -> Iterator[str]:
    """Yields the URL of the same database through PgBouncer, which opens at most `size` server connections."""
    program = find_pgbouncer()
    assert program is not None, "pgbouncer is not installed: run `make pgbouncer`"
    folder = Path(tempfile.mkdtemp(prefix="gokart-bouncer-", dir="/tmp"))  # not $TMPDIR: a socket's path is short
    target, user = target_of(url)
    (folder / "ini").write_text(CONFIGURATION.format(target=target, size=size, port=PORT, folder=folder))
    chown_to(folder, user)
    process = subprocess.Popen(
        [program, "-q", str(folder / "ini")], stderr=subprocess.DEVNULL, **process_identity(user)
    )
    try:
        wait_for(folder / f".s.PGSQL.{PORT}", process)
        name = urlsplit(url).path
        yield f"postgresql://postgres@{name}?host={quote(str(folder))}&port={PORT}&sslmode=disable"
    finally:
        process.terminate()
        process.wait(GUARD)
        shutil.rmtree(folder)


def find_pgbouncer() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


def target_of(url: str) -> tuple[str, int | None]:
    """Returns PgBouncer's connection string, and the user to run it as.

    PgBouncer refuses to run as root. The user must be able to reach the server's socket.
    """
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = options.get("host") or parts.hostname or "localhost"
    values = {
        "host": host,
        "port": options.get("port") or parts.port or 5432,
        "user": parts.username or "postgres",
        "password": parts.password,
    }
    target = " ".join(f"{name}={value}" for name, value in values.items() if value is not None)
    if os.geteuid() != 0:
        return target, None
    return target, Path(host).stat().st_uid if host.startswith("/") else 65_534  # nobody


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + GUARD
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(path)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"PgBouncer did not start:\n{path.with_name('log').read_text()}")
        time.sleep(0.01)
