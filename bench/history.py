"""A month's report at a tenant that has a year of history, and at one that has ten."""

from argparse import Namespace

from bench.clients import Load
from bench.data import DECADE, YEAR, filled
from bench.reports import MONTH, asking
from bench.results import Row, Side, at_most, ratio
from bench.rounds import alternate
from bench.serving import serving

METHOD = """Two tenants with one advertiser each, of 400 pairs with a row a day: of one year (146,400 rows) and of ten
(1,461,200). The month is one that both have. 8 connections; time out of how many requests there were."""


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
