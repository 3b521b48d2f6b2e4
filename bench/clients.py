"""The clients: wrk and curl over HTTP, psql, pgbench, and bare asyncpg."""

import asyncio
import re
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import asyncpg
import msgspec
import psutil
import uvloop

from core.errors import GokartError
from database.embedded import binary

SCRIPT = Path(__file__).with_name("load.lua")
CONNECTIONS = 8
SECONDS = 1


class Load(msgspec.Struct, frozen=True):
    """The result of wrk; all responses were 2xx or 3xx. `rate` is per second; `p50` and `p99` are in milliseconds."""

    rate: float
    p50: float
    p99: float
    bytes_each: float


def wrk(
    address: str,
    headers: Mapping[str, str],
    connections: int = CONNECTIONS,
    seconds: int = SECONDS,
    callers: Path | None = None,
) -> Load:
    """`callers` is a file with lines "HOST TOKEN"; each request uses a random one. Raises GokartError."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT), *header_options(headers), address]
    if callers:
        command += ["--", str(callers)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    line = msgspec.json.decode(output.splitlines()[-1], type=dict[str, int])
    if line["failed"] or not line["requests"]:
        raise GokartError(f"Requests to {address} failed:\n{output}")
    return Load(
        line["requests"] / line["microseconds"] * 1e6,
        line["p50"] / 1000,
        line["p99"] / 1000,
        line["bytes"] / line["requests"],
    )


def header_options(headers: Mapping[str, str]) -> list[str]:
    return [option for name, value in headers.items() for option in ("-H", f"{name}: {value}")]


class PullResult(msgspec.Struct, frozen=True):
    """A whole response. `size` is in bytes, `first_byte` in milliseconds, `memory` is the server's peak in MB."""

    size: int
    seconds: float
    first_byte: float
    memory: float

    @property
    def megabytes(self) -> float:
        """Megabytes per second."""
        return self.size / self.seconds / 1e6


def pull(address: str, headers: Mapping[str, str], server: psutil.Process, into: str = "/dev/null") -> PullResult:
    """Downloads with curl, which takes little CPU. Raises GokartError."""
    written = "%{http_code} %{size_download} %{time_total} %{time_starttransfer}"
    highest = 0
    command = ["curl", "-sS", "-o", into, "-w", written, *header_options(headers), address]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
        while curl.poll() is None:
            highest = max(highest, server.memory_info().rss)
            time.sleep(0.005)
        assert curl.stdout is not None
        status, size, seconds, first_byte = curl.stdout.read().decode().split()
    if curl.returncode or status != "200":
        raise GokartError(f"{address}: {status}, curl's exit code {curl.returncode}")
    return PullResult(int(size), float(seconds), float(first_byte) * 1000, highest / 2**20)


def psql(url: str, script: str) -> str:
    command = [str(binary("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=True).stdout


def copy(url: str, sql: str, into: str = "/dev/null") -> float:
    r"""The seconds that psql's \copy of the statement takes, as CSV."""
    started = time.perf_counter()
    psql(url, f"\\copy ({' '.join(sql.split())}) TO '{into}' WITH (FORMAT csv, HEADER)")
    return time.perf_counter() - started


def pgbench(url: str, sql: str) -> float:
    """Executions per second of the prepared statement, with as many connections as wrk."""
    with NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(f"{sql};")
        script.flush()
        command = [str(binary("pgbench")), "-n", "-M", "prepared", f"-c{CONNECTIONS}", "-j1", f"-T{SECONDS}"]
        output = subprocess.run([*command, "-f", script.name, url], capture_output=True, text=True, check=True).stdout
    match = re.search(r"tps = ([\d.]+)", output)
    assert match is not None, output
    return float(match[1])


def ask(url: str, sql: str, *args: object) -> list[Any]:
    """The statement's rows."""

    async def whole() -> list[Any]:
        db = await asyncpg.connect(url)
        try:
            return await db.fetch(sql, *args, timeout=600)
        finally:
            await db.close()

    return asyncio.run(whole())


def postmaster(url: str) -> psutil.Process:
    (pid,) = ask(url, "SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int")[0]
    return psutil.Process(pid)


def fetches(url: str, sql: str) -> float:
    """How often per second asyncpg fetches the statement's rows, with as many connections as wrk."""

    async def fetch_until(db: asyncpg.Connection, end: float) -> int:
        count = 0
        while time.perf_counter() < end:
            await db.fetch(sql)
            count += 1
        return count

    async def whole() -> float:
        dbs = [await asyncpg.connect(url) for _ in range(CONNECTIONS)]
        try:
            await asyncio.gather(*(db.fetch(sql) for db in dbs))
            started = time.perf_counter()
            counts = await asyncio.gather(*(fetch_until(db, started + SECONDS) for db in dbs))
            return sum(counts) / (time.perf_counter() - started)
        finally:
            for db in dbs:
                await db.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(whole())
