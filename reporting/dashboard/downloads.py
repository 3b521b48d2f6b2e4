"""The API's CSV for a person who is signed in."""

from typing import Any
from uuid import UUID

from litestar import Response

from reporting.filters import Filter
from reporting.reports import COST_REPORT, Asked
from reporting.responses import csv_response, fresh_response
from tenants.tenant import current_tenant
from web.requests import AnyRequest, read_body, while_connected


async def cost_report_csv(request: AnyRequest, advertiser: UUID, filter_: Filter) -> Response[Any]:
    """For GET and HEAD: the same bytes, headers and 304 as the API's, of the current tenant; and, like the API's, given
    up when the client goes away. The caller has made sure that the person may see this advertiser's figures.
    """
    await read_body(request)
    asked = Asked(COST_REPORT, current_tenant(), advertiser, filter_)
    response = await while_connected(request, fresh_response(request, asked, csv_response))
    response.headers["Vary"] = response.headers["Vary"].replace("Authorization", "Cookie")
    return response
