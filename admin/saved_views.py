"""/staff/views: saved views of the staff's page of the spend."""

from auth.users.realms import STAFF
from saved_views.pages import SavedViewController
from web.pages.branding import current_branding
from web.requests import AnyRequest


class StaffViewController(SavedViewController):
    root = STAFF.path("/views")
    home = (STAFF.home, STAFF.home_title)

    async def time_zone(self, request: AnyRequest) -> str:
        return current_branding().time_zone
