"""The spend of the last 30 days on the pages of an advertiser and an offer, from the code of the dashboard."""

from uuid import UUID

from database.pool import connection
from reporting.context import read_context
from reporting.dashboard.choices import read_choices
from reporting.dashboard.figures import SpendMetrics
from reporting.dashboard.spend import SpendScope, read_spend
from tenants.tenant import Tenant


async def recent_spend(tenant: Tenant, advertiser: UUID, **filters: str) -> SpendMetrics:
    """Of the advertiser's own days, today included, in its currency."""
    async with connection() as db:
        scope = SpendScope(tenant, advertiser, await read_context(db, tenant, advertiser))
    choices = read_choices([("compare", "none"), *filters.items()], scope.today)
    return (await read_spend(scope, choices)).totals
