"""Conversions on pages: a page of a list, totals of its filter, and one conversion with its history."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from database.pool import connection
from database.sql import SqlFile
from database.transactions import plan_for_arguments, read_only_snapshot
from reporting.conversions.api import ITEMS
from reporting.conversions.parameters import STATUSES
from reporting.read import report_slots
from settings import settings
from tenants.tenant import Tenant
from web.pages.lists import ListPage, ListRequest, Sort, read_list_page

SQL = Path(__file__).parent / "sql"
MATCHING = SqlFile(SQL / "matching.sql")
TOTALS = SqlFile(SQL / "totals.sql")
SORTS = {"occurred": Sort("c.occurred_at", "timestamptz", descending=True)}
COLUMNS = """
    c.id, c.status, c.cost * 0.000001 AS cost, c.occurred_at, c.rejection_reason, c.click, o.id AS offer,
    o.name AS offer_name, p.id AS partner, p.name AS partner_name
"""


class StatusTotal(msgspec.Struct, frozen=True):
    """`cost`: of the conversions as a Success."""

    conversions: int = 0
    cost: Decimal = Decimal(0)


class ConversionPage(msgspec.Struct, frozen=True):
    """`totals`, by status, are of all pages. The cost of Success is that of reports."""

    page: ListPage
    totals: dict[str, StatusTotal]

    @property
    def conversions(self) -> int:
        return sum(total.conversions for total in self.totals.values())


async def read_conversion_page(
    tenant: Tenant, advertiser: UUID, list_: ListRequest, filters: Mapping[str, object]
) -> ConversionPage:
    """Newest first. `filters` are the parameters of `sql/filters.sql`. Raises DatabaseUnavailable, and Problem 400 for
    a cursor of another list.
    """
    matching, totals = (each.bind(tenant.schema, advertiser=advertiser, **filters) for each in (MATCHING, TOTALS))
    async with report_slots.slot((tenant.id, advertiser)), connection() as db, read_only_snapshot(db):
        await plan_for_arguments(db)
        page = await read_list_page(db, list_, COLUMNS, matching.sql, matching.args, id_="c.id")
        rows = await db.fetch(totals.sql, *totals.args, timeout=settings.report_timeout)
    found = {row["status"]: StatusTotal(row["conversions"], row["cost"]) for row in rows}
    return ConversionPage(page, {status: found.get(status, StatusTotal()) for status in STATUSES})


async def find_conversion(tenant: Tenant, advertiser: UUID, conversion: UUID) -> dict[str, Any] | None:
    """A `ConversionRow` with its costs as strings, as GET /api/v1/conversions has it. None if it is not one of the
    advertiser's.
    """
    nothing = dict.fromkeys(("start", "end", "changed_since", "offers", "partners", "statuses", "clicks"))
    query = ITEMS.bind(tenant.schema, advertiser=advertiser, ids=[conversion], quote='"', **nothing)
    async with connection() as db, read_only_snapshot(db):
        await plan_for_arguments(db)
        row: Record | None = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
    found: dict[str, Any] | None = msgspec.json.decode(row[0]) if row else None
    return found
