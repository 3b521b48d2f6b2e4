"""Large reports, downloaded with curl: speed, first byte, memory."""

import asyncio
import hashlib
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.clients import PullResult, ask, copy, pull, wrk
from bench.data import ADVERTISER, WHOLE, Filled, filled, restore
from bench.reports import MONTH, PATH, YEAR
from bench.results import Row, Side, at_least, at_most, plain, ratio
from bench.rounds import alternate, short
from bench.serving import Server, serving
from core.errors import GokartError
from database.engine import database_url

METHOD = r"""Uncompressed, one download at a time. For the CSV, one advertiser has a tenth of the offers, and then all
of them. psql's `\copy` runs a plain statement; a check proves that it yields the same bytes. *Memory* is the resident
memory of the server process."""

SINGULAR = "/api/v1/integrations/cost-report/singular"
QUARTER_YEAR = "date_from=2024-01-01&date_to=2024-03-30"  # 90 days
MAX_CSV_ROUNDS = 3  # a round takes long
PLAIN = """
SELECT to_char(d.bucket, 'YYYY-MM-DD') AS date, o.name AS offer_name, p.id AS partner_id, o.app_name AS app, o.store_id,
    o.os, o.campaign_name, o.id AS campaign_id, trim_scale(d.cost * 0.000001) AS cost, d.clicks
FROM {s}.by_day d JOIN {s}.offer o ON o.key = d.offer JOIN {s}.partner p ON p.key = d.partner
WHERE o.advertiser = '{advertiser}' AND d.bucket BETWEEN '2024-01-01' AND '2024-12-31'
    AND (d.cost <> 0 OR d.clicks <> 0)
ORDER BY d.bucket, o.id, p.id
"""


def measure(options: Namespace) -> list[Row]:
    tenant = filled(WHOLE)
    with serving(report_timeout="300", answers_remembered="0") as server:
        return [
            *json_rows(server, tenant, options.rounds),
            *csv_rows(server, tenant, 100, min(MAX_CSV_ROUNDS, options.rounds)),
            *csv_rows(server, tenant, 1_000, min(MAX_CSV_ROUNDS, options.rounds)),
        ]


def json_rows(server: Server, tenant: Filled, rounds: int) -> list[Row]:
    wrk(server.address(PATH + MONTH), tenant.reading)  # warms the server up
    before = server.memory
    pulls = [pull_it(server, tenant, f"/json?{QUARTER_YEAR}") for _ in range(rounds)]
    what = f"Singular JSON, 90 days of 400 pairs ({pulls[0].size / 1e6:.1f} MB)"
    return [
        plain(what, at_least(20, "MB/s"), [each.megabytes for each in pulls], "MB/s"),
        plain("its first byte", at_most(50, "ms"), [each.first_byte for each in pulls], "ms"),
        plain(
            "peak memory above the memory before",
            at_most(30, "MB"),
            [max(each.memory for each in pulls) - before],
            "MB",
            f"{short(before)} MB before",
        ),
    ]


def csv_rows(server: Server, tenant: Filled, offers: int, rounds: int) -> list[Row]:
    sql = PLAIN.format(s=tenant.tenant.schema, advertiser=ADVERTISER)
    with owning(tenant, offers):
        lines = check_same(server, tenant, sql) if offers < 1_000 else count(tenant)
        results: dict[str, list[PullResult | float]] = alternate(
            {
                "here": lambda: pull_it(server, tenant, f"/csv?{YEAR}"),
                "copy": lambda: copy(database_url(), sql),
            },
            rounds,
            warm=False,
        )
    pulls = [each for each in results["here"] if isinstance(each, PullResult)]
    size = pulls[0].size
    theirs = [size / seconds / 1e6 for seconds in results["copy"] if isinstance(seconds, float)]
    what = f"Singular CSV of {lines / 1e6:.2g} million rows ({size / 1e6:.0f} MB)"
    return [
        ratio(
            what, at_least(1), Side([each.megabytes for each in pulls], "MB/s"), Side(theirs, "MB/s", "psql's \\copy")
        ),
        plain("its first byte", None, [each.first_byte for each in pulls], "ms"),
        plain("peak memory", at_most(120, "MB"), [max(each.memory for each in pulls)], "MB"),
    ]


def pull_it(server: Server, tenant: Filled, path: str, into: str = "/dev/null") -> PullResult:
    headers = {**tenant.reading, "Accept-Encoding": "identity"}
    return pull(server.address(SINGULAR + path), headers, server.process, into)


def check_same(server: Server, tenant: Filled, sql: str) -> int:
    """Checks that the CSV equals the statement's, and returns the number of rows. Raises GokartError."""
    with TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours"), Path(folder, "theirs")
        pull_it(server, tenant, f"/csv?{YEAR}", str(ours))
        copy(database_url(), sql, str(theirs))
        contents = ours.read_bytes()
        if hashlib.sha256(contents).digest() != hashlib.sha256(theirs.read_bytes()).digest():
            raise GokartError("The CSV differs from that of the plain statement")
        return contents.count(b"\n") - 1


def count(tenant: Filled) -> int:
    return int(ask(database_url(), f"SELECT count(*) FROM {tenant.tenant.schema}.by_day")[0][0])


@contextmanager
def owning(tenant: Filled, offers: int) -> Iterator[None]:
    """Moves `offers` offers to ADVERTISER for the duration of the block."""
    schema = tenant.tenant.schema

    ask(
        database_url(),
        f"UPDATE {schema}.offer SET advertiser = $1 WHERE key IN (SELECT key FROM {schema}.offer LIMIT $2)",
        ADVERTISER,
        offers,
    )
    try:
        yield
    finally:
        asyncio.run(restore(schema))
