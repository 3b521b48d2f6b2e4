"""The spend of the last 30 days on the pages of an advertiser, an offer and a partner.

The figures and days are those of the staff's page of the spend, to which each card links.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from admin.spend import LINKS
from database.pool import connection
from reporting.context import read_tenant_context
from reporting.dashboard.choices import read_choices
from reporting.dashboard.spend import SpendScope, read_totals
from reporting.dashboard.view import Figure, figures
from reporting.query.scope import AllAdvertisers
from tenants.tenant import Tenant


class RecentSpend(msgspec.Struct, frozen=True):
    """`figures` are the cost, conversions, clicks and views, in the order of `reporting.dashboard.view.COLUMNS`. `url`
    is that of the page of the spend, with the same days and filter.
    """

    currency: str
    figures: Sequence[Figure]
    url: str


async def recent_spend(tenant: Tenant, currency: str, **filters: str) -> RecentSpend:
    """In days of the tenant's time zone, today included. `filters` are parameters of the page of the spend.

    Raises DatabaseUnavailable.
    """
    async with connection() as db:
        scope = SpendScope(tenant, AllAdvertisers(), await read_tenant_context(db, tenant, currency))
    choices = read_choices([*filters.items(), ("currency", currency)], scope.today, staff=True)
    totals = await read_totals(scope, choices)
    query = choices.with_days(choices.period.first, choices.period.last)
    return RecentSpend(currency, figures(totals, currency)[:4], f"{LINKS.page}?{query}")


async def partner_spend(tenant: Tenant, partner: UUID) -> list[RecentSpend]:
    """In each currency in which the partner had figures, in order of the currencies. Raises DatabaseUnavailable."""
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT DISTINCT a.currency FROM {tenant.schema}.advertiser a
            JOIN {tenant.schema}.offer o ON o.advertiser = a.id
            WHERE o.key IN (
                SELECT offer FROM {tenant.schema}.by_month
                WHERE bucket >= date_trunc('month', now() - interval '31 days', 'UTC')::date
                    AND partner = (SELECT key FROM {tenant.schema}.partner WHERE id = $1)
            )
            ORDER BY a.currency
            """,
            partner,
        )
    return [await recent_spend(tenant, row["currency"], partner_id=str(partner)) for row in rows]
