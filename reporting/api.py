"""GET /api/v1/integrations/cost-report/…: the cost report and Singular's report, as JSON and CSV."""

from typing import Any, Literal

from litestar import Controller, Response

from auth.api_keys.authenticate import current_advertiser, requires_api_key
from reporting.as_of import resolve_as_of
from reporting.filters import read_filter, widen_to_retained
from reporting.read import (
    COST_REPORT,
    SINGULAR,
    NotModified,
    Report,
    ReportRequest,
    Stream,
    Whole,
    current_report,
    read,
    report_slots,
)
from reporting.responses import EncodedResponse, requested_etags, row_logger, streaming_response, vary_by_encoding
from reporting.stream import csv_stream, json_stream
from tenants.tenant import current_tenant
from web.requests import READ_METHODS, AnyRequest, encode_headers, request_state
from web.routing import route

ROOT = "/api/v1/integrations/cost-report"
OLD_ROOT = "/api/v1/costReporting/GoKart"
MAX_FILTER_BYTES = 16_384  # of a filter in the body

Format = Literal["json", "csv"]


class CostReportController(Controller):
    guards = [requires_api_key("cost-report")]
    request_max_body_size = MAX_FILTER_BYTES
    tags = ["Cost report"]

    @route([f"{ROOT}/json", f"{OLD_ROOT}/json"], http_method=READ_METHODS)
    async def json(self, request: AnyRequest) -> Response[Any]:
        """Conversions, clicks, views and cost by offer and partner."""
        return await respond(request, COST_REPORT, "json")

    @route([f"{ROOT}/csv", f"{OLD_ROOT}/csv"], http_method=READ_METHODS)
    async def csv(self, request: AnyRequest) -> Response[Any]:
        """The same as CSV."""
        return await respond(request, COST_REPORT, "csv")


class SingularController(Controller):
    guards = [requires_api_key("singular")]
    request_max_body_size = MAX_FILTER_BYTES
    tags = ["Singular"]

    @route(f"{ROOT}/singular/json", http_method=READ_METHODS)
    async def json(self, request: AnyRequest) -> Response[Any]:
        """Cost and clicks by UTC day, offer and partner."""
        return await respond(request, SINGULAR, "json")

    @route(f"{ROOT}/singular/csv", http_method=READ_METHODS)
    async def csv(self, request: AnyRequest) -> Response[Any]:
        """The same as CSV."""
        return await respond(request, SINGULAR, "csv")


async def respond(request: AnyRequest, report: Report, format_: Format) -> Response[Any]:
    filter_ = await read_filter(request, report.parameters)
    request_state(request.scope)["range"] = filter_.range
    tenant, advertiser = current_tenant(), current_advertiser(request)
    filter_ = widen_to_retained(request, filter_, tenant)
    as_of = await resolve_as_of(filter_.as_of, tenant, advertiser, filter_.range)
    if as_of is None:
        wanted = current_report(report, tenant, advertiser, filter_)
    else:
        wanted = ReportRequest(report, tenant, advertiser, filter_, as_of)
    return await report_response(request, wanted, format_)


async def report_response(request: AnyRequest, wanted: ReportRequest, format_: Format) -> Response[Any]:
    async with report_slots.slot(wanted.owner):
        result = await read(wanted, requested_etags(request), stream=format_ == "csv")
        if isinstance(result, NotModified):
            return EncodedResponse(304, encode_headers(vary_by_encoding(result.validators.headers)))
        if isinstance(result, Whole):
            return whole_response(request, wanted, result)
        return await stream_response(request, wanted, result, format_)


def whole_response(request: AnyRequest, wanted: ReportRequest, result: Whole) -> Response[Any]:
    row_logger(request)(result.rows)
    opening, closing = wanted.report.document()
    headers = {"Content-Type": "application/json", **result.validators.headers, "GoKart-Rows": str(result.rows)}
    return EncodedResponse(200, encode_headers(headers), opening + result.items + closing)


async def stream_response(request: AnyRequest, wanted: ReportRequest, result: Stream, format_: Format) -> Response[Any]:
    headers = result.validators.headers
    if format_ == "csv":
        days = result.validators.range.replace("/", "_").replace(":", "")
        headers["Content-Disposition"] = f'attachment; filename="gokart-{wanted.report.name}_{days}.csv"'
    media_type = "text/csv" if format_ == "csv" else "application/json"
    chunks = (csv_stream if format_ == "csv" else json_stream)(wanted, result.validators, row_logger(request))
    return await streaming_response(request, chunks, media_type, headers)
