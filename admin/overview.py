"""GET /staff: what waits for the staff, and whether data comes in."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency

from auth.api_keys.listing import expiring_api_keys
from auth.users.directory import list_users
from auth.users.guards import requires_login
from auth.users.realms import ADVERTISER, STAFF
from database.pool import connection
from tenants.tenant import Tenant, current_tenant
from web.pages.rendering import PageLayout, render_page

LATELY = timedelta(days=1)
PULLS_SINCE = timedelta(days=7)
MOST = 10


class Request(msgspec.Struct, frozen=True):
    """Of an advertiser, for Singular."""

    id: UUID
    name: str
    singular_requested_at: datetime
    singular_requested_by: str


class Intake(msgspec.Struct, frozen=True):
    """The last call, and how many records were taken in and refused since `LATELY`."""

    last_at: datetime | None
    accepted: int
    rejected: int


class FailedPull(msgspec.Struct, frozen=True):
    at: datetime
    advertiser: UUID
    name: str
    status: int


class OverviewController(Controller):
    guards = [requires_login]

    @get()
    async def overview(self, layout: NamedDependency[PageLayout]) -> Response[Any]:
        tenant = current_tenant()
        awaited = "p.active AND p.password IS NULL"
        return render_page(
            "admin/overview.html",
            layout,
            requests=await singular_requests(tenant),
            staff=await list_users(STAFF, awaited),
            logins=await list_users(ADVERTISER, awaited),
            keys=await expiring_api_keys(tenant),
            intake=await read_intake(tenant),
            **await read_beginnings(tenant),
            pulls=await failed_pulls(tenant),
            most=MOST,
        )


async def singular_requests(tenant: Tenant) -> list[Request]:
    """The longest waiting first."""
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT id, name, singular_requested_at, coalesce(singular_requested_by, '') AS singular_requested_by
            FROM {tenant.schema}.advertiser
            WHERE singular_requested_at IS NOT NULL AND NOT singular_enabled ORDER BY singular_requested_at, id
            """
        )
    return [Request(**row) for row in rows]


async def read_intake(tenant: Tenant) -> Intake:
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT (SELECT max(received_at) FROM {tenant.schema}.intake) AS last_at,
                coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(rejected), 0)::bigint AS rejected
            FROM {tenant.schema}.intake WHERE received_at > now() - $1::interval
            """,
            LATELY,
        )
    assert row is not None
    return Intake(**row)


async def read_beginnings(tenant: Tenant) -> dict[str, bool]:
    """What a new tenant has yet to have: any advertiser, and a key that brings data in."""
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT EXISTS (SELECT FROM {tenant.schema}.advertiser) AS advertised, EXISTS (
                SELECT FROM {tenant.schema}.api_token WHERE advertiser IS NULL AND revoked_at IS NULL
            ) AS ingest_key
            """
        )
    assert row is not None
    return dict(row)


async def failed_pulls(tenant: Tenant) -> list[FailedPull]:
    """Advertisers whose last pull by Singular went wrong, the latest first. What has worked since is done with."""
    s = tenant.schema
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT p.at, a.id AS advertiser, a.name, p.status FROM {s}.advertiser a CROSS JOIN LATERAL (
                SELECT at, status FROM {s}.singular_pull WHERE advertiser = a.id ORDER BY at DESC LIMIT 1
            ) p
            WHERE p.status >= 400 AND p.at > now() - $1::interval ORDER BY p.at DESC LIMIT {MOST}
            """,
            PULLS_SINCE,
        )
    return [FailedPull(**row) for row in rows]
