"""The tenant's advertisers, for the desk's pages."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from database.pool import connection, transaction
from tenants.cache import notify_changed
from tenants.tenant import Tenant
from web.problems import Problem

MOST = 200


class Advertiser(msgspec.Struct, frozen=True):
    """`key_works`: a key with the scope `singular` does. The last pull is Singular's, with its HTTP status."""

    id: UUID
    name: str
    status: str
    singular_enabled: bool
    singular_requested_at: datetime | None
    singular_requested_by: str | None
    key_works: bool
    pulled_at: datetime | None
    pull_status: int | None


def sql(tenant: Tenant) -> str:
    s = tenant.schema
    return f"""
        SELECT a.id, a.name, a.status, a.singular_enabled, a.singular_requested_at, a.singular_requested_by,
            EXISTS (
                SELECT FROM {s}.api_token t WHERE t.advertiser = a.id AND 'singular' = ANY (t.scopes)
                    AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
            ) AS key_works, p.at AS pulled_at, p.status AS pull_status
        FROM {s}.advertiser a LEFT JOIN LATERAL (
            SELECT at, status FROM {s}.singular_pull WHERE advertiser = a.id ORDER BY at DESC LIMIT 1
        ) p ON true
    """


async def list_advertisers(tenant: Tenant, name: str = "") -> list[Advertiser]:
    """Whose name contains this: those that ask for Singular first, then those that have it; `MOST` at the most."""
    async with connection() as db:
        rows = await db.fetch(
            f"""
            {sql(tenant)} WHERE strpos(lower(a.name), lower($1)) > 0
            ORDER BY a.singular_requested_at IS NULL, NOT a.singular_enabled, a.name, a.id LIMIT {MOST}
            """,
            name,
        )
    return [Advertiser(**row) for row in rows]


async def find_advertiser(tenant: Tenant, advertiser: UUID) -> Advertiser:
    """Raises Problem 404."""
    async with connection() as db:
        row = await db.fetchrow(f"{sql(tenant)} WHERE a.id = $1", advertiser)
    if row is None:
        raise Problem(404, "There is no such advertiser.")
    return Advertiser(**row)


async def switch_singular(tenant: Tenant, advertiser: UUID, on: bool) -> None:
    """Whoever asked for it has been answered by this. Raises Problem 404."""
    async with transaction() as db:
        found: Any = await db.fetchval(
            f"""
            UPDATE {tenant.schema}.advertiser
            SET singular_enabled = $2, singular_requested_at = NULL, singular_requested_by = NULL
            WHERE id = $1 RETURNING id
            """,
            advertiser,
            on,
        )
        await notify_changed(db)
    if found is None:
        raise Problem(404, "There is no such advertiser.")
