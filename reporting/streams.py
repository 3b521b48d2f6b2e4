"""Reports of any size in constant memory, out of PostgreSQL as it makes them.

Every stream owns its connection and reads one snapshot, has its first chunk before the response starts (so that a query
that fails or takes too long is answered 503), and ends with an exception where the query does, which breaks the HTTP
connection: a report cut in the middle never looks like a whole one. Streams have a pool of connections, and an
advertiser its share of that, so that one who reads slowly keeps nobody else from a report.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing, suppress
from datetime import datetime
from math import ceil
from typing import Any

import anyio
import msgspec

from core.timestamps import midnight
from database.pool import ConcurrencyLimit, Connection, DatabaseUnavailable
from reporting.filters import DAY, Range
from reporting.freshness import ReportValidators
from reporting.queries import first_day
from reporting.ranges import floor_day
from reporting.replicas import snapshot
from reporting.reports import Asked
from settings import settings

NoteRows = Callable[[int], None]
HandOn = Callable[[bytes], Coroutine[Any, Any, None]]

ROWS_OF_A_PART = 20_000  # which PostgreSQL sorts in memory
MOST_DAYS = 31  # of a part; those that come may have many more rows than those before

_streams = ConcurrencyLimit("streaming", settings.streams_per_advertiser)


def csv_stream(asked: Asked, fresh: ReportValidators, note_rows: NoteRows) -> AsyncGenerator[bytes, None]:
    """CSV with a header row, by COPY."""

    async def produce(db: Connection, hand_on: HandOn) -> None:
        part, total = first_part(asked), 0
        header = True
        while part:
            rows = await copy_out(db, asked.rows(part).table().spelled_out(), hand_on, header=header)
            header = False
            total += rows
            part = await next_part(db, asked, part, rows)
        note_rows(total)

    return stream(asked, fresh, produce)


async def copy_out(db: Connection, query: str, hand_on: HandOn, *, header: bool) -> int:
    """How many rows there were. Given up while it hands on, it ends the connection: asyncpg would cancel the COPY and
    wait, for ever where that had ended already.
    """
    handing_on = False

    async def output(chunk: bytes) -> None:
        nonlocal handing_on
        handing_on = True
        await hand_on(chunk)
        handing_on = False

    try:
        status = await db.copy_from_query(query, output=output, format="csv", header=header)
    except BaseException:
        if handing_on:
            db.terminate()
        raise
    return int(status.removeprefix("COPY "))


def json_stream(asked: Asked, fresh: ReportValidators, note_rows: NoteRows) -> AsyncGenerator[bytes, None]:
    """A JSON document whose one array has the report's rows."""

    async def produce(db: Connection, hand_on: HandOn) -> None:
        before, closing = asked.report.document()
        part, total = first_part(asked), 0
        while part:
            query, rows = asked.rows(part).items(), 0
            # Without a name, which would outlive the transaction on a backend of PgBouncer's.
            unnamed = await db.prepare(query.sql, name="")
            cursor = await unnamed.cursor(*query.args)
            while chunk := await cursor.fetch(settings.stream_rows):
                await hand_on(before + ",".join([item for (item,) in chunk]).encode())
                before = b","
                rows += len(chunk)
            total += rows
            part = await next_part(db, asked, part, rows)
        note_rows(total)
        await hand_on(closing if total else before + closing)

    return stream(asked, fresh, produce)


def first_part(asked: Asked) -> Range | None:
    """Of a daily report its first day, so that it begins at once; of another one all."""
    return part_from(asked, asked.filter.range.start, 1) if asked.report.daily else asked.filter.range


async def next_part(db: Connection, asked: Asked, last: Range, rows: int) -> Range | None:
    """As many days more as should have ROWS_OF_A_PART rows, if the last part's rows are anything to go by: so they are
    not many more than the last ones, and begin where there is something.
    """
    start, days = last.end, ceil((last.end - last.start) / DAY)
    if rows:
        return part_from(asked, start, max(1, min(4 * days, MOST_DAYS, days * ROWS_OF_A_PART // rows)))
    if start >= asked.filter.range.end:
        return None
    rest = msgspec.structs.replace(asked.filter, range=Range(start, asked.filter.range.end))
    query = first_day(asked.tenant.schema, asked.advertiser, rest)
    day = await db.fetchval(query.sql, *query.args)
    if day is None:
        return None
    # Where there was something, but nothing that the report shows (views only), it goes on with larger parts.
    return part_from(asked, midnight(day), min(4 * days, MOST_DAYS) if day == start.date() else 1)


def part_from(asked: Asked, start: datetime, days: int) -> Range | None:
    end = asked.filter.range.end
    if start >= end:
        return None
    return Range(start, end if end - start <= days * DAY else floor_day(start) + days * DAY)


async def stream(
    asked: Asked, fresh: ReportValidators, produce: Callable[[Connection, HandOn], Awaitable[None]]
) -> AsyncGenerator[bytes, None]:
    """What `produce` hands on, which waits until it is taken. Raises DatabaseUnavailable after a timeout."""
    send, receive = anyio.create_memory_object_stream[bytes](0)

    async def hand_on(chunk: bytes) -> None:
        async with asyncio.timeout(settings.report_timeout):  # for a client that has stopped reading
            await send.send(bytes(chunk))  # asyncpg gives a bytearray

    async def work() -> None:
        async with send, _streams.slot(asked.owner), snapshot(asked, fresh) as db:
            await produce(db, hand_on)

    task = asyncio.create_task(work())
    try:
        with suppress(anyio.EndOfStream):
            while True:
                async with asyncio.timeout(settings.report_timeout):
                    chunk = await receive.receive()
                yield chunk
        await task
    except TimeoutError as error:
        raise DatabaseUnavailable("the query took too long") from error
    finally:
        receive.close()
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


async def begun(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same stream, with its first chunk made; raises what that raises."""
    first = await anext(chunks, None)

    async def whole() -> AsyncGenerator[bytes, None]:
        async with aclosing(chunks):
            if first is not None:
                yield first
            async for chunk in chunks:
                yield chunk

    return whole()
