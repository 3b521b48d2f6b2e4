"""What the staff pages of Singular show of advertisers, and enabling Singular for one."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from database.pool import connection
from database.transactions import transaction
from singular.request_log import IS_SINGULARS
from tenants.cache import notify_changed
from tenants.tenant import Tenant
from web.problems import Problem

LIST_LIMIT = 200


class AdvertiserSummary(msgspec.Struct, frozen=True):
    """`key_works`: an API key with the scope `singular` is active. `last_request_…`: of Singular's last request."""

    id: UUID
    name: str
    status: str
    singular_enabled: bool
    singular_requested_at: datetime | None
    singular_requested_by: str | None
    key_works: bool
    last_request_at: datetime | None
    last_request_status: int | None


def summary_sql(tenant: Tenant) -> str:
    s = tenant.schema
    return f"""
        SELECT a.id, a.name, a.status, a.singular_enabled, a.singular_requested_at, a.singular_requested_by,
            EXISTS (
                SELECT FROM {s}.api_token t WHERE t.advertiser = a.id AND 'singular' = ANY (t.scopes)
                    AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
            ) AS key_works, p.at AS last_request_at, p.status AS last_request_status
        FROM {s}.advertiser a LEFT JOIN LATERAL (
            SELECT at, status FROM {s}.request_log WHERE advertiser = a.id AND {IS_SINGULARS} ORDER BY at DESC LIMIT 1
        ) p ON true
    """


async def list_advertisers(tenant: Tenant, name: str = "") -> list[AdvertiserSummary]:
    """At most `LIST_LIMIT` advertisers whose name contains `name`: first those that requested Singular, then those
    that have it enabled.
    """
    async with connection() as db:
        rows = await db.fetch(
            f"""
            {summary_sql(tenant)} WHERE strpos(lower(a.name), lower($1)) > 0
            ORDER BY a.singular_requested_at IS NULL, NOT a.singular_enabled, a.name, a.id LIMIT {LIST_LIMIT}
            """,
            name,
        )
    return [AdvertiserSummary(**row) for row in rows]


async def get_advertiser(tenant: Tenant, advertiser: UUID) -> AdvertiserSummary:
    """Raises Problem 404."""
    async with connection() as db:
        row = await db.fetchrow(f"{summary_sql(tenant)} WHERE a.id = $1", advertiser)
    if row is None:
        raise Problem(404, "Advertiser not found.")
    return AdvertiserSummary(**row)


async def set_singular_enabled(tenant: Tenant, advertiser: UUID, enabled: bool) -> None:
    """Also closes the advertiser's request for Singular. Raises Problem 404."""
    async with transaction() as db:
        found: Any = await db.fetchval(
            f"""
            UPDATE {tenant.schema}.advertiser
            SET singular_enabled = $2, singular_requested_at = NULL, singular_requested_by = NULL
            WHERE id = $1 RETURNING id
            """,
            advertiser,
            enabled,
        )
        await notify_changed(db)
    if found is None:
        raise Problem(404, "Advertiser not found.")
