"""/views: saved views of the portal's dashboard."""

from typing import Any

from litestar import Response

from auth.users.guards import OF_ONE_USER
from auth.users.realms import ADVERTISER
from portal.advertiser_status import read_advertiser_status
from portal.layout import forbidden_page
from saved_views.pages import SavedViewController
from web.pages.rendering import PageLayout
from web.requests import AnyRequest


class PortalViewController(SavedViewController):
    opt = OF_ONE_USER
    root = ADVERTISER.path("/views")
    home = (ADVERTISER.home, ADVERTISER.home_title)

    async def time_zone(self, request: AnyRequest) -> str:
        advertiser = await read_advertiser_status(request)
        assert advertiser is not None, "the guard `requires_login` lets only users in"
        return advertiser.time_zone

    def forbidden_page(self, request: AnyRequest, layout: PageLayout) -> Response[Any] | None:
        return forbidden_page(request, layout)
