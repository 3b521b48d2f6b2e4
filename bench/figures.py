"""make bench: how fast reports, CSV and intake are, each beside a reference measured alternately in the same run.

    make bench PEERS=folder

The peers, other implementations of the same report (django_app.py, fastapi_app.py, load.sql), get an environment and a
schema of their own. Needs wrk.
"""

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import asyncpg
import click
import httpx
import msgspec
import psutil

from bench.data import ADVERTISER, prepare
from database import binary, url
from errors import GokartError
from reporting.filters import make_filter
from reporting.queries import singular
from tenants.current import Tenant
from terminal import run

ROOT = Path(__file__).parents[1]
ROUNDS = 5
SECONDS = 3
CONNECTIONS = 8
OURS, DJANGO, FASTAPI = 8820, 8821, 8822
MONTH = "date_from=2024-01-01&date_to=2024-01-31"
YEAR = "date_from=2024-01-01&date_to=2024-12-31"
PEER_PACKAGES = ["django", "django-tenants", "djangorestframework", "psycopg[binary]", "gunicorn", "fastapi",
                 "sqlalchemy[asyncio]", "asyncpg", "uvicorn[standard]"]  # fmt: skip
EVENTS, BATCH = 200_000, 5_000

Command = list[str | Path]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--peers", type=Path, help="folder of the peers; without it they are left out")
    peers: Path | None = parser.parse_args().peers
    if shutil.which("wrk") is None:
        raise GokartError("wrk is missing: apt-get install wrk")
    os.environ["GOKART_DATABASE_URL"] = url()
    tenant, reader, sender = run(prepare)
    with ExitStack() as stack:
        server = stack.enter_context(
            serving([sys.executable, str(ROOT / "cli.py"), "serve", "--port", str(OURS)], OURS)
        )
        click.echo(f"Median of {ROUNDS} rounds (lowest to highest), alternating; one server process each.\n")
        compare_reports(stack, peers, tenant, reader)
        compare_csv(tenant, reader, server)
        measure_intake(tenant, sender)


def compare_reports(stack: ExitStack, peers: Path | None, tenant: Tenant, token: str) -> None:
    """Requests a second of a month's report of 400 rows, 8 connections."""
    ours = f"http://127.0.0.1:{OURS}/api/v1/integrations/cost-report/json?"
    host = f"api.{tenant.slug}.localhost"
    contenders = {
        "a month": lambda: wrk(ours + MONTH, host, token),
        "a year": lambda: wrk(ours + YEAR, host, token),
    }
    if peers is None:
        click.echo("(The peers are left out: no --peers.)")
    else:
        for name, port in start_peers(stack, peers).items():
            contenders[f"a month, {name}"] = peer(port)
    results = alternate(contenders)
    for name, values in results.items():
        ratio = statistics.median(results["a month"]) / statistics.median(values)
        click.echo(f"{name:28} {spread(values)} requests/s   month's is {ratio:.1f} x")


def peer(port: int) -> Callable[[], float]:
    return lambda: wrk(f"http://127.0.0.1:{port}/json?{MONTH}", "api.acme.localhost", "token-3")


def start_peers(stack: ExitStack, folder: Path) -> dict[str, int]:
    """The peers on the bench's own database, in an environment of their own."""
    place = ROOT / ".data" / "peers"
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER_PACKAGES], check=True)
    dsn = re.sub(r"[?&](port|sslmode)=[^&]*", "", url())
    if "t_acme" not in psql("SELECT nspname FROM pg_namespace"):
        psql(f"\\set days 366\n\\i {folder.resolve() / 'load.sql'}")
    environment = {"PEER_DSN": dsn, "PYTHONPATH": str(folder.resolve()), "PYTHONDONTWRITEBYTECODE": "1"}
    gunicorn: Command = [
        python,
        "-m",
        "gunicorn",
        "-w",
        "1",
        "--threads",
        "8",
        "-b",
        f"127.0.0.1:{DJANGO}",
        "django_app:application",
    ]
    uvicorn: Command = [python, "-m", "uvicorn", "fastapi_app:app", "--port", str(FASTAPI), "--no-access-log"]
    stack.enter_context(serving(gunicorn, DJANGO, **environment))
    stack.enter_context(serving(uvicorn, FASTAPI, **environment))
    return {"django peer": DJANGO, "FastAPI peer": FASTAPI}


def compare_csv(tenant: Tenant, token: str, server: psutil.Process) -> None:
    """A year of daily rows as CSV (146,400 rows), beside psql's \\copy of the same query."""
    filter_ = make_filter({"date_from": "2024-01-01", "date_to": "2024-12-31"})
    query = singular(tenant.schema, ADVERTISER, filter_)
    sql = re.sub(r"\$(\d)", lambda match: literal(query.args[int(match[1]) - 1]), query.sql).replace("\n", " ")
    highest = [0]
    results = alternate(
        {
            "CSV of a year of days": lambda: download(tenant, token, server, highest),
            "the same by psql's \\copy": lambda: copy(sql),
        }
    )
    ours, theirs = map(statistics.median, results.values())
    for name, values in results.items():
        click.echo(f"{name:28} {spread([v / 1e6 for v in values])} MB/s")
    click.echo(f"{'':28} {ours / theirs:.2f} x \\copy; the server's highest memory {highest[0] / 2**20:.0f} MB\n")


def literal(value: object) -> str:
    return "NULL" if value is None else f"'{value}'"


def headers_of(tenant: Tenant, token: str) -> dict[str, str]:
    return {"Host": f"api.{tenant.slug}.localhost", "Authorization": f"ApiToken {token}"}


def download(tenant: Tenant, token: str, server: psutil.Process, highest: list[int]) -> float:
    """Bytes a second."""
    headers = {**headers_of(tenant, token), "Accept-Encoding": "identity"}
    address = f"http://127.0.0.1:{OURS}/api/v1/integrations/cost-report/singular/csv?{YEAR}"
    started, size = time.perf_counter(), 0
    with httpx.stream("GET", address, headers=headers, timeout=60) as response:
        for chunk in response.iter_raw(2**20):
            size += len(chunk)
            highest[0] = max(highest[0], server.memory_info().rss)
    return size / (time.perf_counter() - started)


def copy(sql: str) -> float:
    """Bytes a second."""
    started = time.perf_counter()
    size = len(psql(f"\\copy ({sql}) TO STDOUT WITH (FORMAT csv, HEADER)").encode())
    return size / (time.perf_counter() - started)


def measure_intake(tenant: Tenant, token: str) -> None:
    """Views and clicks over HTTP, exactly once, in NDJSON of 5,000, by one sender; beside a bare COPY of the rows."""
    rates: dict[str, list[float]] = {"intake of events": [], "bare COPY of the rows": []}
    for _ in range(3):
        bodies, rows = make_events()
        started = time.perf_counter()
        with httpx.Client(base_url=f"http://127.0.0.1:{OURS}", timeout=60) as client:
            headers = {**headers_of(tenant, token), "Content-Type": "application/x-ndjson"}
            for body in bodies:
                client.post("/api/v1/ingest/events", content=body, headers=headers).raise_for_status()
        rates["intake of events"].append(EVENTS / (time.perf_counter() - started))
        rates["bare COPY of the rows"].append(asyncio.run(bare_copy(rows)))
    for name, values in rates.items():
        click.echo(f"{name:28} {spread(values)} a second")


def make_events() -> tuple[list[bytes], list[tuple[object, ...]]]:
    offers = psql("SELECT id FROM t_bench.offer LIMIT 100").split()
    events = [
        {"id": str(uuid4()), "type": "click" if n % 4 == 0 else "view", "offerId": offers[n % 100], "partnerId": None,
         "occurredAt": f"2025-03-{n % 28 + 1:02}T{n % 24:02}:{n % 60:02}:00Z"}
        for n in range(EVENTS)
    ]  # fmt: skip
    lines = [msgspec.json.encode(event) for event in events]
    rows: list[tuple[object, ...]] = [(event["id"], n % 100, n % 4 == 0) for n, event in enumerate(events)]
    return [b"\n".join(lines[n : n + BATCH]) for n in range(0, EVENTS, BATCH)], rows


async def bare_copy(rows: list[tuple[object, ...]]) -> float:
    """Rows a second into a table with the ledger's key."""
    db = await asyncpg.connect(url())
    try:
        await db.execute("DROP TABLE IF EXISTS bare; CREATE TABLE bare (id uuid PRIMARY KEY, offer int, is_click bool)")
        started = time.perf_counter()
        await db.copy_records_to_table("bare", records=rows)
        return len(rows) / (time.perf_counter() - started)
    finally:
        await db.execute("DROP TABLE bare")
        await db.close()


def alternate(contenders: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    for measure in contenders.values():
        measure()  # warm
    results: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, measure in contenders.items():
            results[name].append(measure())
    return results


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):10,.0f} ({min(values):,.0f} to {max(values):,.0f})"


def wrk(address: str, host: str, token: str) -> float:
    """Requests a second; every one must have been answered 2xx."""
    headers = ["-H", f"Host: {host}", "-H", f"Authorization: ApiToken {token}"]
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", *headers, address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        raise GokartError(f"{address} was not answered 2xx:\n{said}")
    match = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert match is not None
    return float(match[1])


def psql(script: str) -> str:
    command = [str(binary("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url()]
    return subprocess.run(command, input=script, capture_output=True, text=True, check=True).stdout


@contextmanager
def serving(command: Command, port: int, **environment: str) -> Iterator[psutil.Process]:
    """A server process, once it answers."""
    unlimited = {f"GOKART_TOKEN_{name}": "1000000" for name in ("RATE", "BURST", "CONCURRENCY")}
    everything = {**os.environ, **unlimited, **environment}
    process = subprocess.Popen(command, env=everything, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            with suppress(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}/healthz", headers={"Host": "api.acme.localhost"}, timeout=5)
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise GokartError(f"{command} does not serve")
            time.sleep(0.1)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
