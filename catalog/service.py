"""Queries on the catalogue that several packages share."""

from collections.abc import Collection
from uuid import UUID

from database.pool import connection
from tenants.tenant import Tenant


async def advertiser_names(tenant: Tenant, ids: Collection[UUID]) -> dict[UUID, str]:
    """The name of each of the advertisers that exist."""
    async with connection() as db:
        rows = await db.fetch(
            f"SELECT id, name FROM {tenant.schema}.advertiser WHERE id = ANY($1::uuid[])", list(set(ids))
        )
    return {row["id"]: row["name"] for row in rows}


async def is_singular_enabled(tenant: Tenant, advertiser: UUID) -> bool:
    async with connection() as db:
        enabled: bool = await db.fetchval(
            f"SELECT singular_enabled FROM {tenant.schema}.advertiser WHERE id = $1", advertiser
        )
    return enabled
