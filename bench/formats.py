"""The query by day, offer and partner in all formats, downloaded with curl: speed, first byte, memory; read back."""

import asyncio
import re
from argparse import Namespace
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs
from zipfile import ZipFile

from pyarrow import parquet

from bench.clients import PullResult, ask, pull
from bench.data import ADVERTISER, WHOLE, Filled, filled, restore
from bench.reports import MONTH, PATH
from bench.results import Row, Side, at_most, plain, ratio
from bench.rounds import short
from bench.serving import Server, serving
from bench.streams import SINGULAR
from core.errors import GokartError
from database.engine import database_url

METHOD = """Uncompressed, one download of each at a time; one advertiser has all offers, so that the query by day, offer
and partner has a row for each daily row of a month, or of two for the workbook, which then has two worksheets. *Memory*
is the resident memory of the server process above that before the first download. What was downloaded is read back:
Parquet by pyarrow; of the workbook, the rows of the worksheets are counted."""

QUERY = "/api/v1/reports/query?time_zone=UTC&group_by=day,offer,partner"
TWO_MONTHS = "date_from=2024-01-01&date_to=2024-02-29"  # more rows than a worksheet can have
DAYS = {"csv": MONTH, "ndjson": MONTH, "json": MONTH, "parquet": MONTH, "xlsx": TWO_MONTHS}  # by format
MAX_MEMORY = 150  # MB above idle
SHEET_ROWS = 1_048_575
ROW = re.compile(rb"<row ")


def measure(_: Namespace) -> list[Row]:
    tenant = filled(WHOLE)
    with serving(report_timeout="600", answers_remembered="0") as server, TemporaryDirectory() as folder:
        take_all_offers(tenant)
        try:
            return list(format_rows(server, tenant, Path(folder)))
        finally:
            asyncio.run(restore(tenant.tenant.schema))


def take_all_offers(tenant: Filled) -> None:
    ask(database_url(), f"UPDATE {tenant.tenant.schema}.offer SET advertiser = $1", ADVERTISER)


def format_rows(server: Server, tenant: Filled, folder: Path) -> list[Row]:
    download(server, tenant, PATH + MONTH, "/dev/null")  # warms the server up
    idle = server.memory
    measured = []
    for name, days in DAYS.items():
        rows, cost = totals(tenant, days)
        path = folder / f"report.{name}"
        pulled = download(server, tenant, f"{QUERY}&{days}&format={name}", str(path))
        check_whole(name, path, rows, cost)
        path.unlink()
        size = pulled.size / 1e6
        what = f"{name}, {rows / 1e6:.2g} million rows ({size:.0f} MB)"
        if name == "csv":
            frozen = download(server, tenant, f"{SINGULAR}/csv?{days}", "/dev/null")
            here, reference = Side([pulled.megabytes], "MB/s"), Side([frozen.megabytes], "MB/s", "the frozen CSV")
            measured.append(ratio(what, None, here, reference))
        measured += [
            plain(f"{what}: rows", None, [rows / pulled.seconds], "/s"),
            plain("its first byte", None, [pulled.first_byte], "ms"),
            plain(
                "its peak memory", at_most(MAX_MEMORY, "MB"), [pulled.memory - idle], "MB", f"{short(idle)} MB before"
            ),
        ]
    return measured


def totals(tenant: Filled, days: str) -> tuple[int, Decimal]:
    """The number of rows of the days, and their cost."""
    first, last = (date.fromisoformat(value[0]) for value in parse_qs(days).values())
    sql = f"SELECT count(*), sum(cost) * 0.000001 FROM {tenant.tenant.schema}.by_day WHERE bucket BETWEEN $1 AND $2"
    rows, cost = ask(database_url(), sql, first, last)[0]
    return int(rows), Decimal(cost)


def download(server: Server, tenant: Filled, path: str, into: str) -> PullResult:
    headers = {**tenant.reading, "Accept-Encoding": "identity"}
    return pull(server.address(path), headers, server.process, into)


def check_whole(name: str, path: Path, rows: int, cost: Decimal) -> None:
    """Reads back what is read in some seconds. Raises GokartError."""
    if name == "parquet":
        read = parquet.read_table(path, columns=["cost"])
        found = read.num_rows, sum(read["cost"].to_pylist(), Decimal())
        if found != (rows, cost):
            raise GokartError(f"The Parquet file has {found}, not {(rows, cost)}")
    elif name == "xlsx":
        check_workbook(path, rows)


def check_workbook(path: Path, rows: int) -> None:
    with ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        counts = [count_rows(archive, name) - 1 for name in sheets]
    full, rest = divmod(rows, SHEET_ROWS)
    if counts != [SHEET_ROWS] * full + [rest] * bool(rest):
        raise GokartError(f"The worksheets have {counts} rows")


def count_rows(archive: ZipFile, name: str) -> int:
    count, rest = 0, b""
    with archive.open(name) as file:
        while chunk := file.read(2**20):
            text = rest + chunk
            count += len(ROW.findall(text))
            rest = text[-4:]  # shorter than what is counted
    return count
