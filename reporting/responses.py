"""A report as a response: whole or streamed, or 304. Whoever asks has been let in already, and for which advertiser."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import HttpMethod, Response
from litestar.response import Stream

from database.pool import Share, connection
from instants import iso
from reporting import filters
from reporting.filters import Filter
from reporting.freshness import Freshness, freshness
from reporting.queries import Query, cost_report, singular
from reporting.rows import CostRow, Row, SingularItem
from reporting.streams import begun, csv_stream, items, json_stream
from settings import settings
from tenants.current import current_tenant
from web.requests import Call, state_of

VARY = {"Vary": "Authorization, Accept-Encoding"}  # said by the compressor, where there is a body

reports = Share("reporting", max(1, settings.database_pool // 3))  # for each advertiser

Writer = Callable[[Call, Hashable, "Report", Query, Freshness], Awaitable[Response[Any]]]


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


async def fresh_response(
    request: Call, report: Report, advertiser: UUID, filter_: Filter, write: Writer
) -> Response[Any]:
    """The report as `write` writes it, or 304. One advertiser's requests share its turns and streams, whoever asks."""
    tenant = current_tenant()
    owner = tenant.id, advertiser
    async with reports.turn(owner):
        fresh = await freshness(tenant, advertiser, report.name, filter_)
        if fresh.is_known_to(request):
            return Response(None, status_code=304, headers={**fresh.headers, **VARY})
        return await write(request, owner, report, report.query(tenant.schema, advertiser, filter_), fresh)


async def json_response(
    request: Call, owner: Hashable, report: Report, query: Query, fresh: Freshness
) -> Response[Any]:
    """Whole where it is small, else streamed."""
    most = settings.stream_rows
    async with connection() as db:
        rows = await db.fetch(f"{query.sql} LIMIT {most + 1}", *query.args, timeout=settings.report_timeout)
    document = report.document()
    if len(rows) > most:
        stream = json_stream(query, owner, report.row, document, note_rows(request))
        return await streamed(request, stream, "application/json", fresh.headers)
    note_rows(request)(len(rows))
    return Response(
        document[0] + items(rows, report.row) + document[1],
        media_type="application/json",
        headers={**fresh.headers, "GoKart-Rows": str(len(rows))},
    )


async def csv_response(request: Call, owner: Hashable, report: Report, query: Query, fresh: Freshness) -> Response[Any]:
    days = fresh.range.replace("/", "_").replace(":", "")
    name = {"Content-Disposition": f'attachment; filename="gokart-{report.name}_{days}.csv"'}
    stream = csv_stream(query, owner, note_rows(request))
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


def note_rows(request: Call) -> Callable[[int], None]:
    return lambda rows: state_of(request.scope)["log"].update(rows=rows)
