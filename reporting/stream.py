"""Streams a report of any size in constant memory, as PostgreSQL produces it (see `web.streams`)."""

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from math import ceil

from core import tracing
from core.timestamps import midnight
from database.pool import PooledConnection
from database.sql import SqlFile
from reporting.ranges import DAY, Range, day_parameters, floor_day
from reporting.read import SQL, ReportRequest, ReportValidators, snapshot
from settings import settings
from web.streams import SendChunk, stream

LogRows = Callable[[int], None]

FIRST_DAY = SqlFile(SQL / "first_day.sql")
ROWS_PER_PART = 20_000  # PostgreSQL sorts as many in memory
MAX_DAYS_PER_PART = 31  # later days may have many more rows than those before


def csv_stream(request: ReportRequest, validators: ReportValidators, log_rows: LogRows) -> AsyncGenerator[bytes, None]:
    """CSV with a header row, by COPY."""

    async def produce(db: PooledConnection, send_chunk: SendChunk) -> None:
        part, total = first_part(request), 0
        header = True
        while part:
            query = request.query(request.report.columns, part)
            with tracing.statement(query.sql, db.work):
                rows = await copy_out(db, query.with_literals(), send_chunk, header=header)
            header = False
            total += rows
            part = await next_part(db, request, part, rows)
        log_rows(total)

    return stream(request.tenant, request.advertiser, lambda: snapshot(request, validators), produce)


async def copy_out(
    db: PooledConnection,
    query: str,
    send_chunk: SendChunk,
    *,
    header: bool = False,
    delimiter: str | None = None,
    quote: str | None = None,
) -> int:
    """Sends CSV and returns the number of rows. If it is cancelled while it sends a chunk, it closes the connection:
    asyncpg would cancel the COPY and wait, forever if the COPY had already ended.
    """
    sending = False

    async def output(chunk: bytes) -> None:
        nonlocal sending
        sending = True
        await send_chunk(chunk)
        sending = False

    try:
        status = await db.copy_from_query(
            query, output=output, format="csv", header=header, delimiter=delimiter, quote=quote
        )
    except BaseException:
        if sending:
            db.terminate()
        raise
    return int(status.removeprefix("COPY "))


def json_stream(request: ReportRequest, validators: ReportValidators, log_rows: LogRows) -> AsyncGenerator[bytes, None]:
    """A JSON document with the report's rows in its one array."""

    async def produce(db: PooledConnection, send_chunk: SendChunk) -> None:
        before, closing = request.report.document()
        part, total = first_part(request), 0
        while part:
            query, rows = request.query(request.report.items, part), 0
            # Unnamed: a named statement would outlive the transaction on a backend of PgBouncer.
            unnamed = await db.prepare(query.sql, name="")
            with tracing.statement(query.sql, db.work):
                cursor = await unnamed.cursor(*query.args)
                while chunk := await cursor.fetch(settings.stream_rows):
                    await send_chunk(before + ",".join([item for (item,) in chunk]).encode())
                    before = b","
                    rows += len(chunk)
            total += rows
            part = await next_part(db, request, part, rows)
        log_rows(total)
        await send_chunk(closing if total else before + closing)

    return stream(request.tenant, request.advertiser, lambda: snapshot(request, validators), produce)


def first_part(request: ReportRequest) -> Range | None:
    """The first day of a daily report, so that it starts at once; the whole range of another report."""
    range_ = request.filter.range
    return part_from(range_, range_.start, 1) if request.report.daily else range_


async def next_part(db: PooledConnection, request: ReportRequest, last: Range, rows: int) -> Range | None:
    """As many further days as will have about ROWS_PER_PART rows, judging by the last part, which had `rows`."""
    range_ = request.filter.range
    start, days = last.end, ceil((last.end - last.start) / DAY)
    if rows:
        return part_from(range_, start, max(1, min(4 * days, MAX_DAYS_PER_PART, days * ROWS_PER_PART // rows)))
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
