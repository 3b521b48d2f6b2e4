"""GET /api/v1/reports/query: an advertiser's figures by any groups, in any time zone, in several formats."""

from typing import Any

from litestar import Controller, Response

from auth.api_keys.authenticate import current_advertiser, requires_api_key
from database.pool import connection
from reporting.as_of import resolve_as_of
from reporting.context import read_context
from reporting.list_parameters import MAX_BODY_BYTES, read_query
from reporting.query.document import QUERY
from reporting.query.formats import FORMATS, JSON, QueryFormat, format_of
from reporting.query.parameters import parse
from reporting.query.request import QueryRequest
from reporting.query.retention import check_retention
from reporting.query.stream import json_end, query_stream
from reporting.read import NotModified, Whole, read, report_slots
from reporting.responses import requested_etags, row_logger, streaming_response, vary_by_encoding
from tenants.tenant import current_tenant
from web.operations import documented
from web.requests import READ_METHODS, AnyRequest
from web.routing import route

PATH = "/api/v1/reports/query"


class QueryController(Controller):
    guards = [requires_api_key("cost-report")]
    request_max_body_size = MAX_BODY_BYTES

    @route(PATH, http_method=READ_METHODS, opt=documented(QUERY))
    async def query(self, request: AnyRequest) -> Response[Any]:
        """An advertiser's figures by any groups, in any time zone.

        A row has at least one figure other than zero. The rows of every breakdown add up to `totals`, which equal the
        cost report of the same range.
        """
        return await respond(request)


async def respond(request: AnyRequest) -> Response[Any]:
    parameters = parse(await read_query(request), list(FORMATS))
    format_ = format_of(request, parameters.format)
    tenant, advertiser = current_tenant(), current_advertiser(request)
    async with connection() as db:
        context = await read_context(db, tenant, advertiser)
    zone, range_ = parameters.resolve(context.time_zone, context.now)
    wanted = QueryRequest(
        tenant=tenant,
        advertiser=advertiser,
        parameters=parameters,
        zone=zone,
        range=range_,
        currency=context.currency,
        finality=context.finality(zone),
        now=context.now,
        format=format_.name,
        as_of=await resolve_as_of(parameters.as_of, tenant, advertiser, range_),
    )
    await check_retention(wanted, context.hours_since)
    return await query_response(request, wanted, format_)


async def query_response(
    request: AnyRequest, wanted: QueryRequest, format_: QueryFormat, file_name: str | None = None
) -> Response[Any]:
    """`file_name` is without its ending; the default has the range."""
    async with report_slots.slot(wanted.owner):
        result = await read(wanted, requested_etags(request), stream=format_ is not JSON)
        headers = {**result.validators.headers, "Vary": "Authorization, Accept"}
        if isinstance(result, NotModified):
            return Response(None, status_code=304, headers=vary_by_encoding(headers))
        if isinstance(result, Whole):
            return whole_response(request, wanted, result, headers)
        if format_.attachment:
            days = wanted.content_range.replace("/", "_").replace(":", "")
            name = f"{file_name or f'gokart-query_{days}'}.{format_.name}"
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        chunks = query_stream(wanted, result.validators, row_logger(request), format_.produce)
        return await streaming_response(request, chunks, format_.media_types[0], headers)


def whole_response(request: AnyRequest, wanted: QueryRequest, result: Whole, headers: dict[str, str]) -> Response[Any]:
    row_logger(request)(result.rows)
    assert result.totals is not None
    assert result.validators.snapshot is not None
    meta = wanted.meta(result.validators, result.validators.snapshot, result.rows)
    return Response(
        b'{"data":[' + result.items + json_end(result.totals, meta),
        media_type=JSON.media_types[0],
        headers={**headers, "GoKart-Rows": str(result.rows)},
    )
