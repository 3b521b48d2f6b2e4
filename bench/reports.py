"""The JSON report over HTTP, compared with the peers, the database alone, and an empty handler."""

from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack

import httpx

from bench.apps import EMPTY, UNCHANGED_REPORT, WHOLE_REPORT
from bench.clients import Load, fetches, pgbench, wrk
from bench.data import ADVERTISER, WHOLE, Filled, filled
from bench.peers import DJANGO, FASTAPI, start_peers
from bench.results import Row, Side, Target, at_least, at_most, left_out, ratio
from bench.rounds import alternate
from bench.serving import Server, serving, serving_app
from core.errors import GokartError
from database.engine import database_url
from reporting.filters import filter_of
from reporting.read import Report, ReportRequest

METHOD = """One advertiser of 50, whose month has 400 rows, in a tenant with 7.3 million daily rows; one server process,
8 connections of wrk unless stated otherwise, one second per round. *Cached*: with the server's report cache, which is
off in all other rows."""

PATH = "/api/v1/integrations/cost-report/json?"
MONTH = "date_from=2024-01-01&date_to=2024-01-31"
YEAR = "date_from=2024-01-01&date_to=2024-12-31"
MID_MONTH = "mid-month to mid-month"
RAGGED = {
    "a year in New York": "date_from=2024-01-01T05:00Z&date_to=2024-12-31T04:59Z",
    MID_MONTH: "date_from=2024-01-16T12:00Z&date_to=2024-12-16T11:59Z",
    "a year without its first and last quarter hour": "date_from=2024-01-01T00:15Z&date_to=2024-12-31T23:44Z",
}
PLAIN = """
SELECT o.id AS "offerId", o.name AS "offerName", m.conversions AS "totalConversions", m.clicks AS "totalClicks",
    m.views AS "totalViews", trim_scale(m.cost * 0.000001)::text AS revenue, p.name AS "publisherName"
FROM {s}.by_month m JOIN {s}.offer o ON o.key = m.offer JOIN {s}.partner p ON p.key = m.partner
WHERE o.advertiser = '{advertiser}' AND m.bucket = '2024-01-01'
    AND (m.conversions <> 0 OR m.clicks <> 0 OR m.views <> 0 OR m.cost <> 0)
ORDER BY o.name COLLATE "C", p.name COLLATE "C", o.id, p.id
"""
MAX_BYTES_OF_304 = 1_500

A_MONTH = "a month"
AGAIN = "a month again"
NOT_MODIFIED = "If-None-Match"
A_YEAR = "a year"
MONTH_ALONE, YEAR_ALONE = "a month, 1 connection", "a year, 1 connection"
NOTHING, HEALTHZ = "empty handler", "/healthz"
BARE = "bare handler"
ONLY_WHOLE, ONLY_VALIDATORS = "bare handler, report", "bare handler, validators"


def measure(options: Namespace) -> list[Row]:
    tenant = filled(WHOLE)
    sql = PLAIN.format(s=tenant.tenant.schema, advertiser=ADVERTISER)
    with ExitStack() as stack:
        off = stack.enter_context(serving(answers_remembered="0"))
        on = stack.enter_context(serving())
        bare = stack.enter_context(serving_app("bare"))
        statements = stack.enter_context(serving_app("statements"))
        loads: dict[str, Callable[[], Load]] = {
            A_MONTH: asking(off, tenant, MONTH),
            AGAIN: asking(on, tenant, MONTH),
            NOT_MODIFIED: asking_conditionally(off, tenant),
            A_YEAR: asking(off, tenant, YEAR),
            **{name: asking(off, tenant, params) for name, params in RAGGED.items()},
            MONTH_ALONE: asking(off, tenant, MONTH, connections=1),
            YEAR_ALONE: asking(off, tenant, YEAR, connections=1),
            NOTHING: lambda: wrk(bare.address(EMPTY), {}),
            ONLY_WHOLE: lambda: wrk(statements.address(WHOLE_REPORT), {}),
            ONLY_VALIDATORS: lambda: wrk(statements.address(UNCHANGED_REPORT), {}),
            HEALTHZ: lambda: wrk(off.address("/healthz"), {"Host": tenant.host}),
        }
        if options.peers:
            loads |= start_peers(stack, options.peers, MONTH)
        measured: dict[str, Callable[[], Load | float]] = {
            **loads,
            "asyncpg": lambda: fetches(database_url(), sql),
            "pgbench": lambda: pgbench(database_url(), sql),
        }
        results = alternate(measured, options.rounds)
    return rows(results)


def asking(server: Server, tenant: Filled, params: str, connections: int = 8) -> Callable[[], Load]:
    whole = httpx.get(server.address(PATH + params), headers=tenant.reading, timeout=60).raise_for_status()
    if len(whole.json()["data"]) != 400:
        raise GokartError(f"The report with {params} does not have 400 rows")

    def ask() -> Load:
        load = wrk(server.address(PATH + params), tenant.reading, connections)
        if load.bytes_each < len(whole.content):
            raise GokartError(f"Some responses to {params} were incomplete")
        return load

    return ask


def asking_conditionally(server: Server, tenant: Filled) -> Callable[[], Load]:
    whole = httpx.get(server.address(PATH + MONTH), headers=tenant.reading, timeout=60)
    headers = {**tenant.reading, "If-None-Match": whole.headers["etag"]}

    def ask() -> Load:
        load = wrk(server.address(PATH + MONTH), headers)
        if load.bytes_each > MAX_BYTES_OF_304:
            raise GokartError("Some responses to If-None-Match were not 304")
        return load

    return ask


def report_request(tenant: Filled, report: Report, params: str) -> ReportRequest:
    """As the server makes it from a query string."""
    return ReportRequest(report, tenant.tenant, ADVERTISER, filter_of(params.encode(), report.parameters))


def rows(results: dict[str, list[Load | float]]) -> list[Row]:
    def rate(name: str, label: str = "") -> Side:
        values = [value.rate if isinstance(value, Load) else value for value in results[name]]
        return Side(values, "/s", label)

    def time(name: str, label: str = "") -> Side:
        """Milliseconds per request: with one connection the median, otherwise the reciprocal of the rate."""
        values = [value for value in results[name] if isinstance(value, Load)]
        alone = name in {MONTH_ALONE, YEAR_ALONE}
        return Side([load.p50 if alone else 1000 / load.rate for load in values], "ms", label)

    def compared_with(peer: str, figure: str, target: Target, name: str) -> Row:
        if peer not in results:
            return left_out(f"{figure}, against the {peer}", target, "left out: no PEERS")
        return ratio(f"{figure}, against the {peer}", target, rate(name), rate(peer, peer))

    uncached, cached = "a month's report, uncached", "the same report, cached"
    by_handler = "against a bare handler with the same statement"
    by_asyncpg, by_pgbench = "against a plain statement in asyncpg", "against the same statement in pgbench"
    return [
        compared_with(DJANGO, uncached, at_least(10), A_MONTH),
        compared_with(FASTAPI, uncached, at_least(6), A_MONTH),
        ratio(f"{uncached}, {by_asyncpg}", None, rate(A_MONTH), rate("asyncpg", "asyncpg")),
        ratio(f"{uncached}, {by_pgbench}", None, rate(A_MONTH), rate("pgbench", "pgbench")),
        ratio(f"{uncached}, {by_handler}", None, rate(A_MONTH), rate(ONLY_WHOLE, BARE)),
        compared_with(DJANGO, cached, at_least(25), AGAIN),
        ratio(f"{cached}, against uncached", None, rate(AGAIN), rate(A_MONTH, "uncached")),
        ratio("the same with If-None-Match", at_least(0.2), rate(NOT_MODIFIED), rate(NOTHING, NOTHING)),
        ratio(f"the same with If-None-Match, {by_handler}", None, rate(NOT_MODIFIED), rate(ONLY_VALIDATORS, BARE)),
        ratio("this server's /healthz", None, rate(HEALTHZ), rate(NOTHING, NOTHING)),
        ratio("a year's report, time against a month's", at_most(2), time(A_YEAR), time(A_MONTH, A_MONTH)),
        ratio("the same, 1 connection", at_most(2), time(YEAR_ALONE), time(MONTH_ALONE, A_MONTH)),
        *(
            ratio(
                f"{name}, time against a month's",
                at_most(4 if name == MID_MONTH else 3),
                time(name),
                time(A_MONTH, A_MONTH),
            )
            for name in RAGGED
        ),
    ]
