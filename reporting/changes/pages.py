"""Pages of GET /api/v1/reports/changes: the figures that changed after a cursor, from one snapshot.

Read from the primary. docs/decisions/0053-change-feed.md says why no change is ever skipped.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from core import tracing
from core.time_zones import zone_of
from core.timestamps import iso
from database.pool import PooledConnection
from database.sql import SqlFile
from database.transactions import primary_snapshot
from reporting.changes.cursor import START, ChangeCursor
from reporting.changes.status import UtcTime
from reporting.context import ReportContext, read_context
from reporting.query.identity import daily_identity, daily_row_id
from reporting.rows import RowFormat
from settings import settings
from tenants.tenant import Tenant
from web.operations import Count
from web.streams import SendChunk, stream

FIRST_ROWS = 200  # are sent at once
CHANGES = SqlFile(Path(__file__).parent / "sql" / "changes.sql")


class ChangesRequest(msgspec.Struct, frozen=True):
    """`since`: None is the beginning. `format`: JSON or NDJSON."""

    tenant: Tenant
    advertiser: UUID
    since: ChangeCursor | None
    limit: int
    format: RowFormat
    decimals_as_text: bool


class PageEnd(msgspec.Struct, frozen=True, rename="camel"):
    """What follows the rows of a page."""

    cursor: Annotated[str, Meta(max_length=100, description="For `since` of the next page. Save it with the rows.")]
    more: Annotated[bool, Meta(description="Whether more rows have changed: request the next page at once.")]
    reset: Annotated[bool, Meta(description="Remove all rows that you have before you store these.")]
    rows: Annotated[Count, Meta(description="The number of rows of this page.")]
    currency: Annotated[str, Meta(max_length=3, description="Of all amounts (ISO 4217).")]
    data_through: Annotated[UtcTime, Meta(description="Until when data has been received (UTC).")]


def page_stream(request: ChangesRequest, log_rows: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
    """JSON or NDJSON. What follows the rows comes last, so that a page that broke off has no cursor."""

    async def produce(db: PooledConnection, send_chunk: SendChunk) -> None:
        context = await read_context(db, request.tenant, request.advertiser)
        page = Page(request, context)
        is_json = request.format == "json"
        before, between = (b'{"data":[', b",") if is_json else (b"", b"\n")
        async for items in page.read(db):
            await send_chunk(before + between.join(items))
            before = between
        log_rows(page.rows)
        end = msgspec.json.encode(page.end())
        if is_json:
            await send_chunk((b"" if page.rows else before) + b"]," + end[1:])
        else:
            await send_chunk((b"\n" if page.rows else b"") + b'{"meta":' + end + b"}\n")

    return stream(request.tenant, request.advertiser, primary_snapshot, produce)


class Page:
    """`rows` is the number of rows so far."""

    def __init__(self, request: ChangesRequest, context: ReportContext) -> None:
        self._request = request
        self._context = context
        self._finality = context.finality(zone_of("UTC"))
        self._state = cache(self._finality.state)
        self._identity = daily_identity(request.tenant.id, request.advertiser, context.currency)
        self._position: tuple[int, int, date, int] = (-1, 0, date.min, 0)  # of the last row
        self._first: Any = None  # the first record, which has the state of the feed
        self._more = False
        self.rows = 0

    async def read(self, db: PooledConnection) -> AsyncGenerator[list[bytes], None]:
        """The rows as JSON objects, in lists of at least one and at most some thousands."""
        since = self._request.since or START
        query = CHANGES.bind(
            self._request.tenant.schema,
            advertiser=self._request.advertiser,
            limit=self._request.limit,
            **{**msgspec.structs.asdict(since), "xid": str(since.xid)},
        )
        # Unnamed: a named statement would outlive the transaction on a backend of PgBouncer.
        unnamed = await db.prepare(query.sql, name="")
        with tracing.statement(query.sql, db.work):
            cursor = await unnamed.cursor(*query.args)
            rows = FIRST_ROWS
            while records := await cursor.fetch(rows):
                rows = settings.stream_rows
                if items := list(self._items(records)):
                    yield items

    def _items(self, records: Sequence[Any]) -> Iterator[bytes]:
        self._first = self._first or records[0]
        for record in records:
            if record["xid"] is None:
                return  # there are no rows
            if self.rows == self._request.limit:
                self._more = True
                return
            position = record["xid"], record["offer"], record["day"], record["partner"]
            assert position > self._position, "rows come in order, so that a cursor passes over none"
            self._position = position
            self.rows += 1
            yield self._item(record)

    def _item(self, row: Any) -> bytes:
        figures = (0, 0, 0) if row["moved_away"] else (row["conversions"], row["clicks"], row["views"])
        cost = "0" if row["moved_away"] else row["cost"]
        deleted = figures == (0, 0, 0) and cost == "0"
        cost = f'"{cost}"' if self._request.decimals_as_text else cost
        day: date = row["day"]
        offer, partner = row["offer_id"], row["partner_id"]
        id_ = daily_row_id(self._identity, day, offer, partner)
        return (
            f'{{"id":"{id_}","day":"{day}","offerId":"{offer}","partnerId":"{partner}",'
            f'"cost":{cost},"conversions":{figures[0]},"clicks":{figures[1]},"views":{figures[2]},'
            f'"state":"{self._state(day)}","late":{json_bool(row["late"])},"deleted":{json_bool(deleted)},'
            f'"changedAt":"{iso(row["changed_at"], "microseconds")}"}}'
        ).encode()

    def end(self) -> PageEnd:
        """After all rows have been read."""
        first = self._first
        position = self._position if self._more else (first["xmin"],)
        cursor = ChangeCursor(first["incarnation"], *position)
        request = self._request
        return PageEnd(
            cursor=cursor.text(request.tenant.id, request.advertiser),
            more=self._more,
            reset=request.since is not None and not first["known"],
            rows=self.rows,
            currency=self._context.currency,
            data_through=self._context.data_through or request.tenant.created_at,
        )


def json_bool(value: bool) -> str:
    return "true" if value else "false"
