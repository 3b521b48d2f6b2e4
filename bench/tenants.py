"""What more tenants cost: creating one, asking one, the memory of a worker and of a backend, migrating all."""

import os
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median, quantiles

import httpx
import msgspec

from bench import DATA, ROOT
from bench.clients import ask, wrk
from bench.creating import Made
from bench.reports import MONTH, PATH
from bench.results import Row, Side, at_most, plain, ratio
from bench.rounds import alternate, short
from bench.serving import Command, Server, serving
from core.errors import GokartError
from database.embedded import EmbeddedPostgres

METHOD = """On a database of its own, removed afterwards; two processes at once create the tenants, by the version
before the last migration, which `gokart migrate` then brings to all; the last twenty are created in full. A new server
is asked for a report of a few rows at each tenant, one after the other: *memory* is what its process holds more of by
that, and what the largest of its PostgreSQL backends has for itself (RssAnon). Then one connection asks for reports:
each at a tenant picked at random, and all at the first."""

PLACE = DATA / "tenants"
IN_FULL = 20
AT_ONCE = 2
ALL = 10_000


def measure(options: Namespace) -> list[Row]:
    rows: list[Row] = []
    with own_database() as url:
        made = time_creation(url, 1, 1, "full")
        for count in sorted(options.tenants):
            rows += measure_with(url, count, made, options.rounds)
    return rows


def measure_with(url: str, count: int, made: list[Made], rounds: int) -> list[Row]:
    """Adds to `made` until there are so many."""
    there = f"{count:,} tenants"
    behind = count - IN_FULL - len(made)
    if behind < 1:
        raise GokartError(f"TENANTS: each stage has at least {IN_FULL + 1} more than what is there before")
    made += time_creation(url, len(made) + 1, behind, "behind")
    pending = time_migration(url)
    nothing = time_migration(url)
    last = time_creation(url, len(made) + 1, IN_FULL, "full")
    made += last
    milliseconds = [each.milliseconds for each in last]
    everyone, first = PLACE / "everyone", PLACE / "first"
    everyone.write_text("\n".join(each.caller for each in made))
    first.write_text(made[0].caller)
    with serving(database_url=url) as server:
        touched = touch(server, url, made)
        address = server.address(PATH + MONTH)
        answers = alternate(
            {file: partial(wrk, address, {}, connections=1, callers=file) for file in (everyone, first)}, rounds
        )
    return [
        plain(f"{there}: create one", at_most(100, "ms"), milliseconds, "ms"),
        plain(f"{there}: create one, 95th of a hundred", at_most(100, "ms"), [quantiles(milliseconds, n=20)[-1]], "ms"),
        ratio(
            f"{there}: a request at any, p50",
            at_most(1.5),
            Side([load.p50 for load in answers[everyone]], "ms"),
            Side([load.p50 for load in answers[first]], "ms", "at the first alone"),
        ),
        plain(f"{there}: the first request at each, p50", None, [touched.first_request], "ms"),
        plain(f"{there}: memory that a worker gains", at_most(100, "MB"), [touched.worker], "MB"),
        plain(f"{there}: memory of a backend", at_most(200, "MB"), [touched.backend], "MB"),
        plain(
            f"{there}: migrate {behind:,}, for {ALL:,}",
            at_most(10, "min"),
            [pending / behind * ALL / 60],
            "min",
            f"measured {short(pending)} s",
        ),
        plain(f"{there}: migrate, with nothing to do", None, [nothing], "s"),
    ]


class Touched(msgspec.Struct, frozen=True):
    """MB, and milliseconds."""

    worker: float
    backend: float
    first_request: float


def touch(server: Server, url: str, made: list[Made]) -> Touched:
    times = []
    with httpx.Client(timeout=60) as client:

        def ask_at(caller: str) -> None:
            host, token = caller.split()
            headers = {"Host": host, "Authorization": f"ApiToken {token}"}
            client.get(server.address(PATH + MONTH), headers=headers).raise_for_status()

        for _ in range(100):
            ask_at(made[0].caller)
        before = server.memory
        for each in made[1:]:
            started = time.perf_counter()
            ask_at(each.caller)
            times.append((time.perf_counter() - started) * 1000)
    return Touched(server.memory - before, largest_backend(url), median(times))


def largest_backend(url: str) -> float:
    """MB that one of the database's clients has for itself."""
    others = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    return max(private(pid) for (pid,) in ask(url, others))


def private(pid: int) -> float:
    """MB; none of a process that has ended since."""
    status = Path(f"/proc/{pid}/status")
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in status.read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) / 1024
    return 0


def time_creation(url: str, first: int, count: int, version: str) -> list[Made]:
    """By two processes at once, where there are many."""
    parts = AT_ONCE if count > IN_FULL else 1
    sizes = [count // parts + (part < count % parts) for part in range(parts)]
    environment = {**os.environ, "GOKART_DATABASE_URL": url}
    processes = []
    for size in sizes:
        command = [sys.executable, "-m", "bench.creating", str(first), str(size), version]
        processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE))
        first += size
    made: list[Made] = []
    for process in processes:
        said, _ = process.communicate()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
        made += msgspec.json.decode(said, type=list[Made])
    return made


def time_migration(url: str) -> float:
    """Seconds."""
    started = time.perf_counter()
    environment = {**os.environ, "GOKART_DATABASE_URL": url}
    command: Command = [sys.executable, ROOT / "cli.py", "migrate"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


@contextmanager
def own_database() -> Iterator[str]:
    """A new one, its URL."""
    if PLACE.exists():  # of a run that was killed
        remains = EmbeddedPostgres(PLACE / "postgres")
        remains.start()
        remains.stop()
        shutil.rmtree(PLACE)
    PLACE.mkdir(parents=True)
    server = EmbeddedPostgres(PLACE / "postgres")
    url = server.start()
    try:
        yield url
    finally:
        server.stop()
        shutil.rmtree(PLACE)
