"""Sessions: a random token in a cookie, and its digest in the tenant's schema. Invalid at other tenants."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec
from ua_parser import parse

from auth.users.realms import Realm
from auth.users.users import User, user_columns, user_from_row
from auth.users.viewing import AdvertiserView
from database.pool import connection
from database.transactions import transaction
from settings import settings
from web.requests import Address

IDLE_TIMEOUT = timedelta(hours=8)
MAX_LIFETIME = timedelta(days=7)
CODE_TIMEOUT = timedelta(minutes=10)
TOUCH_INTERVAL = timedelta(minutes=1)


class Session(msgspec.Struct, frozen=True):
    """`awaits_code`: the user entered the password and must still enter the code of the second factor.

    `totp_required`: the user must set up two-factor authentication first.

    `staff` views the portal as an advertiser sees it (`view`). Both are None in a session of the user's own.
    """

    id: int
    user: User
    awaits_code: bool
    totp_required: bool
    staff: User | None = None
    view: AdvertiserView | None = None


def session_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def create_session(
    realm: Realm, user_id: int, *, address: Address | None, user_agent: str, awaits_code: bool = False
) -> str:
    """Returns the new session's token, for the cookie."""
    token = secrets.token_urlsafe(32)
    async with connection() as db:
        await db.execute(f"DELETE FROM {realm.schema}.session WHERE expires_at <= now()")
        await db.execute(
            f"""
            INSERT INTO {realm.schema}.session (digest, {realm.user_key}, expires_at, awaits_code, address, user_agent)
            VALUES ($1, $2, now() + $3::interval, $4, $5, $6)
            """,
            session_digest(token),
            user_id,
            CODE_TIMEOUT if awaits_code else IDLE_TIMEOUT,
            awaits_code,
            address,
            user_agent[:300],
        )
    return token


async def find_session(realm: Realm, token: str, address: Address | None) -> Session | None:
    """The session of an active user. Extends it by IDLE_TIMEOUT, up to MAX_LIFETIME in total."""
    required = {
        "staff": f"(SELECT staff_totp_required FROM {realm.schema}.setting)",
        "platform": str(settings.platform_totp_required),
    }.get(realm.name, "false")
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT s.id AS session, s.awaits_code, s.seen_at <= now() - $2::interval AS touch, now() AS seen_at,
                least(now() + $3::interval, s.created_at + $4::interval) AS expires_at,
                {required} AND p.totp_secret IS NULL AS totp_required, {user_columns(realm)}
            FROM {realm.schema}.session s JOIN {realm.schema}.{realm.table} p ON p.id = s.{realm.user_key}
            WHERE s.digest = $1 AND s.expires_at > now() AND p.active
            """,
            session_digest(token),
            TOUCH_INTERVAL,
            IDLE_TIMEOUT,
            MAX_LIFETIME,
        )
        if row is None:
            return None
        if row["touch"] and not row["awaits_code"]:
            await db.execute(
                f"UPDATE {realm.schema}.session SET seen_at = $2, expires_at = $3, address = $4 WHERE id = $1",
                row["session"],
                row["seen_at"],
                row["expires_at"],
                address,
            )
    return Session(row["session"], user_from_row(realm, dict(row)), row["awaits_code"], row["totp_required"])


class SessionDetails(msgspec.Struct, frozen=True):
    id: int
    created_at: datetime
    seen_at: datetime
    address: Any
    user_agent: str

    @property
    def browser(self) -> str:
        """Such as “Firefox on Windows”, or the user agent if it is unknown."""
        known = parse(self.user_agent)
        names = [part.family for part in (known.user_agent, known.os) if part]
        return " on ".join(names) or self.user_agent or "Unknown"


async def list_sessions(user: User) -> list[SessionDetails]:
    """Active sessions, the most recently seen first."""
    realm = user.realm
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT id, created_at, seen_at, address, user_agent FROM {realm.schema}.session
            WHERE {realm.user_key} = $1 AND expires_at > now() AND NOT awaits_code ORDER BY seen_at DESC, id DESC
            """,
            user.id,
        )
    return [SessionDetails(**row) for row in rows]


async def end_session(user: User, session: int) -> bool:
    """False if the user has no such session."""
    if not 0 < session < 2**63:
        return False
    realm = user.realm
    async with transaction() as db:
        ended = await db.fetchval(
            f"DELETE FROM {realm.schema}.session WHERE {realm.user_key} = $1 AND id = $2 RETURNING id", user.id, session
        )
    return ended is not None


async def end_sessions(realm: Realm, user_id: int, *, except_session: int | None = None) -> None:
    async with transaction() as db:
        await db.execute(
            f"DELETE FROM {realm.schema}.session WHERE {realm.user_key} = $1 AND id IS DISTINCT FROM $2",
            user_id,
            except_session,
        )
