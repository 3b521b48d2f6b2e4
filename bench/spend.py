"""What the staff's page of all advertisers reads: its totals, chart, table and comparison."""

import time
from argparse import Namespace
from collections.abc import Callable

from bench.data import WHOLE, Filled, filled
from bench.results import Row, at_most, plain
from bench.rounds import alternate
from database.pool import connection
from reporting.context import read_tenant_context
from reporting.dashboard.choices import read_choices
from reporting.dashboard.spend import SpendScope, read_spend
from reporting.query.scope import AllAdvertisers
from tenants.commands import run_command
from tenants.tenant import bound_to

METHOD = """All 50 advertisers with their 1,000 offers at 20 partners, read in this process with an open connection,
five times in each round. The year is shown by month; the year before, with which it is compared, is empty."""

YEAR = {"date_from": "2024-01-01", "date_to": "2024-12-31"}
PAGES = {
    "the spend of a year by advertiser": YEAR,
    "the same by offer": {**YEAR, "by": "offer"},
    "the spend of a day by advertiser, compared with the day before": {
        "date_from": "2024-06-11",
        "date_to": "2024-06-11",
    },
    "the landing page: 30 days by advertiser, compared with the 30 days before": {
        "date_from": "2024-06-01",
        "date_to": "2024-06-30",
    },
}
TIMES = 5


def measure(options: Namespace) -> list[Row]:
    tenant = filled(WHOLE)

    def page(query: dict[str, str]) -> Callable[[], float]:
        return lambda: run_command(lambda: read(tenant, query))

    results = alternate({name: page(query) for name, query in PAGES.items()}, options.rounds)
    year = next(iter(PAGES))
    return [plain(name, at_most(300, "ms") if name == year else None, results[name], "ms") for name in PAGES]


async def read(tenant: Filled, query: dict[str, str]) -> float:
    """The mean time in milliseconds."""
    with bound_to(tenant.tenant):
        async with connection() as db:
            context = await read_tenant_context(db, tenant.tenant, "USD")
        scope = SpendScope(tenant.tenant, AllAdvertisers(), context)
        choices = read_choices(query.items(), scope.today, staff=True)
        await read_spend(scope, choices)
        began = time.perf_counter()
        for _ in range(TIMES):
            await read_spend(scope, choices)
        return (time.perf_counter() - began) / TIMES * 1_000
