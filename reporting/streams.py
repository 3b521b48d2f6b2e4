"""Reports of any size in constant memory, out of PostgreSQL as it makes them.

Every stream owns its connection, has its first chunk before the response starts (so that a query that fails or takes
too long is answered 503), and ends with an exception where the query does, which breaks the HTTP connection: a report
cut in the middle never looks like a whole one. Streams have a pool of connections, and an advertiser its share
of that, so that one who reads slowly keeps nobody else from a report.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Hashable
from contextlib import aclosing, suppress
from typing import Any

import anyio
import msgspec

from database.pool import Connection, Share, Unavailable, connection
from reporting.queries import Query
from reporting.rows import Row
from settings import settings

NoteRows = Callable[[int], None]
HandOn = Callable[[bytes], Coroutine[Any, Any, None]]

_streams = Share("streaming", settings.streams_per_advertiser)


def csv_stream(query: Query, owner: Hashable, note_rows: NoteRows) -> AsyncGenerator[bytes, None]:
    """CSV with a header row, by COPY."""

    async def produce(db: Connection, hand_on: HandOn) -> None:
        status = await db.copy_from_query(query.sql, *query.args, output=hand_on, format="csv", header=True)
        note_rows(int(status.removeprefix("COPY ")))

    return stream(owner, produce)


def json_stream(
    query: Query, owner: Hashable, row: Row, document: tuple[bytes, bytes], note_rows: NoteRows
) -> AsyncGenerator[bytes, None]:
    """A JSON document whose one array has the query's rows."""

    async def produce(db: Connection, hand_on: HandOn) -> None:
        before, closing = document
        rows = 0
        async with db.transaction(readonly=True):
            cursor = await db.cursor(query.sql, *query.args)
            while chunk := await cursor.fetch(settings.stream_rows):
                await hand_on(before + items(chunk, row))
                before = b","
                rows += len(chunk)
        note_rows(rows)
        await hand_on(closing)

    return stream(owner, produce)


async def stream(
    owner: Hashable, produce: Callable[[Connection, HandOn], Awaitable[None]]
) -> AsyncGenerator[bytes, None]:
    """What `produce` hands on, which waits until it is taken. Raises `Unavailable` where nothing comes in time."""
    send, receive = anyio.create_memory_object_stream[bytes](0)

    async def hand_on(chunk: bytes) -> None:
        async with asyncio.timeout(settings.report_timeout):  # for a client that has stopped reading
            await send.send(bytes(chunk))  # asyncpg gives a bytearray

    async def work() -> None:
        async with send, _streams.turn(owner), connection("stream") as db:
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
        raise Unavailable("the query took too long") from error
    finally:
        receive.close()
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


def items(records: list[Any], row: Row) -> bytes:
    """The rows as the inside of a JSON array."""
    return msgspec.json.encode([row.of(record) for record in records])[1:-1]


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
