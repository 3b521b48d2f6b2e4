"""/staff/partners…: the partners that show the offers. The tenant is itself a partner."""

from typing import Any

from asyncpg import Record
from litestar import Response

from admin.catalogue import CatalogueController
from admin.catalogue_lists import CatalogueList
from admin.recent_spend import partner_spend
from catalog.fields import PARTNERS
from database.pool import connection
from tenants.tenant import current_tenant
from web.pages.lists import Sort
from web.pages.rendering import PageLayout, render_page
from web.requests import AnyRequest


class PartnersController(CatalogueController):
    path = "/partners"
    kind = PARTNERS
    sorts = {"name": Sort("lower(t.name)"), "created": Sort("t.created_at", "timestamptz", descending=True)}
    groups = [("Partner", ["name"])]
    catalogue_list = CatalogueList(PARTNERS, "t.id, t.name, t.status, t.created_at")
    export_columns = {"id": "t.id", "name": "t.name", "status": "t.status", "created_at": "t.created_at"}

    async def record_page(self, request: AnyRequest, layout: PageLayout, row: Record, **context: Any) -> Response[Any]:
        tenant = current_tenant()
        async with connection() as db:
            same_name = await db.fetch(
                f"""
                SELECT id FROM {tenant.schema}.partner WHERE lower(name) = lower($1) AND id <> $2
                ORDER BY id LIMIT 10
                """,
                row["name"],
                row["id"],
            )
        return render_page(
            "admin/partner.html",
            layout,
            row=row,
            same_name=[other["id"] for other in same_name],
            own=row["id"] == tenant.id,
            spends=await partner_spend(tenant, row["id"]),
            **context,
        )
