"""The change feed of an advertiser with all offers: what changed since yesterday, nothing, and the first sync."""

from argparse import Namespace
from urllib.parse import urlencode

import httpx

from bench.clients import PullResult, ask, pull
from bench.data import WHOLE, Filled, filled
from bench.results import Row, at_most, plain
from bench.rounds import alternate
from bench.serving import Server, serving
from bench.streams import owning
from database.engine import database_url

METHOD = """One advertiser with 1,000 offers at 20 partners, whose 366 days have 7.3 million daily rows. A day of
all offers has changed since the cursor. A page has 10,000 rows."""

CHANGES = "/api/v1/reports/changes?"
CHANGED_DAY = "2024-12-30"
TOUCH = """
WITH days AS (UPDATE {s}.changed_day SET version = version + 1 WHERE bucket = '{day}'),
    months AS (UPDATE {s}.changed_month SET version = version + 1 WHERE bucket = date_trunc('month', date '{day}'))
SELECT
"""


def measure(options: Namespace) -> list[Row]:
    tenant = filled(WHOLE)
    with owning(tenant, 1_000), serving(report_timeout="300") as server:
        before = cursor(server, tenant)
        ask(database_url(), TOUCH.format(s=tenant.tenant.schema, day=CHANGED_DAY))
        after = cursor(server, tenant)
        results = alternate(
            {
                "changed": lambda: page(server, tenant, since=before),
                "nothing": lambda: page(server, tenant, since=after),
                "first": lambda: page(server, tenant),
            },
            options.rounds,
        )
    return [
        plain(
            "the first byte of what changed since yesterday",
            at_most(50, "ms"),
            [each.first_byte for each in results["changed"]],
            "ms",
        ),
        plain(
            f"a page of it ({results['changed'][0].size / 1e6:.1f} MB)",
            None,
            [each.seconds * 1000 for each in results["changed"]],
            "ms",
        ),
        plain("nothing has changed", None, [each.seconds * 1000 for each in results["nothing"]], "ms"),
        plain("the first page of the first sync", None, [each.seconds * 1000 for each in results["first"]], "ms"),
    ]


def cursor(server: Server, tenant: Filled) -> str:
    """The present one."""
    response = httpx.get(server.address("/api/v1/reports/status"), headers=tenant.reading, timeout=60)
    found: str = response.raise_for_status().json()["changes"]["cursor"]
    return found


def page(server: Server, tenant: Filled, **parameters: str) -> PullResult:
    headers = {**tenant.reading, "Accept-Encoding": "identity"}
    return pull(server.address(CHANGES + urlencode(parameters)), headers, server.process)
