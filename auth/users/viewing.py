"""“View as advertiser”: staff open the portal as an advertiser sees it, without being able to change anything.

A view belongs to a staff session and ends with it. A session views at most one advertiser.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from auth.scopes import ADVERTISER_SCOPES
from auth.users.realms import ADVERTISER
from auth.users.users import User
from database.pool import connection
from database.transactions import transaction
from tenants.tenant import current_tenant

LONGEST_VIEW = timedelta(hours=1)
UNSTORED_ID = 0  # of a viewer and its session, which are not stored


class AdvertiserView(msgspec.Struct, frozen=True):
    """`name` is the advertiser's. `over`: `until` has passed."""

    advertiser: UUID
    name: str
    until: datetime
    over: bool


async def find_view(session: int) -> AdvertiserView | None:
    """Of a staff session."""
    s = current_tenant().schema
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT v.advertiser, a.name, v.until, v.until <= now() AS over
            FROM {s}.advertiser_view v JOIN {s}.advertiser a ON a.id = v.advertiser WHERE v.session = $1
            """,
            session,
        )
    return AdvertiserView(**row) if row else None


async def start_view(session: int, advertiser: UUID) -> bool:
    """Ends the view that the staff session has. False if there is no such advertiser."""
    s = current_tenant().schema
    async with transaction() as db:
        await db.execute(f"SELECT FROM {s}.session WHERE id = $1 FOR NO KEY UPDATE", session)  # one start at a time
        await db.execute(f"DELETE FROM {s}.advertiser_view WHERE session = $1", session)
        started = await db.fetchval(
            f"""
            INSERT INTO {s}.advertiser_view (session, advertiser, name, until)
            SELECT $1, id, name, now() + $3::interval FROM {s}.advertiser WHERE id = $2 RETURNING id
            """,
            session,
            advertiser,
            LONGEST_VIEW,
        )
    return started is not None


async def end_view(session: int) -> UUID | None:
    """Returns the advertiser that the staff session viewed."""
    async with transaction() as db:
        advertiser: UUID | None = await db.fetchval(
            f"DELETE FROM {current_tenant().schema}.advertiser_view WHERE session = $1 RETURNING advertiser", session
        )
    return advertiser


def viewer_of(view: AdvertiserView, staff: User) -> User:
    """An advertiser user with all permissions. It is not stored: queries for what belongs to a user find nothing."""
    return User(
        ADVERTISER,
        UNSTORED_ID,
        staff.email,
        staff.name,
        totp=staff.totp,
        advertiser=view.advertiser,
        scopes=frozenset(ADVERTISER_SCOPES),
        admin=True,
    )
