"""GET /api/v1/integrations/cost-report/…: the cost report and Singular's, as JSON and CSV."""

from typing import Any

from litestar import Controller, Response, route

from auth.api_keys.authenticate import current_caller, requires_api_key
from reporting.filters import read_filter
from reporting.reports import COST_REPORT, SINGULAR, Asked, Report
from reporting.responses import Writer, csv_response, fresh_response, json_response
from reporting.thinning import as_kept
from singular.request_log import log_request
from tenants.tenant import current_tenant
from web.requests import READ_METHODS, AnyRequest, request_state, while_connected

ROOT = "/api/v1/integrations/cost-report"
OLD_ROOT = "/api/v1/costReporting/GoKart"
MOST_FILTER = 16_384  # bytes of a filter in the body


class CostReportController(Controller):
    guards = [requires_api_key("cost-report")]
    request_max_body_size = MOST_FILTER
    tags = ["Cost report"]

    @route([f"{ROOT}/json", f"{OLD_ROOT}/json"], http_method=READ_METHODS)
    async def json(self, request: AnyRequest) -> Response[Any]:
        """Conversions, clicks, views and revenue of each offer and publisher."""
        return await respond(request, COST_REPORT, json_response)

    @route([f"{ROOT}/csv", f"{OLD_ROOT}/csv"], http_method=READ_METHODS)
    async def csv(self, request: AnyRequest) -> Response[Any]:
        """The same as CSV."""
        return await respond(request, COST_REPORT, csv_response)


class SingularController(Controller):
    guards = [log_request, requires_api_key("singular")]
    request_max_body_size = MOST_FILTER
    tags = ["Singular"]

    @route(f"{ROOT}/singular/json", http_method=READ_METHODS)
    async def json(self, request: AnyRequest) -> Response[Any]:
        """Cost and clicks of each UTC day, offer and publisher."""
        return await respond(request, SINGULAR, json_response)

    @route(f"{ROOT}/singular/csv", http_method=READ_METHODS)
    async def csv(self, request: AnyRequest) -> Response[Any]:
        """The same as CSV."""
        return await respond(request, SINGULAR, csv_response)


async def respond(request: AnyRequest, report: Report, write: Writer) -> Response[Any]:
    """Given up when the client goes away."""
    filter_ = await read_filter(request, report.parameters)
    request_state(request.scope)["range"] = filter_.range
    advertiser = current_caller(request).advertiser
    assert advertiser is not None, "the guard's scope belongs to advertisers' tokens"
    asked = Asked(report, current_tenant(), advertiser, as_kept(request, filter_))
    return await while_connected(request, fresh_response(request, asked, write))
