"""Lists of rows as JSON, NDJSON or CSV, streamed from one snapshot in constant memory.

JSON and NDJSON end with `meta`, which has the number of rows, so that a client can tell that it has all of them.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any, Literal, cast
from uuid import UUID

import msgspec

from core import tracing
from database.pool import PooledConnection
from database.sql import Query
from database.transactions import primary_snapshot
from reporting.responses import accepted_format
from reporting.stream import copy_out
from settings import settings
from tenants.tenant import Tenant
from web.requests import AnyRequest
from web.streams import SendChunk, stream

RowFormat = Literal["json", "ndjson", "csv"]
MEDIA_TYPES: dict[RowFormat, str] = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}


class RowCount(msgspec.Struct):
    """How many rows have been sent."""

    rows: int = 0
    of_last_part: int = 0


class RowStatements(msgspec.Struct, frozen=True):
    """The same rows in the same order: `items` has one column, JSON objects as text; `columns` is for CSV."""

    items: Query
    columns: Query


def read_row_format(
    request: AnyRequest, given: str | None, formats: Sequence[RowFormat] = ("json", "ndjson", "csv")
) -> RowFormat:
    """`given` is the parameter `format`; without it, the header Accept decides. Raises ValueError, and Problem 406 for
    Accept.
    """
    if given is None:
        return cast(RowFormat, accepted_format(request, {MEDIA_TYPES[name]: name for name in formats}))
    for name in formats:
        if given.lower() == name:
            return name
    raise ValueError(f"{given!r} is not a format; valid formats: {', '.join(formats)}")


def row_stream(
    tenant: Tenant,
    advertiser: UUID,
    parts: Callable[[PooledConnection, RowCount], AsyncIterator[RowStatements]],
    format_: RowFormat,
    *,
    meta: Callable[[int], dict[str, Any]],
    log_rows: Callable[[int], None],
) -> AsyncGenerator[bytes, None]:
    """`parts` gives statements whose rows follow each other; it may read from the snapshot. `meta` gets the number of
    rows.
    """

    async def produce(db: PooledConnection, send_chunk: SendChunk) -> None:
        count, opened = RowCount(), False
        start, between = ('{"data":[', ",") if format_ == "json" else ("", "\n")
        async for part in parts(db, count):
            before = count.rows
            if format_ == "csv":
                with tracing.statement(part.columns.sql, db.work):
                    rows = await copy_out(db, part.columns.with_literals(), send_chunk, header=not opened)
                opened = True
                count.rows += rows
            else:
                # Unnamed: a named statement would outlive the transaction on a backend of PgBouncer.
                unnamed = await db.prepare(part.items.sql, name="")
                with tracing.statement(part.items.sql, db.work):
                    cursor = await unnamed.cursor(*part.items.args)
                    while chunk := await cursor.fetch(settings.stream_rows):
                        await send_chunk((start + between.join([item for (item,) in chunk])).encode())
                        start = between
                        count.rows += len(chunk)
            count.of_last_part = count.rows - before
        log_rows(count.rows)
        last = msgspec.json.encode({"meta": meta(count.rows)}).decode()
        if format_ == "json":
            await send_chunk(f"{'' if count.rows else start}],{last[1:]}".encode())
        elif format_ == "ndjson":
            await send_chunk(f"{start}{last}\n".encode())

    return stream(tenant, advertiser, primary_snapshot, produce)


async def one_part(statements: RowStatements, _db: PooledConnection, _count: RowCount) -> AsyncIterator[RowStatements]:
    yield statements
