"""The API's CSV for a person who is signed in, who is likely to open it in a spreadsheet."""

from typing import Any
from uuid import UUID

from litestar import Response

from reporting.api import report_response
from reporting.filters import Filter
from reporting.read import SPREADSHEET, ReportRequest
from tenants.tenant import current_tenant
from web.requests import AnyRequest


async def cost_report_csv(request: AnyRequest, advertiser: UUID, filter_: Filter) -> Response[Any]:
    """For GET and HEAD: the rows, headers and 304 of the API's report, for the current tenant. Names that a spreadsheet
    would evaluate as a formula have an apostrophe in front of them.

    The caller has checked that the user may see this advertiser's figures.
    """
    wanted = ReportRequest(SPREADSHEET, current_tenant(), advertiser, filter_)
    response = await report_response(request, wanted, "csv")
    response.headers["Vary"] = response.headers["Vary"].replace("Authorization", "Cookie")
    return response
