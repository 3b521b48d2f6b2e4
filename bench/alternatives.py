"""The report with other software around it: granian, PgBouncer, a replica; and the same figures by DuckDB."""

import json
import os
import subprocess
import sys
import sysconfig
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs

from bench import DATA, ROOT
from bench.clients import Load, copy, wrk
from bench.data import ADVERTISER, WHOLE, Filled, filled
from bench.reports import MONTH, PATH, YEAR, asking
from bench.results import Row, Side, left_out, ratio
from bench.rounds import alternate
from bench.serving import Command, Server, free_port, running, serving, variables
from database.engine import database_url
from tests.support.pgbouncer import find_pgbouncer, running_pgbouncer
from tests.support.replica import running_replica

METHOD = """One server process, 8 connections of wrk. Granian, instead of uvicorn, has no limits on connections. A
replica answers once its figures are known to be those of the primary, which takes a second statement. DuckDB has the
daily rows of all advertisers in memory, in a process of its own, and adds them up with all cores; its time is that of
the query alone, that of the report is its median over HTTP with one connection."""

ENVIRONMENT = DATA / "alternatives"  # with packages that nothing else needs
PACKAGES = ["duckdb", "granian"]
GRANIAN, PGBOUNCER, REPLICA = "granian", "PgBouncer", "a replica"
RANGES = {"a month's report": MONTH, "a year's report": YEAR}


def measure(options: Namespace) -> list[Row]:
    tenant = filled(WHOLE)
    install()
    with ExitStack() as stack:
        plain = stack.enter_context(serving(answers_remembered="0"))
        loads = {"": asking(plain, tenant, MONTH), **dict(alternatives(stack, tenant))}
        results = alternate(loads, options.rounds)
        return [
            *(compared(name, results) for name in (GRANIAN, PGBOUNCER, REPLICA)),
            *duckdb_rows(plain, tenant, options.rounds),
        ]


def alternatives(stack: ExitStack, tenant: Filled) -> Iterator[tuple[str, Callable[[], Load]]]:
    yield GRANIAN, asking(stack.enter_context(serving_by_granian()), tenant, MONTH)
    if find_pgbouncer():
        through = stack.enter_context(running_pgbouncer(database_url(), size=20))
        server = stack.enter_context(
            serving(answers_remembered="0", database_url=through, listen_url=database_url(), pgbouncer="true")
        )
        yield PGBOUNCER, asking(server, tenant, MONTH)
    replica = stack.enter_context(running_replica(database_url()))
    server = stack.enter_context(serving(answers_remembered="0", replica_url=replica.url))
    yield REPLICA, asking(server, tenant, MONTH)


def compared(name: str, results: dict[str, list[Load]]) -> Row:
    figure = f"a month's report, uncached, with {name}"
    if name not in results:
        return left_out(figure, None, "left out: not installed")
    rates = {each: Side([load.rate for load in results[each]], "/s", "without" * (not each)) for each in (name, "")}
    return ratio(figure, None, rates[name], rates[""])


def install() -> None:
    if not (ENVIRONMENT / "bin" / "granian").exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([ENVIRONMENT / "bin" / "python", "-m", "pip", "install", "--quiet", *PACKAGES], check=True)


@contextmanager
def serving_by_granian() -> Iterator[Server]:
    port = free_port()
    environment = variables({"answers_remembered": "0"})
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")])
    command: Command = [ENVIRONMENT / "bin" / "granian", "--interface", "asgi", "--loop", "uvloop", "--no-access-log"]
    with running([*command, "--port", str(port), "main:app"], port, **environment) as server:
        yield server


def duckdb_rows(server: Server, tenant: Filled, rounds: int) -> list[Row]:
    with TemporaryDirectory() as folder:
        for table in ("by_day", "offer", "partner"):
            copy(database_url(), f"SELECT * FROM {tenant.tenant.schema}.{table}", f"{folder}/{table}.csv")
        days = [",".join(value[0] for value in parse_qs(params).values()) for params in RANGES.values()]
        script = Path(__file__).with_name("duckdb_times.py")
        command: Command = [ENVIRONMENT / "bin" / "python", script, folder, str(ADVERTISER), *days]

        def by_duckdb() -> list[float]:
            return list(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))

        def here() -> list[float]:
            return [wrk(server.address(PATH + params), tenant.reading, 1).p50 for params in RANGES.values()]

        results = alternate({"here": here, "DuckDB": by_duckdb}, min(rounds, 3), warm=False)
    return [
        ratio(
            f"{name}, time against DuckDB's",
            None,
            Side([times[number] for times in results["here"]], "ms"),
            Side([times[number] for times in results["DuckDB"]], "ms", "DuckDB"),
        )
        for number, name in enumerate(RANGES)
    ]
