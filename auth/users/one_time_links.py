"""One-time links, by which somebody sets a password: invitations, and for those who forgot theirs."""

import secrets
from datetime import timedelta
from typing import Literal

import msgspec

from auth.users.realms import Realm
from auth.users.sessions import session_digest
from auth.users.users import User, user_columns, user_from_row
from core.errors import GokartError
from database.audit_context import acting_as
from database.pool import Connection, connection, transaction
from web.requests import Address

Purpose = Literal["invitation", "reset"]
LINK_LIFETIMES = {"invitation": timedelta(days=7), "reset": timedelta(hours=24)}


class OneTimeLink(msgspec.Struct, frozen=True):
    user: User
    purpose: Purpose


async def create_link(realm: Realm, user: int, purpose: Purpose, created_by: str) -> str:
    """The new link's token. Those that this user had before are dead."""
    token = secrets.token_urlsafe(32)
    async with transaction() as db:
        await db.execute(f"SELECT FROM {realm.schema}.{realm.table} WHERE id = $1 FOR NO KEY UPDATE", user)
        await revoke_links(db, realm, user)
        await db.execute(
            f"""
            INSERT INTO {realm.schema}.one_time_link (digest, {realm.user_key}, purpose, created_by, expires_at)
            VALUES ($1, $2, $3, $4, now() + $5::interval)
            """,
            session_digest(token),
            user,
            purpose,
            created_by,
            LINK_LIFETIMES[purpose],
        )
    return token


async def revoke_links(db: Connection, realm: Realm, user: int) -> None:
    """None that this user has works any longer. The user's row is locked before, or one is made meanwhile."""
    await db.execute(f"DELETE FROM {realm.schema}.one_time_link WHERE {realm.user_key} = $1 AND used_at IS NULL", user)


async def find_link(realm: Realm, token: str) -> OneTimeLink | None:
    """What a link is for, where it is neither used nor too old."""
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT l.purpose, {user_columns(realm)}
            FROM {realm.schema}.one_time_link l JOIN {realm.schema}.{realm.table} p ON p.id = l.{realm.user_key}
            WHERE l.digest = $1 AND l.used_at IS NULL AND l.expires_at > now() AND p.active
            """,
            session_digest(token),
        )
    return OneTimeLink(user_from_row(realm, dict(row)), row["purpose"]) if row else None


async def use_link(realm: Realm, token: str, user: User, password: str, address: Address | None) -> None:
    """Sets the password, and ends the user's sessions and other links.

    Of two who use it at once the second gets a GokartError.
    """
    hashed = await realm.hasher.hash(password)
    with acting_as(user.actor(address)):
        async with transaction() as db:
            await db.execute(f"UPDATE {realm.schema}.{realm.table} SET password = $2 WHERE id = $1", user.id, hashed)
            used = await db.fetchval(
                f"""
                UPDATE {realm.schema}.one_time_link SET used_at = now()
                WHERE digest = $1 AND used_at IS NULL AND expires_at > now() RETURNING id
                """,
                session_digest(token),
            )
            if used is None:
                raise GokartError("This link has been used, or is too old. Ask for a new one.")
            await revoke_links(db, realm, user.id)
            await db.execute(f"DELETE FROM {realm.schema}.session WHERE {realm.user_key} = $1", user.id)
