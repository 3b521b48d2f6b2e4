"""Lists of rows as JSON, NDJSON or CSV, streamed from one snapshot in constant memory.

JSON and NDJSON end with `meta`, which has the number of rows, so that a client can tell that it has all of them.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from typing import Any, Literal
from uuid import UUID

import msgspec

from core import tracing
from database.pool import PooledConnection
from database.sql import Query
from reporting.read import primary_snapshot
from reporting.stream import SendChunk, copy_out, stream
from settings import settings
from tenants.tenant import Tenant
from web.requests import AnyRequest

RowFormat = Literal["json", "ndjson", "csv"]
MEDIA_TYPES: dict[RowFormat, str] = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}


class RowStatements(msgspec.Struct, frozen=True):
    """The same rows in the same order: `items` has one column, JSON objects as text; `columns` is for CSV."""

    items: Query
    columns: Query


def read_row_format(
    request: AnyRequest, given: str | None, formats: Sequence[RowFormat] = ("json", "ndjson", "csv")
) -> RowFormat:
    """`given` is the parameter `format`; without it, the header Accept decides. Raises ValueError."""
    if given is not None:
        for name in formats:
            if given.lower() == name:
                return name
        raise ValueError(f"{given!r} is not a format; valid formats: {', '.join(formats)}")
    with suppress(OverflowError):  # what Litestar raises for q=inf
        accepted = request.accept.best_match([MEDIA_TYPES[name] for name in formats])
        return next((name for name in formats if MEDIA_TYPES[name] == accepted), "json")
    return "json"


def row_stream(
    tenant: Tenant,
    advertiser: UUID,
    statements: RowStatements,
    format_: RowFormat,
    *,
    meta: Callable[[int], dict[str, Any]],
    log_rows: Callable[[int], None],
) -> AsyncGenerator[bytes, None]:
    """`meta` gets the number of rows."""

    async def copy(db: PooledConnection, send_chunk: SendChunk) -> None:
        with tracing.statement(statements.columns.sql, db.work):
            log_rows(await copy_out(db, statements.columns.with_literals(), send_chunk, header=True))

    async def produce(db: PooledConnection, send_chunk: SendChunk) -> None:
        is_json = format_ == "json"
        start, between = ('{"data":[', ",") if is_json else ("", "\n")
        rows = 0
        # Unnamed: a named statement would outlive the transaction on a backend of PgBouncer.
        unnamed = await db.prepare(statements.items.sql, name="")
        with tracing.statement(statements.items.sql, db.work):
            cursor = await unnamed.cursor(*statements.items.args)
            while chunk := await cursor.fetch(settings.stream_rows):
                await send_chunk((start + between.join([item for (item,) in chunk])).encode())
                start = between
                rows += len(chunk)
        log_rows(rows)
        last = msgspec.json.encode({"meta": meta(rows)}).decode()
        start = start if not (is_json and rows) else ""
        await send_chunk((f"{start}],{last[1:]}" if is_json else f"{start}{last}\n").encode())

    return stream(tenant, advertiser, primary_snapshot, copy if format_ == "csv" else produce)
