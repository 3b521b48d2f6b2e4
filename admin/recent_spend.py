"""The spend of the last 30 days on the pages of an advertiser and an offer, computed as on the dashboard."""

from uuid import UUID

from database.pool import connection
from reporting.context import read_context
from reporting.dashboard.choices import read_choices
from reporting.dashboard.figures import SpendMetrics
from reporting.dashboard.spend import SpendScope, read_spend
from tenants.tenant import Tenant


async def recent_spend(tenant: Tenant, advertiser: UUID, **filters: str) -> SpendMetrics:
    """In the advertiser's time zone and currency, today included."""
    async with connection() as db:
        scope = SpendScope(tenant, advertiser, await read_context(db, tenant, advertiser))
    choices = read_choices([("compare", "none"), *filters.items()], scope.today)
    return (await read_spend(scope, choices)).totals
