"""A month's report of a tenant with a year of history, compared with ten years."""

from argparse import Namespace

from bench.clients import Load
from bench.data import DECADE, YEAR, filled
from bench.reports import MONTH, asking
from bench.results import Row, Side, at_most, ratio
from bench.rounds import alternate
from bench.serving import serving

METHOD = """Two tenants with one advertiser each, which has 400 pairs with a row per day: one tenant with a year of data
(146,400 rows), one with ten years (1,461,200 rows). Both report the same month. 8 connections; the time is the duration
divided by the number of requests."""


def measure(options: Namespace) -> list[Row]:
    year, decade = filled(YEAR), filled(DECADE)
    with serving(answers_remembered="0") as server:
        results = alternate(
            {"decade": asking(server, decade, MONTH), "year": asking(server, year, MONTH)}, options.rounds
        )

    def side(loads: list[Load], name: str = "") -> Side:
        return Side([1000 / load.rate for load in loads], "ms", name)

    return [
        ratio(
            "a month's report with 10 years of history, time",
            at_most(1.2),
            side(results["decade"]),
            side(results["year"], "with one year"),
        )
    ]
