"""The query in UTC and in another time zone, against the frozen reports. `bench.formats` has large results."""

from argparse import Namespace
from collections.abc import Callable

from bench.clients import Load, PullResult, pull, wrk
from bench.data import WHOLE, Filled, filled
from bench.reports import PATH
from bench.results import Row, Side, at_least, at_most, plain, ratio
from bench.rounds import alternate
from bench.serving import Server, serving
from bench.streams import QUARTER_YEAR, SINGULAR

METHOD = """One advertiser of 50, whose month has 400 rows and whose 90 days have 36,000. The month: one server process,
8 connections of wrk, uncached. The 90 days: uncompressed, one download at a time."""

QUERY = "/api/v1/reports/query?"
PAIRS = "&group_by=offer,partner"
BY_DAY = "&group_by=day,offer,partner"
NEW_YORK = "&time_zone=America/New_York"
FEBRUARY = "date_from=2024-02-01&date_to=2024-02-29"  # both ends have hours
FROZEN_FEBRUARY = {
    "UTC": FEBRUARY,
    "New York": "date_from=2024-02-01T05:00Z&date_to=2024-03-01T04:59Z",
    "Kathmandu": "date_from=2024-01-31T18:15Z&date_to=2024-02-29T18:14Z",
}


def measure(options: Namespace) -> list[Row]:
    tenant = filled(WHOLE)
    with serving(report_timeout="300", answers_remembered="0") as server:
        return [*month_rows(server, tenant, options.rounds), *day_rows(server, tenant, options.rounds)]


def month_rows(server: Server, tenant: Filled, rounds: int) -> list[Row]:
    def load(path: str) -> Callable[[], Load]:
        return lambda: wrk(server.address(path), tenant.reading)

    results = alternate(
        {
            "query": load(QUERY + FEBRUARY + PAIRS),
            "query in New York": load(QUERY + FEBRUARY + PAIRS + NEW_YORK),
            "report": load(PATH + FROZEN_FEBRUARY["UTC"]),
            "report in New York": load(PATH + FROZEN_FEBRUARY["New York"]),
            "report in Kathmandu": load(PATH + FROZEN_FEBRUARY["Kathmandu"]),
        },
        rounds,
    )

    def time(name: str, label: str = "") -> Side:
        return Side([1000 / load.rate for load in results[name]], "ms", label)

    return [
        ratio(
            "the query of a month in New York, time against a UTC month",
            at_most(2.5),
            time("query in New York"),
            time("query", "UTC"),
        ),
        ratio(
            "the cost report of a month in New York, time against a UTC month",
            at_most(2.5),
            time("report in New York"),
            time("report", "UTC"),
        ),
        ratio(
            "the cost report of a month in Kathmandu, time against a UTC month",
            at_most(3.5),
            time("report in Kathmandu"),
            time("report", "UTC"),
        ),
        ratio("the query of a UTC month, time against the cost report", None, time("query"), time("report", "report")),
    ]


def day_rows(server: Server, tenant: Filled, rounds: int) -> list[Row]:
    def download(path: str) -> Callable[[], PullResult]:
        return lambda: fetch(server, tenant, path)

    results = alternate(
        {
            "query": download(f"{QUERY}{QUARTER_YEAR}{BY_DAY}&format=csv"),
            "New York": download(f"{QUERY}{QUARTER_YEAR}{BY_DAY}{NEW_YORK}&format=csv"),
            "frozen": download(f"{SINGULAR}/csv?{QUARTER_YEAR}"),
        },
        rounds,
    )

    def speed(name: str, label: str = "") -> Side:
        return Side([each.megabytes for each in results[name]], "MB/s", label)

    size = results["query"][0].size / 1e6
    return [
        ratio(
            f"90 days by day, offer and partner as CSV ({size:.1f} MB), against Singular's CSV",
            None,
            speed("query"),
            speed("frozen", "frozen CSV"),
        ),
        plain("the same in New York", at_least(10, "MB/s"), speed("New York").values, "MB/s"),
        plain("its first byte", None, [each.first_byte for each in results["New York"]], "ms"),
    ]


def fetch(server: Server, tenant: Filled, path: str) -> PullResult:
    return pull(server.address(path), {**tenant.reading, "Accept-Encoding": "identity"}, server.process)
