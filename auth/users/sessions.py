"""Sessions: a random token in a cookie, its digest in the tenant's schema. Worth nothing at another tenant."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

import msgspec
from ua_parser import parse

from auth.users.realms import Realm
from auth.users.users import Person, columns_of, person_of
from database.pool import connection, transaction
from web.proxies import Address

IDLE = timedelta(hours=8)
LONGEST = timedelta(days=7)
FOR_THE_CODE = timedelta(minutes=10)
TOUCH_EVERY = timedelta(minutes=1)


class Session(msgspec.Struct, frozen=True):
    """`awaits_code`: the password was right, and nothing may be done but to give the second factor's code.

    `totp_required`: this person must set a second factor up before anything else.
    """

    id: int
    person: Person
    awaits_code: bool
    totp_required: bool


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


async def create(
    realm: Realm, person: int, *, address: Address | None, user_agent: str, awaits_code: bool = False
) -> str:
    """The new session's token, for the cookie."""
    token = secrets.token_urlsafe(32)
    async with connection() as db:
        await db.execute(f"DELETE FROM {realm.schema}.session WHERE expires_at <= now()")
        await db.execute(
            f"""
            INSERT INTO {realm.schema}.session (digest, {realm.owner}, expires_at, awaits_code, address, user_agent)
            VALUES ($1, $2, now() + $3::interval, $4, $5, $6)
            """,
            digest_of(token),
            person,
            FOR_THE_CODE if awaits_code else IDLE,
            awaits_code,
            address,
            user_agent[:300],
        )
    return token


async def find(realm: Realm, token: str, address: Address | None) -> Session | None:
    """The live session of a person who is still active; it now lasts for another `IDLE`, `LONGEST` in all."""
    required = "false" if realm.name != "staff" else f"(SELECT staff_totp_required FROM {realm.schema}.setting)"
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT s.id AS session, s.awaits_code, s.seen_at <= now() - $2::interval AS touch,
                {required} AND p.totp_secret IS NULL AS totp_required, {columns_of(realm)}
            FROM {realm.schema}.session s JOIN {realm.schema}.{realm.people} p ON p.id = s.{realm.owner}
            WHERE s.digest = $1 AND s.expires_at > now() AND p.active
            """,
            digest_of(token),
            TOUCH_EVERY,
        )
        if row is None:
            return None
        if row["touch"] and not row["awaits_code"]:
            await db.execute(
                f"""
                UPDATE {realm.schema}.session SET seen_at = now(), address = $2,
                    expires_at = least(now() + $3::interval, created_at + $4::interval)
                WHERE id = $1
                """,
                row["session"],
                address,
                IDLE,
                LONGEST,
            )
    return Session(row["session"], person_of(realm, dict(row)), row["awaits_code"], row["totp_required"])


class Listed(msgspec.Struct, frozen=True):
    id: int
    created_at: datetime
    seen_at: datetime
    address: Any
    user_agent: str

    @property
    def browser(self) -> str:
        """Such as «Firefox on Windows»; what the browser calls itself, where that says nothing."""
        known = parse(self.user_agent)
        names = [part.family for part in (known.user_agent, known.os) if part]
        return " on ".join(names) or self.user_agent or "unknown"


async def sessions_of(person: Person) -> list[Listed]:
    """Those that are live, the last seen first."""
    realm = person.realm
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT id, created_at, seen_at, address, user_agent FROM {realm.schema}.session
            WHERE {realm.owner} = $1 AND expires_at > now() AND NOT awaits_code ORDER BY seen_at DESC, id DESC
            """,
            person.id,
        )
    return [Listed(**row) for row in rows]


async def end(person: Person, session: int) -> bool:
    """False where this person has no such session."""
    if not 0 < session < 2**63:
        return False
    realm = person.realm
    async with transaction() as db:
        ended = await db.fetchval(
            f"DELETE FROM {realm.schema}.session WHERE {realm.owner} = $1 AND id = $2 RETURNING id", person.id, session
        )
    return ended is not None


async def end_all(realm: Realm, person: int, *, but: int | None = None) -> None:
    async with transaction() as db:
        await db.execute(
            f"DELETE FROM {realm.schema}.session WHERE {realm.owner} = $1 AND id IS DISTINCT FROM $2", person, but
        )
