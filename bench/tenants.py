"""The costs of many tenants: creating one, requesting one, memory of a worker and of a backend, migrating all."""

import os
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from math import ceil
from pathlib import Path
from statistics import median, quantiles

import httpx
import msgspec
import psutil

from bench import DATA, ROOT
from bench.clients import Load, ask, wrk
from bench.creating import CreatedTenant
from bench.maintenance import VACUUMED, time_autovacuum, time_dump, time_vacuum
from bench.reports import MONTH, PATH
from bench.results import Row, Side, at_most, plain, ratio
from bench.rounds import alternate, short
from bench.serving import Command, serving
from core.errors import GokartError
from database.embedded import EmbeddedPostgres
from settings import Settings

METHOD = """On a separate database, which is removed afterwards, and whose shared_buffers are a quarter of the machine's
memory, as docs/operations.md recommends. Two processes create the tenants without the latest
migration, and `gokart migrate` runs it for all of them. The last twenty tenants are created with it. Then a new server
gets a request for a report of a few rows of each tenant, one after the other, which is *the first request*, and once
more the same. After that one connection requests reports: each of a random tenant, and in comparison always of the
first tenant; if the default number of database connections does not cover all tenants, also with as many as do. Then
*memory growth* is that of the server's process since the first tenant's requests, and the memory of a backend is the
private memory (RssAnon) of the largest PostgreSQL backend. *Autovacuum round*: how long a worker lives that finds
hardly anything to vacuum, so mostly reads the catalogue and the statistics of all tables."""

PLACE = DATA / "tenants"
IN_FULL = 20
AT_ONCE = 2
ALL = 10_000
DEFAULT_POOL: int = Settings.model_fields["database_pool"].default
PER_CONNECTION: int = Settings.model_fields["connection_tenants"].default


def measure(options: Namespace) -> list[Row]:
    rows: list[Row] = []
    with own_database() as url:
        made = time_creation(url, 1, 1, "full")
        for count in sorted(options.tenants):
            rows += measure_with(url, count, made, options.rounds)
    return rows


def measure_with(url: str, count: int, made: list[CreatedTenant], rounds: int) -> list[Row]:
    """Adds tenants to `made` until there are `count` of them."""
    label = f"{count:,} tenants"
    behind = count - IN_FULL - len(made)
    if behind < 1:
        raise GokartError(f"TENANTS: each number must exceed the previous one by at least {IN_FULL + 1}")
    made += time_creation(url, len(made) + 1, behind, "behind")
    pending = time_migration(url)
    nothing = time_migration(url)
    last = time_creation(url, len(made) + 1, IN_FULL, "full")
    made += last
    milliseconds = [each.milliseconds for each in last]
    everyone, first = PLACE / "everyone", PLACE / "first"
    everyone.write_text("\n".join(each.caller for each in made))
    first.write_text(made[0].caller)
    requested = {}
    covering = ceil(count / PER_CONNECTION) + 1
    for connections in (DEFAULT_POOL, covering) if covering > DEFAULT_POOL else (DEFAULT_POOL,):
        with serving(database_url=url, database_pool=str(connections)) as server:
            address = server.address(PATH + MONTH)
            request_each(address, made[:1] * 100)
            before = server.memory
            first_requests, _ = request_each(address, made), request_each(address, made)
            callers = {file: partial(wrk, address, {}, connections=1, callers=file) for file in (everyone, first)}
            loads = alternate(callers, rounds)
            requested[connections] = Requested(
                loads, median(first_requests), server.memory - before, largest_backend(url)
            )
    default = requested[DEFAULT_POOL]
    ((size,),) = ask(url, "SELECT pg_database_size(current_database())")
    rounds_of_vacuum, vacuum, dump = time_autovacuum(url, rounds), time_vacuum(url), time_dump(url)
    return [
        plain(f"{label}: create a tenant", at_most(100, "ms"), milliseconds, "ms"),
        plain(f"{label}: create a tenant, p95", at_most(100, "ms"), [quantiles(milliseconds, n=20)[-1]], "ms"),
        *(
            ratio(
                f"{label}: a request of a random tenant, p50, {connections} connections",
                at_most(1.5),
                Side([load.p50 for load in each.loads[everyone]], "ms"),
                Side([load.p50 for load in each.loads[first]], "ms", "always the first"),
            )
            for connections, each in requested.items()
        ),
        plain(f"{label}: the first request of a tenant, p50", None, [default.first_request], "ms"),
        plain(f"{label}: memory growth of a worker", at_most(100, "MB"), [default.worker], "MB"),
        plain(f"{label}: memory of a backend", at_most(200, "MB"), [default.backend], "MB"),
        plain(
            f"{label}: migrate {behind:,} tenants, extrapolated to {ALL:,}",
            at_most(10, "min"),
            [pending / behind * ALL / 60],
            "min",
            f"measured {short(pending)} s",
        ),
        plain(f"{label}: migrate, nothing pending", None, [nothing], "s"),
        plain(f"{label}: disk, each", None, [size / count / 1e6], "MB"),
        plain(f"{label}: an autovacuum round", None, rounds_of_vacuum, "s"),
        plain(f"{label}: vacuum all tables of {VACUUMED} tenants", None, [vacuum], "s"),
        plain(f"{label}: pg_dump of one tenant", None, [dump], "s"),
    ]


class Requested(msgspec.Struct, frozen=True):
    """`loads` by the file of their callers; `first_request` in milliseconds; `worker` and `backend` in MB."""

    loads: dict[Path, list[Load]]
    first_request: float
    worker: float
    backend: float


def request_each(address: str, made: list[CreatedTenant]) -> list[float]:
    """Requests a report of each tenant, and returns the milliseconds of each request."""
    times = []
    with httpx.Client(timeout=60) as client:
        for each in made:
            host, token = each.caller.split()
            started = time.perf_counter()
            client.get(address, headers={"Host": host, "Authorization": f"ApiToken {token}"}).raise_for_status()
            times.append((time.perf_counter() - started) * 1000)
    return times


def largest_backend(url: str) -> float:
    """The private memory of the largest backend, in MB."""
    others = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    return max(private(pid) for (pid,) in ask(url, others))


def private(pid: int) -> float:
    """The private memory of a process in MB; 0 if it has ended."""
    status = Path(f"/proc/{pid}/status")
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in status.read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) / 1024
    return 0


def time_creation(url: str, first: int, count: int, version: str) -> list[CreatedTenant]:
    """Creates tenants, with two processes if there are many of them."""
    parts = AT_ONCE if count > IN_FULL else 1
    sizes = [count // parts + (part < count % parts) for part in range(parts)]
    environment = {**os.environ, "GOKART_DATABASE_URL": url}
    processes = []
    for size in sizes:
        command = [sys.executable, "-m", "bench.creating", str(first), str(size), version]
        processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE))
        first += size
    made: list[CreatedTenant] = []
    for process in processes:
        output, _ = process.communicate()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
        made += msgspec.json.decode(output, type=list[CreatedTenant])
    return made


def time_migration(url: str) -> float:
    """The seconds that `gokart migrate` takes."""
    started = time.perf_counter()
    environment = {**os.environ, "GOKART_DATABASE_URL": url}
    command: Command = [sys.executable, ROOT / "cli.py", "migrate"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


@contextmanager
def own_database() -> Iterator[str]:
    """Runs a new database server, and yields its URL."""
    if PLACE.exists():  # left over from a run that was killed
        leftover = EmbeddedPostgres(PLACE / "postgres")
        leftover.start()
        leftover.stop()
        shutil.rmtree(PLACE)
    PLACE.mkdir(parents=True)
    quarter = psutil.virtual_memory().total // 4 // 2**20
    server = EmbeddedPostgres(PLACE / "postgres", shared_buffers=f"{quarter}MB")
    url = server.start()
    try:
        yield url
    finally:
        server.stop()
        shutil.rmtree(PLACE)
