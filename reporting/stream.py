"""Streams a report of any size in constant memory, as PostgreSQL produces it (see `web.streams`)."""

import re
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from math import ceil
from typing import Any

from core import tracing
from core.timestamps import midnight
from database.pool import PooledConnection
from database.sql import SqlFile
from database.transactions import set_local_sql
from reporting.ranges import DAY, Range, day_parameters, floor_day
from reporting.read import SQL, ReportRequest, ReportValidators, snapshot
from web.streams import SendChunk, stream

LogRows = Callable[[int], None]

FIRST_DAY = SqlFile(SQL / "first_day.sql")
ROWS_PER_PART = 20_000  # PostgreSQL sorts as many in memory
ROWS_PER_DAILY_PART = 100_000
MAX_DAYS_PER_PART = 31  # later days may have many more rows than those before
# Sorts a part in memory (its rows take about 35 MB as JSON), and lets one parallel worker read and sort half of the
# offers, however small their table is, unless the database's configuration allows no parallel workers.
SETTINGS_OF_DAILY_PARTS = (
    set_local_sql(
        {
            "work_mem": "48MB",
            "min_parallel_table_scan_size": "0",
            "min_parallel_index_scan_size": "0",
            "enable_parallel_hash": "off",
        }
    )
    + """;
SELECT set_config(
    'max_parallel_workers_per_gather', least(current_setting('max_parallel_workers_per_gather')::int, 1)::text, true
)
"""
)

CHUNK_BYTES = 65_536
NEITHER_IN_JSON = "\x02", "\x01"  # as delimiter and quote: JSON text contains neither, so that COPY quotes nothing
ESCAPED = re.compile(rb"\\(.)")
UNESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"\\": b"\\"}


def csv_stream(request: ReportRequest, validators: ReportValidators, log_rows: LogRows) -> AsyncGenerator[bytes, None]:
    """CSV with a header row, by COPY."""

    async def produce(db: PooledConnection, send_chunk: SendChunk) -> None:
        before = header = request.report.csv_header

        async def send_lines(chunk: bytes) -> None:
            nonlocal before
            await send_chunk(before + chunk)
            before = b""

        await prepare_daily_parts(db, request)
        part, total = first_part(request), 0
        while part:
            query = request.query(request.report.csv, part)
            with tracing.statement(query.sql, db.work):
                rows = await copy_out(db, query.with_literals(), send_lines, header=not header, text_lines=bool(header))
            total += rows
            part = await next_part(db, request, part, rows)
        log_rows(total)
        if before:
            await send_chunk(before)

    return stream(request.tenant, request.advertiser, lambda: snapshot(request, validators), produce)


async def copy_out(
    db: PooledConnection,
    query: str,
    send_chunk: SendChunk,
    *,
    header: bool = False,
    json_lines: bool = False,
    text_lines: bool = False,
) -> int:
    """Sends CSV in whole lines, or one column's JSON text or any text, each with a line break after it, and returns the
    number of rows. PostgreSQL sends a few kilobytes at a time; a chunk has CHUNK_BYTES or more, except the last.

    If it is cancelled while it sends a chunk, it closes the connection: asyncpg would cancel the COPY and wait, forever
    if the COPY had already ended.
    """
    delimiter, quote = NEITHER_IN_JSON if json_lines else (",", '"')
    options: dict[str, Any] = {"format": "csv", "delimiter": delimiter, "quote": quote}
    if text_lines:
        options = {"format": "text"}
    sending = False
    pending: list[bytes] = []

    async def send_pending() -> None:
        chunk = b"".join(pending)
        pending.clear()
        await send_chunk(unescape(chunk) if text_lines else chunk)

    async def output(lines: bytes) -> None:
        nonlocal sending
        pending.append(lines)
        if sum(map(len, pending)) >= CHUNK_BYTES:
            sending = True
            await send_pending()
            sending = False

    try:
        status = await db.copy_from_query(query, output=output, header=header, **options)
    except BaseException:
        if sending:
            db.terminate()
        raise
    if pending:
        await send_pending()
    return int(status.removeprefix("COPY "))


def unescape(text: bytes) -> bytes:
    r"""The text of one column that COPY has escaped: control characters, such as \n, and backslashes."""
    return ESCAPED.sub(lambda escaped: UNESCAPED[escaped[1]], text) if b"\\" in text else text


def json_stream(request: ReportRequest, validators: ReportValidators, log_rows: LogRows) -> AsyncGenerator[bytes, None]:
    """A JSON document with the report's rows in its one array."""

    async def produce(db: PooledConnection, send_chunk: SendChunk) -> None:
        before, closing = request.report.document()

        async def send_items(chunk: bytes) -> None:
            """Sends whole lines. JSON text has no line breaks but those between its items."""
            nonlocal before
            await send_chunk(before + chunk[:-1].replace(b"\n", b","))
            before = b","

        await prepare_daily_parts(db, request)
        part, total = first_part(request), 0
        while part:
            query = request.query(request.report.items, part)
            with tracing.statement(query.sql, db.work):
                rows = await copy_out(db, query.with_literals(), send_items, json_lines=True)
            total += rows
            part = await next_part(db, request, part, rows)
        log_rows(total)
        await send_chunk(closing if total else before + closing)

    return stream(request.tenant, request.advertiser, lambda: snapshot(request, validators), produce)


async def prepare_daily_parts(db: PooledConnection, request: ReportRequest) -> None:
    """Until the transaction ends, a part of a daily report is sorted in memory, by two processes."""
    if request.report.daily:
        await db.execute(SETTINGS_OF_DAILY_PARTS)


def first_part(request: ReportRequest) -> Range | None:
    """The first day of a daily report, so that it starts at once; the whole range of another report."""
    range_ = request.filter.range
    return part_from(range_, range_.start, 1) if request.report.daily else range_


async def next_part(db: PooledConnection, request: ReportRequest, last: Range, rows: int) -> Range | None:
    """As many further days as will have about ROWS_PER_DAILY_PART rows, judging by the last part, which had `rows`."""
    range_ = request.filter.range
    start, days = last.end, ceil((last.end - last.start) / DAY)
    if rows:
        return part_from(range_, start, max(1, min(4 * days, MAX_DAYS_PER_PART, days * ROWS_PER_DAILY_PART // rows)))
    if start >= range_.end:
        return None
    rest = Range(start, range_.end)
    query = request.bind(FIRST_DAY, rest, day_parameters(rest))
    day = await db.fetchval(query.sql, *query.args)
    if day is None:
        return None
    # Days that have rows, but none that the report shows (only views), are passed over in larger parts.
    return part_from(range_, midnight(day), min(4 * days, MAX_DAYS_PER_PART) if day == start.date() else 1)


def part_from(range_: Range, start: datetime, days: int) -> Range | None:
    end = range_.end
    if start >= end:
        return None
    return Range(start, end if end - start <= days * DAY else floor_day(start) + days * DAY)
