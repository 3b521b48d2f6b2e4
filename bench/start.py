"""Starting the server: how long it takes, and the memory of a worker, idle and after requests."""

import time
from argparse import Namespace
from collections import defaultdict

import httpx
import msgspec
import psutil

from bench.data import YEAR, Filled, filled
from bench.reports import MONTH, PATH
from bench.results import Row, at_most, plain
from bench.serving import Server, serving

METHOD = """`gokart serve` with the database running and migrated, until the first response from `/healthz`, and until
`/readyz` says that the database can be used; each start is a new process, its modules are compiled. *CPU* is that of
all processes until then. *Idle* is a worker's memory once its CPU time stands still, when the pages are imported:
resident memory counts the libraries that processes share in each of them, *its own* does not. *Requests of each kind*:
a report, a workbook, Parquet, the documentation, and the sign-in pages of advertisers, of staff and of the platform, so
often that each worker answers some."""

TIME, MEMORY = at_most(1, "s"), at_most(100, "MB")
QUERY = f"/api/v1/reports/query?time_zone=UTC&group_by=day&{MONTH}&format="
QUIET = 1.0  # seconds without CPU time
MAX_STARTS = 3  # of each kind; they differ little


class Start(msgspec.Struct, frozen=True):
    """Seconds since the start, wall clock and CPU."""

    healthy: float
    ready: float
    cpu: float


def measure(options: Namespace) -> list[Row]:
    tenant = filled(YEAR)
    figures: dict[str, list[float]] = defaultdict(list)
    for run in range(min(options.rounds, MAX_STARTS) + 1):
        for workers in 1, 2:
            found = one_start(tenant, workers)
            if run:  # the first compiles the modules
                for name, value in found.items():
                    figures[name].append(value)
    units = {name: "MB" if "memory" in name else "s" for name in figures}
    targets = {"until ready, 1 worker": TIME, "memory, idle, 1 worker": MEMORY, "memory, idle, 2 workers": MEMORY}
    return [plain(name, targets.get(name), values, units[name]) for name, values in figures.items()]


def one_start(tenant: Filled, workers: int) -> dict[str, float]:
    """The figures by name."""
    began = time.monotonic()
    with serving(workers) as server:
        healthy = time.monotonic() - began
        while httpx.get(server.address("/readyz"), timeout=30).status_code != httpx.codes.OK:
            time.sleep(0.02)
        ready, cpu = time.monotonic() - began, cpu_seconds(server)
        wait_until_quiet(server)
        idle, own = memory(server)
        send_each_kind(server, tenant, 4 * workers)
        used, _ = memory(server)
    with_workers = f"{workers} worker{'s' if workers > 1 else ''}"
    return {
        f"until healthy, {with_workers}": healthy,
        f"until ready, {with_workers}": ready,
        f"CPU until ready, {with_workers}": cpu,
        f"memory, idle, {with_workers}": idle,
        f"memory of its own, idle, {with_workers}": own,
        f"memory after requests of each kind, {with_workers}": used,
    }


def processes(server: Server) -> list[psutil.Process]:
    """The workers. With one, it is the process itself."""
    children = [child for child in server.process.children() if "spawn_main" in " ".join(child.cmdline())]
    return children or [server.process]


def cpu_seconds(server: Server) -> float:
    times = [process.cpu_times() for process in {server.process, *server.process.children()}]
    return float(sum(spent.user + spent.system for spent in times))


def wait_until_quiet(server: Server) -> None:
    spent = -1.0
    while (now := cpu_seconds(server)) - spent > 0.02 * QUIET:
        spent = now
        time.sleep(QUIET)


def memory(server: Server) -> tuple[float, float]:
    """MB of the largest worker: resident, and its own."""
    found = [process.memory_full_info() for process in processes(server)]
    return max(info.rss for info in found) / 2**20, max(info.uss for info in found) / 2**20


def send_each_kind(server: Server, tenant: Filled, times: int) -> None:
    """Each in a connection of its own."""
    pages = {"Host": f"app.{tenant.tenant.slug}.localhost"}
    requests = [
        *(
            (path, tenant.reading)
            for path in (f"{PATH}{MONTH}", f"{QUERY}xlsx", f"{QUERY}parquet", "/docs", "/openapi.json")
        ),
        ("/sign-in", pages),
        ("/staff/sign-in", pages),
        ("/sign-in", {"Host": "admin.localhost"}),
    ]
    for _ in range(times):
        for path, headers in requests:
            httpx.get(server.address(path), headers=headers, timeout=60).raise_for_status()
