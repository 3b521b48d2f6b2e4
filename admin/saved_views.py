"""/staff/views: saved views of the staff's page of the spend."""

from database.pool import connection
from saved_views.pages import SavedViewController
from tenants.tenant import current_tenant
from web.requests import AnyRequest


class StaffViewController(SavedViewController):
    root = "/staff/views"
    home = ("/staff", "Spend")

    async def time_zone(self, request: AnyRequest) -> str:
        async with connection() as db:
            zone: str | None = await db.fetchval(f"SELECT time_zone FROM {current_tenant().schema}.setting")
        return zone or "UTC"
