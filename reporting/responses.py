"""A report as a response: whole or streamed, or 304. Whoever asks has been let in already, and for which advertiser."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from litestar import HttpMethod, Response
from litestar.response import Stream

from database.pool import ConcurrencyLimit, connection, has_replica
from reporting.answers import Answer, answers
from reporting.filters import DAY
from reporting.freshness import ReportValidators, read_validators
from reporting.replicas import read_at_once
from reporting.reports import Asked
from reporting.streams import begun, csv_stream, json_stream
from settings import settings
from web.requests import AnyRequest, header_values, request_state

VARY = {"Vary": "Authorization, Accept-Encoding"}  # said by the compressor, where there is a body
FEW_DAYS = 7  # of a daily report that may well be small

reports = ConcurrencyLimit("reporting", max(1, settings.database_pool // 3))  # for each advertiser

Writer = Callable[[AnyRequest, Asked], Awaitable[Response[Any]]]


async def fresh_response(request: AnyRequest, asked: Asked, write: Writer) -> Response[Any]:
    """The report as `write` writes it, or 304."""
    async with reports.slot(asked.owner):
        return await write(request, asked)


async def json_response(request: AnyRequest, asked: Asked) -> Response[Any]:
    """Whole where it is small, else streamed. One question to the database where nothing is known yet."""
    answer, fresh = answers.recall(asked.key), None
    whole = not asked.report.daily or asked.filter.range.end - asked.filter.range.start <= FEW_DAYS * DAY
    if answer or not whole or has_replica() or header_values(request.scope, b"if-none-match"):
        fresh = await freshness(asked)
        if fresh.is_known_to(request):
            return not_modified(fresh)
        if answer and answer.etag == fresh.etag:
            return whole_response(request, asked, fresh, answer)
    if whole:
        fresh, answer = await read_at_once(asked, fresh)
        if answer:
            answers.remember(asked.key, answer)
            return whole_response(request, asked, fresh, answer)
    assert fresh is not None
    stream = json_stream(asked, fresh, note_rows(request))
    return await streamed(request, stream, "application/json", fresh.headers)


async def csv_response(request: AnyRequest, asked: Asked) -> Response[Any]:
    fresh = await freshness(asked)
    if fresh.is_known_to(request):
        return not_modified(fresh)
    days = fresh.range.replace("/", "_").replace(":", "")
    name = {"Content-Disposition": f'attachment; filename="gokart-{asked.report.name}_{days}.csv"'}
    stream = csv_stream(asked, fresh, note_rows(request))
    return await streamed(request, stream, "text/csv", {**fresh.headers, **name})


async def freshness(asked: Asked) -> ReportValidators:
    """What the primary says. Raises DatabaseUnavailable."""
    async with connection() as db:
        return await read_validators(db, asked)


def not_modified(fresh: ReportValidators) -> Response[Any]:
    return Response(None, status_code=304, headers={**fresh.headers, **VARY})


def whole_response(request: AnyRequest, asked: Asked, fresh: ReportValidators, answer: Answer) -> Response[Any]:
    note_rows(request)(answer.rows)
    before, closing = asked.report.document()
    return Response(
        before + answer.items + closing,
        media_type="application/json",
        headers={**fresh.headers, "GoKart-Rows": str(answer.rows)},
    )


async def streamed(
    request: AnyRequest, stream: AsyncGenerator[bytes, None], media_type: str, headers: dict[str, str]
) -> Response[Any]:
    """HEAD learns whether the report can be had, and is not sent it."""
    whole = await begun(stream)
    if request.method == HttpMethod.HEAD:
        await stream.aclose()  # of `whole` nothing has run, so that closing that would close nothing
        return Stream((), media_type=media_type, headers={**headers, **VARY})
    return Stream(whole, media_type=media_type, headers=headers)


def note_rows(request: AnyRequest) -> Callable[[int], None]:
    return lambda rows: request_state(request.scope)["log"].update(rows=rows)
