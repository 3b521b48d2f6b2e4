"""The scope of the staff's dashboard: all advertisers with one currency."""

from database.pool import connection
from reporting.context import read_tenant_context
from reporting.dashboard.spend import SpendScope
from reporting.query.scope import AllAdvertisers
from tenants.tenant import Tenant

USUAL_CURRENCY = "USD"  # of a tenant without advertisers


async def read_staff_scope(tenant: Tenant, currency: str | None, currencies: list[str]) -> SpendScope:
    """Of the chosen currency, or of the one that most advertisers have."""
    chosen = currency or (currencies[0] if currencies else USUAL_CURRENCY)
    async with connection() as db:
        return SpendScope(tenant, AllAdvertisers(), await read_tenant_context(db, tenant, chosen))


async def read_currencies(tenant: Tenant) -> list[str]:
    """Those of the advertisers, the most frequent one first."""
    async with connection() as db:
        rows = await db.fetch(
            f"SELECT currency FROM {tenant.schema}.advertiser GROUP BY currency ORDER BY count(*) DESC, currency"
        )
    return [row["currency"] for row in rows]
