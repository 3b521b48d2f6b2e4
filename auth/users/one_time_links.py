"""One-time links to choose a password: invitations and password resets."""

import secrets
from datetime import timedelta
from typing import Literal

import msgspec

from auth.users.realms import Realm
from auth.users.sessions import session_digest
from auth.users.users import User, user_columns, user_from_row
from core.errors import GokartError
from database.audit_context import acting_as
from database.pool import Connection, connection
from database.transactions import transaction
from web.requests import Address

Purpose = Literal["invitation", "reset"]
LINK_LIFETIMES = {"invitation": timedelta(days=7), "reset": timedelta(hours=24)}


def describe_lifetime(purpose: Purpose) -> str:
    hours = int(LINK_LIFETIMES[purpose].total_seconds() // 3600)
    return f"{hours // 24} days" if hours > 48 else f"{hours} hours"


class OneTimeLink(msgspec.Struct, frozen=True):
    user: User
    purpose: Purpose


async def create_link(realm: Realm, user_id: int, purpose: Purpose, created_by: str) -> str:
    """Returns the new link's token. Revokes the user's earlier links."""
    token = secrets.token_urlsafe(32)
    async with transaction() as db:
        await db.execute(f"SELECT FROM {realm.schema}.{realm.table} WHERE id = $1 FOR NO KEY UPDATE", user_id)
        await revoke_links(db, realm, user_id)
        await db.execute(
            f"""
            INSERT INTO {realm.schema}.one_time_link (digest, {realm.user_key}, purpose, created_by, expires_at)
            VALUES ($1, $2, $3, $4, now() + $5::interval)
            """,
            session_digest(token),
            user_id,
            purpose,
            created_by,
            LINK_LIFETIMES[purpose],
        )
    return token


async def revoke_links(db: Connection, realm: Realm, user_id: int) -> None:
    """Revokes the user's unused links. The caller holds a lock on the user's row, so that none is created meanwhile."""
    await db.execute(
        f"DELETE FROM {realm.schema}.one_time_link WHERE {realm.user_key} = $1 AND used_at IS NULL", user_id
    )


async def find_link(realm: Realm, token: str) -> OneTimeLink | None:
    """The link, unless it was used or has expired."""
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
    """Sets the password, ends the user's sessions and revokes the other links.

    If a link is used twice at once, the second use raises GokartError.
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
                raise GokartError("This link was already used or has expired. Ask for a new one.")
            await revoke_links(db, realm, user.id)
            await db.execute(f"DELETE FROM {realm.schema}.session WHERE {realm.user_key} = $1", user.id)
