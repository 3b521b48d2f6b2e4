"""The status of an advertiser at its tenant, as the portal needs it."""

from datetime import datetime
from typing import Self
from uuid import UUID

import msgspec
from asyncpg import Record

from auth.users.guards import current_user
from auth.users.users import User
from database.pool import connection
from database.transactions import transaction
from tenants.tenant import Tenant, current_tenant
from web.requests import AnyRequest, request_state


class AdvertiserStatus(msgspec.Struct, frozen=True):
    """`currency` is ISO 4217, `time_zone` an IANA name.

    `singular_requested_by` is the email address of the user who requested Singular.
    """

    id: UUID
    name: str
    active: bool
    currency: str
    time_zone: str
    singular_enabled: bool
    singular_requested_at: datetime | None
    singular_requested_by: str | None

    @classmethod
    def from_row(cls, row: Record) -> Self:
        return cls(
            row["id"],
            row["name"],
            row["status"] == "active",
            row["currency"],
            row["time_zone"],
            row["singular_enabled"],
            row["singular_requested_at"],
            row["singular_requested_by"],
        )


async def read_advertiser_status(request: AnyRequest) -> AdvertiserStatus | None:
    """The dependency `advertiser`: the status of the signed-in user's advertiser. None if no user is signed in."""
    if "session" not in request_state(request.scope):
        return None
    async with connection() as db:
        row = await db.fetchrow(
            f"SELECT * FROM {current_tenant().schema}.advertiser WHERE id = $1", current_advertiser(request)
        )
    assert row is not None, "a foreign key of its users refers to it"
    return AdvertiserStatus.from_row(row)


async def request_singular(tenant: Tenant, user: User) -> None:
    """Asks the tenant's staff to enable Singular. Has no effect if it is enabled or already requested."""
    async with transaction() as db:
        await db.execute(
            f"""
            UPDATE {tenant.schema}.advertiser SET singular_requested_at = now(), singular_requested_by = $2
            WHERE id = $1 AND NOT singular_enabled AND singular_requested_at IS NULL
            """,
            user.advertiser,
            user.email,
        )


def current_advertiser(request: AnyRequest) -> UUID:
    """The advertiser of the signed-in user."""
    return advertiser_of(current_user(request))


def advertiser_of(user: User) -> UUID:
    assert user.advertiser is not None, "every advertiser user has an advertiser"
    return user.advertiser
