"""Streams a query's rows from one snapshot, in constant memory: as text by COPY, or as values for binary formats.

Rows in order of time are read in parts of some time buckets, so that the first rows are sent at once, and PostgreSQL
sorts few at a time. Any other order is one statement, which PostgreSQL sorts on its disk.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from itertools import islice, takewhile
from typing import Any

import msgspec

from core import tracing
from core.timestamps import midnight
from database.pool import PooledConnection
from database.sql import Query
from reporting.changes.snapshot_token import Snapshot
from reporting.query.buckets import TimeBucket
from reporting.query.columns import QueryColumn, RowWriter, has_time
from reporting.query.request import QueryRequest
from reporting.query.statements import EXTENT, StatementName
from reporting.ranges import DAY
from reporting.read import ReportValidators, snapshot
from reporting.stream import ROWS_PER_PART, LogRows, copy_out
from settings import settings
from web.problems import FieldError, invalid_parameters
from web.streams import SendChunk, stream

MAX_BUCKETS_SORTED = 50_000  # in one statement: more than five years of hours

Produce = Callable[["QueryReader", SendChunk], Awaitable[None]]


def query_stream(
    request: QueryRequest, validators: ReportValidators, log_rows: LogRows, produce: Produce
) -> AsyncGenerator[bytes, None]:
    """What `produce` sends of the rows."""

    async def work(db: PooledConnection, send_chunk: SendChunk) -> None:
        reader = QueryReader(db, request, validators)
        await produce(reader, send_chunk)
        log_rows(reader.rows)

    return stream(request.tenant, request.advertiser, lambda: snapshot(request, validators), work)


class QueryReader:
    """Reads the rows of one query, in a transaction with one snapshot. `rows` is the number of rows so far."""

    def __init__(self, db: PooledConnection, request: QueryRequest, validators: ReportValidators) -> None:
        self._db = db
        self._request = request
        self._validators = validators
        self.rows = 0

    async def copy_rows(self, name: StatementName, send_chunk: SendChunk, **options: Any) -> None:
        """By the statement "items" or "columns"; `options` are those of `copy_out` and of the statement."""
        header = options.pop("header", False)
        before_item = options.pop("before_item", "")
        parts = Parts(self._request, await self._extent())
        while (part := await self._next_part(parts, name, before_item=before_item)) is not None:
            _, query = part
            text = await asyncio.to_thread(query.with_literals)
            with tracing.statement(query.sql, self._db.work):
                rows = await copy_out(self._db, text, send_chunk, header=header, **options)
            header = False
            parts.end(rows)
            self.rows += rows

    async def _next_part(
        self, parts: "Parts", name: StatementName, **arguments: object
    ) -> tuple[list[TimeBucket], Query] | None:
        """The time buckets of the next part and its statement. In a thread: a part may have many time buckets."""

        def next_part() -> tuple[list[TimeBucket], Query] | None:
            part = parts.next()
            if part is None:
                return None
            return part, self._request.query(name, part, limit=parts.rows_left, **arguments)

        return await asyncio.to_thread(next_part)

    async def batches(self) -> AsyncIterator[list[tuple[Any, ...]]]:
        """The rows as values, as `QueryRows` describes them."""
        hour = next((n for n, column in enumerate(self._request.columns) if column.kind == "datetime"), None)
        parts = Parts(self._request, await self._extent())
        while (part := await self._next_part(parts, "values")) is not None:
            (buckets, query), zone, rows = part, self._request.zone, 0
            hours = [datetime.fromisoformat(bucket.hour).astimezone(zone) for bucket in buckets if bucket.hour]
            # Unnamed: a named statement would outlive the transaction on a backend of PgBouncer.
            unnamed = await self._db.prepare(query.sql, name="")
            with tracing.statement(query.sql, self._db.work):
                cursor = await unnamed.cursor(*query.args)
                while chunk := await cursor.fetch(settings.stream_rows):
                    rows += len(chunk)
                    self.rows += len(chunk)
                    batch = [tuple(record) for record in chunk]
                    if hour is not None:
                        batch = [(*row[:hour], hours[row[hour]], *row[hour + 1 :]) for row in batch]
                    yield batch
            parts.end(rows)

    async def totals(self) -> tuple[str, Snapshot]:
        """The totals as a JSON object, and what the response's figures were read from."""
        query = self._request.totals_query()
        row = await self._fetchrow(query.sql, query.args)
        return row["totals"], Snapshot.of_row(row)

    def meta(self, taken: Snapshot) -> dict[str, Any]:
        return self._request.meta(self._validators, taken, self.rows)

    @property
    def columns(self) -> tuple[QueryColumn, ...]:
        return self._request.columns

    async def _extent(self) -> tuple[datetime, datetime] | None:
        """From the first instant that may have figures until the last; None if there are none."""
        query = self._request.bind(EXTENT, {})
        row = await self._fetchrow(query.sql, query.args)
        return None if row["first"] is None else (midnight(row["first"]), midnight(row["last"]) + DAY)

    async def _fetchrow(self, sql: str, args: tuple[object, ...]) -> Any:
        unnamed = await self._db.prepare(sql, name="")
        row = await unnamed.fetchrow(*args)
        assert row is not None
        return row


class Parts:
    """The parts in which the rows are read: `next` returns the time buckets of one, and `end` counts its rows.

    The first part is empty if no time bucket has figures, so that there is always a statement, and a header.
    """

    def __init__(self, request: QueryRequest, extent: tuple[datetime, datetime] | None) -> None:
        self.rows_left = request.parameters.limit
        self._buckets = buckets_to_read(request, extent)
        self._at_once = not request.in_order_of_time
        self._size = 24 if "hour" in request.parameters.groups else 1
        self._max_size = 31 * self._size
        self._begun = False

    def next(self) -> list[TimeBucket] | None:
        """None: there are no more. Raises Problem 400 for too many time buckets to be sorted."""
        if self.rows_left == 0:
            return None
        part = list(islice(self._buckets, MAX_BUCKETS_SORTED + 1 if self._at_once else self._size))
        if len(part) > MAX_BUCKETS_SORTED:
            raise invalid_parameters(
                FieldError("sort", f"more than {MAX_BUCKETS_SORTED} time buckets can only be sorted by time")
            )
        if not part and self._begun:
            return None
        self._begun = True
        return part

    def end(self, rows: int) -> None:
        """The next part is to have about ROWS_PER_PART rows, judging by this one."""
        fitting = self._size * ROWS_PER_PART // rows if rows else 4 * self._size
        self._size = max(1, min(4 * self._size, self._max_size, fitting))
        if self.rows_left is not None:
            self.rows_left -= rows


def buckets_to_read(request: QueryRequest, extent: tuple[datetime, datetime] | None) -> Iterator[TimeBucket]:
    """All but those before and after the first and last figures; rows of the parameter `zeros` come before, too."""
    parameters = request.parameters
    if not has_time(parameters.groups):
        return request.buckets()
    if parameters.zeros:
        until = max(request.now, extent[1]) if extent else request.now
        return takewhile(lambda bucket: bucket.range.start <= until, request.buckets())
    if extent is None:
        return iter(())
    first, until = extent
    return takewhile(lambda bucket: bucket.range.start < until, request.buckets(first))


async def send_json(reader: QueryReader, send_chunk: SendChunk) -> None:
    opening = b'{"data":['  # sent with the first rows, since what fails before the first chunk is no stream yet

    async def send_items(chunk: bytes) -> None:
        nonlocal opening
        if opening:
            opening, chunk = b"", opening + chunk[1:]  # without its comma
        await send_chunk(chunk)

    await reader.copy_rows("items", send_items, before_item=",", json_lines=True)
    totals, taken = await reader.totals()
    await send_chunk(opening + json_end(totals, reader.meta(taken)))


async def send_ndjson(reader: QueryReader, send_chunk: SendChunk) -> None:
    await reader.copy_rows("items", send_chunk, json_lines=True)
    _, taken = await reader.totals()
    await send_chunk(msgspec.json.encode({"meta": reader.meta(taken)}) + b"\n")


async def send_csv(reader: QueryReader, send_chunk: SendChunk) -> None:
    await reader.copy_rows("columns", send_chunk, header=True)


def sending(write: RowWriter) -> Produce:
    """What a format's writer writes."""

    async def produce(reader: QueryReader, send_chunk: SendChunk) -> None:
        _, taken = await reader.totals()
        await write(Rows(reader, taken), send_chunk)

    return produce


class Rows:
    """The `QueryRows` of a reader."""

    def __init__(self, reader: QueryReader, taken: Snapshot) -> None:
        self._reader = reader
        self._taken = taken

    @property
    def columns(self) -> tuple[QueryColumn, ...]:
        return self._reader.columns

    def batches(self) -> AsyncIterator[list[tuple[Any, ...]]]:
        return self._reader.batches()

    @property
    def meta(self) -> dict[str, Any]:
        return self._reader.meta(self._taken)


def json_end(totals: str, meta: dict[str, Any]) -> bytes:
    """The JSON document after its rows."""
    return f'],"totals":{totals},"meta":{json.dumps(meta, separators=(",", ":"))}}}'.encode()
