"""How an advertiser stands with the network whose offers it pays for."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec
from asyncpg import Record

from auth.users.guards import current_user
from auth.users.users import User
from database.pool import connection, transaction
from tenants.tenant import Tenant
from web.requests import AnyRequest


class AdvertiserStatus(msgspec.Struct, frozen=True):
    """`currency` is ISO 4217. Who asked for Singular (an e-mail address), and when; None where nobody has."""

    advertiser: UUID
    name: str
    active: bool
    currency: str
    singular_enabled: bool
    singular_requested_at: datetime | None
    singular_requested_by: str | None

    @classmethod
    def of(cls, row: Record) -> Self:
        return cls(
            row["id"],
            row["name"],
            row["status"] == "active",
            row["currency"],
            row["singular_enabled"],
            row["singular_requested_at"],
            row["singular_requested_by"],
        )


async def read_advertiser_status(tenant: Tenant, advertiser: UUID) -> AdvertiserStatus:
    """Raises DatabaseUnavailable."""
    async with connection() as db:
        row = await db.fetchrow(f"SELECT * FROM {tenant.schema}.advertiser WHERE id = $1", advertiser)
    assert row is not None, "its people refer to it"
    return AdvertiserStatus.of(row)


async def request_singular(tenant: Tenant, user: User) -> None:
    """Asks the network's staff to enable Singular. Asking again, or for what is enabled, changes nothing."""
    async with transaction() as db:
        await db.execute(
            f"""
            UPDATE {tenant.schema}.advertiser SET singular_requested_at = now(), singular_requested_by = $2
            WHERE id = $1 AND NOT singular_enabled AND singular_requested_at IS NULL
            """,
            user.advertiser,
            user.email,
        )


def advertiser_of(request: AnyRequest) -> UUID:
    """Whose people the caller, whom the guard let in, is one of."""
    advertiser = current_user(request).advertiser
    assert advertiser is not None, "an advertiser's people have one"
    return advertiser
