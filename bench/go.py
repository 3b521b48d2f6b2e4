"""The report over HTTP, compared with the Go peer: Go's net/http and pgx on the same tables and statements."""

import os
import shutil
import subprocess
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import msgspec

from bench import DATA
from bench.clients import Load, PullResult, pull, wrk
from bench.data import WHOLE, Filled, filled
from bench.reports import MONTH, YEAR, asking, asking_conditionally, report_request
from bench.results import Row, Side, Target, at_least, left_out, ratio
from bench.rounds import alternate
from bench.serving import Command, Server, free_port, running, serving
from bench.streams import QUARTER_YEAR
from bench.streams import SINGULAR as SINGULAR_PATH
from core.errors import GokartError
from database.engine import database_url
from database.sql import Query
from reporting.read import COST_REPORT, SINGULAR
from settings import settings
from tenants.tenant import bound_to

METHOD = """Two server processes here and one process on all cores for Go: `bench/go_peer/main.go`, built with Debian's
packages golang and golang-github-jackc-pgx-v4-dev. It knows the key, and has no tenants, limits, log or compression.
8 connections of wrk; Singular's report is one download at a time. Go streams it with one statement for all days."""

SOURCE = Path(__file__).parent / "go_peer" / "main.go"
PACKAGES = Path("/usr/share/gocode")  # where Debian installs them
PGX = PACKAGES / "src/github.com/jackc/pgx"
WORKERS = 2

MONTH_UNCACHED, UNCHANGED, NOT_MODIFIED = "a month's report, uncached", "the same report, unchanged", "the same, 304"
A_YEAR = "a year's report, uncached"
QUARTER = "Singular JSON, 90 days of 400 pairs"
TARGETS: dict[str, Target | None] = {
    MONTH_UNCACHED: at_least(0.8),
    UNCHANGED: at_least(0.6),
    NOT_MODIFIED: at_least(0.6),
    A_YEAR: None,
    QUARTER: at_least(0.9),
}


def measure(options: Namespace) -> list[Row]:
    go_tool = shutil.which("go")
    if not (go_tool and PGX.exists()):
        why = "left out: apt-get install golang golang-github-jackc-pgx-v4-dev"
        return [left_out(name, target, why) for name, target in TARGETS.items()]
    tenant = filled(WHOLE)
    with ExitStack() as stack:
        off = stack.enter_context(serving(WORKERS, answers_remembered="0"))
        on = stack.enter_context(serving(WORKERS))
        go = stack.enter_context(serving_go(go_tool, tenant))
        loads: dict[tuple[str, str], Callable[[], Load | PullResult]] = {
            ("here", MONTH_UNCACHED): asking(off, tenant, MONTH),
            ("Go", MONTH_UNCACHED): asking_go(go, tenant, "whole/month"),
            ("here", UNCHANGED): asking(on, tenant, MONTH),
            ("Go", UNCHANGED): asking_go(go, tenant, "again/month"),
            ("here", NOT_MODIFIED): asking_conditionally(on, tenant),
            ("Go", NOT_MODIFIED): asking_go(go, tenant, "again/month", {"If-None-Match": "*"}),
            ("here", A_YEAR): asking(off, tenant, YEAR),
            ("Go", A_YEAR): asking_go(go, tenant, "whole/year"),
            ("here", QUARTER): lambda: download(off, tenant, f"{SINGULAR_PATH}/json?{QUARTER_YEAR}"),
            ("Go", QUARTER): lambda: download(go, tenant, "/stream/singular"),
        }
        results = alternate(loads, options.rounds)
    return [row(name, target, results["here", name], results["Go", name]) for name, target in TARGETS.items()]


def row(name: str, target: Target | None, here: list[Load | PullResult], go: list[Load | PullResult]) -> Row:
    def side(values: list[Load | PullResult], label: str = "") -> Side:
        rates = [value.rate if isinstance(value, Load) else value.megabytes for value in values]
        return Side(rates, "/s" if isinstance(values[0], Load) else "MB/s", label)

    return ratio(name, target, side(here), side(go, "Go"))


def download(server: Server, tenant: Filled, path: str) -> PullResult:
    return pull(server.address(path), {**tenant.reading, "Accept-Encoding": "identity"}, server.process)


def asking_go(go: Server, tenant: Filled, path: str, more: dict[str, str] | None = None) -> Callable[[], Load]:
    address = go.address(f"/{path}")
    if path.startswith("again/"):  # which sends what was read last
        httpx.get(go.address(f"/{path.replace('again', 'whole')}"), headers=tenant.reading).raise_for_status()
    return lambda: wrk(address, {**tenant.reading, **(more or {})})


@contextmanager
def serving_go(go_tool: str, tenant: Filled) -> Iterator[Server]:
    """Builds and runs the peer with the statements of this project."""
    with TemporaryDirectory() as folder:
        statements = Path(folder) / "statements.json"
        statements.write_bytes(msgspec.json.encode(statements_of(tenant)))
        port = free_port()
        command: Command = [build(go_tool), "-dsn", database_url(), "-statements", statements]
        with running([*command, "-port", str(port), "-token", tenant.reader], port) as server:
            yield server


def build(go_tool: str) -> Path:
    binary = DATA / "go_peer"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(PACKAGES), "GOCACHE": str(DATA / "go_cache")}
    command: Command = [go_tool, "build", "-o", binary, SOURCE]
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if built.returncode:
        raise GokartError(f"The Go peer cannot be built:\n{built.stderr}")
    return binary


def statements_of(tenant: Filled) -> dict[str, object]:
    """By name, those of one report each, with their arguments."""

    def as_json(query: Query) -> dict[str, object]:
        return {"sql": query.sql, "args": query.args}

    with bound_to(tenant.tenant):
        month, year = (report_request(tenant, COST_REPORT, params) for params in (MONTH, YEAR))
        singular = report_request(tenant, SINGULAR, QUARTER_YEAR)
        return {
            "month": as_json(month.whole_query(settings.stream_rows)),
            "month.validators": as_json(month.validators_query),
            "year": as_json(year.whole_query(settings.stream_rows)),
            "singular": as_json(singular.query(SINGULAR.items)),
        }
