"""GET /api/v1/conversions: an advertiser's single conversions, streamed from one snapshot of the primary."""

from codecs import BOM_UTF8
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from litestar import Controller, Response

from auth.api_keys.authenticate import current_advertiser, requires_api_key
from core.metrics import count_report
from core.timestamps import iso
from database.pool import PooledConnection, connection
from database.sql import SqlFile
from reporting.context import read_context
from reporting.conversions.document import CONVERSIONS
from reporting.conversions.parameters import ConversionFilter, parse
from reporting.list_parameters import MAX_BODY_BYTES, read_query
from reporting.ranges import DAY, Range
from reporting.responses import row_logger, streaming_response
from reporting.rows import MEDIA_TYPES, RowCount, RowFormat, RowStatements, read_row_format, row_stream
from reporting.stream import MAX_DAYS_PER_PART, ROWS_PER_PART
from settings import settings
from tenants.tenant import Tenant, current_tenant
from web.operations import documented
from web.requests import READ_METHODS, AnyRequest
from web.routing import route

SQL = Path(__file__).parent / "sql"
ITEMS, COLUMNS, SPREADSHEET = (SqlFile(SQL / "conversions.sql", name) for name in ("items", "columns", "spreadsheet"))
DEPARTED_ITEMS, DEPARTED_COLUMNS = (SqlFile(SQL / "departed.sql", name) for name in ("items", "columns"))
EXTENT = SqlFile(SQL / "extent.sql")
CHANGES_BEFORE = SqlFile(SQL / "changes_before.sql")


class ConversionController(Controller):
    guards = [requires_api_key("conversions")]
    request_max_body_size = MAX_BODY_BYTES

    @route("/api/v1/conversions", http_method=READ_METHODS, opt=documented(CONVERSIONS))
    async def conversions(self, request: AnyRequest) -> Response[Any]:
        """Each conversion of the advertiser's offers in its present state, with its earlier ones.

        The costs of those with the status `Success` that count in a range add up to the reports' cost of that range.
        Different filters combine with AND, the values of one filter with OR. A filter that nothing matches gives an
        empty list.

        With `changed_since`, a conversion that has left the advertiser since then, because it is of another
        advertiser's offer now, is a row that only has `id`, `changedAt` and `deleted` (true). Of the filters, only
        `conversion_id` applies to such rows. They come last.
        """
        filter_ = parse(await read_query(request), tuple(MEDIA_TYPES))
        format_ = read_row_format(request, filter_.format)
        return await respond(request, current_advertiser(request), filter_, format_)


async def respond(
    request: AnyRequest,
    advertiser: UUID,
    filter_: ConversionFilter,
    format_: RowFormat,
    *,
    for_spreadsheet: bool = False,
    file_name: str = "gokart-conversions.csv",
) -> Response[Any]:
    """For the current tenant; the caller has checked that the user may see this advertiser's conversions.

    `for_spreadsheet`: CSV begins with a byte order mark, and texts in it cannot be formulas.
    """
    tenant = current_tenant()
    changes_before = CHANGES_BEFORE.bind(tenant.schema)
    async with connection() as db:
        context = await read_context(db, tenant, advertiser)
        instant = await db.fetchval(changes_before.sql, timeout=settings.report_timeout)
    zone, times = filter_.resolve(context.time_zone)
    parameters: dict[str, object] = {
        "advertiser": advertiser,
        **times,
        **filter_.selection,
        "quote": '"' if filter_.decimals_as_text else "",
    }
    data_through = iso(context.data_through or tenant.created_at)
    recorded_since, next_changed_since = (iso(time, "microseconds") for time in (context.recorded_since, instant))
    headers = {
        **range_header(times["start"], times["end"]),
        "GoKart-Data-Through": data_through,
        "GoKart-Recorded-Since": recorded_since,
        "GoKart-Next-Changed-Since": next_changed_since,
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization, Accept",
    }

    def meta(rows: int) -> dict[str, object]:
        return {
            "rows": rows,
            "timeZone": zone.key,
            "currency": context.currency,
            "dataThrough": data_through,
            "recordedSince": recorded_since,
            "nextChangedSince": next_changed_since,
            "complete": True,
        }

    count_report("conversions", "primary")
    if format_ == "csv":
        headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    parts = partial(parts_of, tenant, SPREADSHEET if for_spreadsheet else COLUMNS, parameters)
    chunks = row_stream(tenant, advertiser, parts, format_, meta=meta, log_rows=row_logger(request))
    if for_spreadsheet:
        chunks = with_byte_order_mark(chunks)
    return await streaming_response(request, chunks, MEDIA_TYPES[format_], headers)


async def with_byte_order_mark(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Excel reads CSV as UTF-8 only with it."""
    async with aclosing(chunks):
        start = BOM_UTF8
        async for chunk in chunks:
            yield start + chunk
            start = b""


def range_header(start: datetime | None, end: datetime | None) -> dict[str, str]:
    """The header GoKart-Range of a request that has both ends."""
    return {"GoKart-Range": str(Range(start, end))} if start and end else {}


async def parts_of(
    tenant: Tenant, columns: SqlFile, parameters: dict[str, object], db: PooledConnection, count: RowCount
) -> AsyncIterator[RowStatements]:
    """Parts of the range, in order, so that what PostgreSQL sorts is small: a day, then as many days as will have about
    ROWS_PER_PART rows, judging by the part before.
    """
    if not (parameters["ids"] or parameters["clicks"]):
        extent = EXTENT.bind(tenant.schema, start=parameters["start"], end=parameters["end"])
        unnamed = await db.prepare(extent.sql, name="")  # a named statement may get a plan for all arguments
        row = await unnamed.fetchrow(*extent.args)
        assert row is not None, "aggregates have one row"
        first, last = row
        days = 1
        while first is not None and last - first >= days * DAY:
            end = first + days * DAY
            yield statements_of(tenant, columns, parameters | {"start": first, "end": end})
            parameters |= {"start": end}
            first = end
            days = max(1, min(4 * days, MAX_DAYS_PER_PART, days * ROWS_PER_PART // max(1, count.of_last_part)))
    yield statements_of(tenant, columns, parameters)
    if parameters["changed_since"]:
        left = {name: parameters[name] for name in ("advertiser", "changed_since", "ids")}
        yield RowStatements(DEPARTED_ITEMS.bind(tenant.schema, **left), DEPARTED_COLUMNS.bind(tenant.schema, **left))


def statements_of(tenant: Tenant, columns: SqlFile, parameters: dict[str, object]) -> RowStatements:
    return RowStatements(ITEMS.bind(tenant.schema, **parameters), columns.bind(tenant.schema, **parameters))
