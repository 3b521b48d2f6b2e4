"""“View as advertiser”: starting and stopping. `auth.users.guards` lets a session that views read the portal."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, post
from litestar.params import FromPath

from auth.users.guards import current_session, requires_login
from auth.users.viewing import end_view, start_view
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest


class ViewAsController(Controller):
    guards = [requires_login]

    @post("/advertisers/{advertiser:uuid}/view")
    async def start(self, request: AnyRequest, advertiser: FromPath[UUID]) -> Response[Any]:
        if not await start_view(current_session(request).id, advertiser):
            raise Problem(404, "Advertiser not found.")
        return redirect(request, "/")

    @post("/view/stop")
    async def stop(self, request: AnyRequest) -> Response[Any]:
        advertiser = await end_view(current_session(request).id)
        return redirect(request, f"/staff/advertisers/{advertiser}" if advertiser else "/staff")
