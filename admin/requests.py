"""GET /staff/requests: the log of requests with any API key of the tenant."""

from typing import Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency

from auth.api_keys.request_pages import request_log_page
from auth.users.guards import requires_login
from web.pages.rendering import PageLayout
from web.requests import AnyRequest


class StaffRequestsController(Controller):
    path = "/requests"
    guards = [requires_login]

    @get()
    async def requests(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return await request_log_page(request, layout, "admin/requests.html")
