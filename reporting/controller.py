"""GET /api/v1/integrations/cost-report/…: the cost report and Singular's, as JSON and CSV."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, HttpMethod, Response, route
from litestar.response import Stream

from auth.callers import caller_of, requires
from database.pool import Share, connection
from instants import iso
from reporting import filters
from reporting.filters import Filter, read_filter
from reporting.freshness import Freshness, freshness
from reporting.queries import Query, cost_report, singular
from reporting.rows import CostRow, Row, SingularItem
from reporting.streams import begun, csv_stream, items, json_stream
from settings import settings
from tenants.current import current_tenant
from web.clients import while_connected
from web.requests import READ, Call, state_of

ROOT = "/api/v1/integrations/cost-report"
OLD_ROOT = "/api/v1/costReporting/GoKart"
VARY = {"Vary": "Authorization, Accept-Encoding"}  # said by the compressor, where there is a body
MOST_FILTER = 16_384  # bytes of a filter in the body


_reports = Share("reporting", max(1, settings.database_pool // 3))

Writer = Callable[[Call, "Report", Query, Freshness], Awaitable[Response[Any]]]


class Report(msgspec.Struct, frozen=True):
    """`document` gives what stands before and after the rows in JSON."""

    name: str
    parameters: tuple[str, ...]
    query: Callable[[str, UUID, Filter], Query]
    row: Row
    document: Callable[[], tuple[bytes, bytes]]


COST_REPORT = Report("cost-report", filters.COST_REPORT, cost_report, CostRow, lambda: (b'{"data":[', b"]}"))
SINGULAR = Report("singular", filters.SINGULAR, singular, SingularItem, lambda: singular_document(datetime.now(UTC)))


def singular_document(now: datetime) -> tuple[bytes, bytes]:
    return f'{{"data":{{"generatedAt":"{iso(now, "milliseconds")}","items":['.encode(), b"]}}"


class CostReportController(Controller):
    guards = [requires("cost-report")]
    request_max_body_size = MOST_FILTER
    tags = ["Cost report"]

    @route([f"{ROOT}/json", f"{OLD_ROOT}/json"], http_method=READ)
    async def json(self, request: Call) -> Response[Any]:
        """Conversions, clicks, views and revenue of each offer and publisher."""
        return await respond(request, COST_REPORT, json_response)

    @route([f"{ROOT}/csv", f"{OLD_ROOT}/csv"], http_method=READ)
    async def csv(self, request: Call) -> Response[Any]:
        """The same as CSV."""
        return await respond(request, COST_REPORT, csv_response)


class SingularController(Controller):
    guards = [requires("singular")]
    request_max_body_size = MOST_FILTER
    tags = ["Singular"]

    @route(f"{ROOT}/singular/json", http_method=READ)
    async def json(self, request: Call) -> Response[Any]:
        """Cost and clicks of each UTC day, offer and publisher."""
        return await respond(request, SINGULAR, json_response)

    @route(f"{ROOT}/singular/csv", http_method=READ)
    async def csv(self, request: Call) -> Response[Any]:
        """The same as CSV."""
        return await respond(request, SINGULAR, csv_response)


async def respond(request: Call, report: Report, write: Writer) -> Response[Any]:
    """The report as `write` writes it, or 304; given up when the client goes away."""
    filter_ = await read_filter(request, report.parameters)
    return await while_connected(request, fresh_response(request, report, filter_, write))


async def fresh_response(request: Call, report: Report, filter_: Filter, write: Writer) -> Response[Any]:
    tenant, advertiser = current_tenant(), caller_of(request).advertiser
    assert advertiser is not None, "the guard's scope belongs to advertisers' tokens"
    async with _reports.turn(owner(request)):
        fresh = await freshness(tenant, advertiser, report.name, filter_)
        if fresh.is_known_to(request):
            return Response(None, status_code=304, headers={**fresh.headers, **VARY})
        return await write(request, report, report.query(tenant.schema, advertiser, filter_), fresh)


async def json_response(request: Call, report: Report, query: Query, fresh: Freshness) -> Response[Any]:
    """Whole where it is small, else streamed."""
    most = settings.stream_rows
    async with connection() as db:
        rows = await db.fetch(f"{query.sql} LIMIT {most + 1}", *query.args, timeout=settings.report_timeout)
    document = report.document()
    if len(rows) > most:
        stream = json_stream(query, owner(request), report.row, document, note_rows(request))
        return await streamed(request, stream, "application/json", fresh.headers)
    note_rows(request)(len(rows))
    return Response(
        document[0] + items(rows, report.row) + document[1],
        media_type="application/json",
        headers={**fresh.headers, "GoKart-Rows": str(len(rows))},
    )


async def csv_response(request: Call, report: Report, query: Query, fresh: Freshness) -> Response[Any]:
    days = fresh.range.replace("/", "_").replace(":", "")
    name = {"Content-Disposition": f'attachment; filename="gokart-{report.name}_{days}.csv"'}
    stream = csv_stream(query, owner(request), note_rows(request))
    return await streamed(request, stream, "text/csv", {**fresh.headers, **name})


async def streamed(
    request: Call, stream: AsyncGenerator[bytes, None], media_type: str, headers: dict[str, str]
) -> Response[Any]:
    """HEAD learns whether the report can be had, and is not sent it."""
    whole = await begun(stream)
    if request.method == HttpMethod.HEAD:
        await whole.aclose()
        return Stream((), media_type=media_type, headers={**headers, **VARY})
    return Stream(whole, media_type=media_type, headers=headers)


def owner(request: Call) -> Hashable:
    """Who streams: one advertiser's tokens together."""
    return current_tenant().id, caller_of(request).advertiser


def note_rows(request: Call) -> Callable[[int], None]:
    return lambda rows: state_of(request.scope)["log"].update(rows=rows)
