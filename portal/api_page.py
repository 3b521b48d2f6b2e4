"""The API page: connection, example programs, rate limits, and when data is final."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from auth.users.guards import current_user, requires_login
from catalog.tenants import GokartTenant
from database.pool import connection
from portal import snippets
from portal.advertiser_status import current_advertiser
from reporting.changes.status import read_status
from settings import settings
from tenants.tenant import Tenant, current_tenant
from web.limits.limiter import RateLimit
from web.pages.origins import api_origin
from web.pages.rendering import PageLayout, render_page
from web.requests import AnyRequest

EXAMPLES = {
    "cost-report": snippets.COST_REPORT,
    "singular": snippets.SINGULAR,
    "conversions": snippets.CONVERSIONS,
}  # by scope, which is also the name of the guide


class LimitedKey(msgspec.Struct, frozen=True):
    """An API key with custom limits."""

    name: str
    hint: str
    limit: RateLimit


class ApiController(Controller):
    guards = [requires_login]

    @get("/api")
    async def api(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """The examples read the cost report or, for users without that permission, what the user may read."""
        tenant, origin = current_tenant(), api_origin(request)
        guide, report = next(
            (scope, example) for scope, example in EXAMPLES.items() if scope in current_user(request).scopes
        )
        default = default_limit(tenant)
        return render_page(
            "portal/api.html",
            layout,
            origin=origin,
            report=report,
            curl=snippets.curl(origin, report, datetime.now(UTC).date()),
            python=snippets.python(origin, report),
            apps_script=snippets.apps_script(origin, report),
            power_query=snippets.power_query(origin, report),
            guide=guide,
            limit=default,
            lookback=(await read_status(tenant, current_advertiser(request)))[0].recommended_lookback_days,
            limited_keys=await limited_keys(tenant, current_advertiser(request), default),
        )


def default_limit(tenant: Tenant) -> RateLimit:
    """The limits of keys without custom limits."""
    assert isinstance(tenant, GokartTenant)
    return RateLimit(
        tenant.token_rate or settings.token_rate,
        tenant.token_burst or settings.token_burst,
        tenant.token_concurrency or settings.token_concurrency,
    )


async def limited_keys(tenant: Tenant, advertiser: UUID, default: RateLimit) -> list[LimitedKey]:
    """Active keys with custom limits."""
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT name, hint, rate, burst, concurrency FROM {tenant.schema}.api_token
            WHERE advertiser = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
                AND num_nonnulls(rate, burst, concurrency) > 0
            ORDER BY id DESC
            """,
            advertiser,
        )
    return [
        LimitedKey(
            name,
            hint,
            RateLimit(rate or default.rate, burst or default.burst, concurrency or default.concurrency),
        )
        for name, hint, rate, burst, concurrency in rows
    ]
