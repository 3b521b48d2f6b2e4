"""One-time links, by which somebody sets a password: invitations, and for those who forgot theirs."""

import secrets
from datetime import timedelta
from typing import Literal

import msgspec

from auth.users.realms import Realm
from auth.users.sessions import digest_of
from auth.users.users import Person, columns_of, person_of
from core.errors import GokartError
from database.audit_context import acting_as
from database.pool import Connection, connection, transaction
from web.proxies import Address

Purpose = Literal["invitation", "reset"]
LIVES = {"invitation": timedelta(days=7), "reset": timedelta(hours=24)}


class Link(msgspec.Struct, frozen=True):
    person: Person
    purpose: Purpose


async def make_link(realm: Realm, person: int, purpose: Purpose, created_by: str) -> str:
    """The new link's token. Those that this person had before are dead."""
    token = secrets.token_urlsafe(32)
    async with transaction() as db:
        await db.execute(f"SELECT FROM {realm.schema}.{realm.people} WHERE id = $1 FOR NO KEY UPDATE", person)
        await end_links(db, realm, person)
        await db.execute(
            f"""
            INSERT INTO {realm.schema}.one_time_link (digest, {realm.owner}, purpose, created_by, expires_at)
            VALUES ($1, $2, $3, $4, now() + $5::interval)
            """,
            digest_of(token),
            person,
            purpose,
            created_by,
            LIVES[purpose],
        )
    return token


async def end_links(db: Connection, realm: Realm, person: int) -> None:
    """None that this person has works any longer. The person's row is locked before, or one is made meanwhile."""
    await db.execute(f"DELETE FROM {realm.schema}.one_time_link WHERE {realm.owner} = $1 AND used_at IS NULL", person)


async def find_link(realm: Realm, token: str) -> Link | None:
    """What a link is for, where it is neither used nor too old."""
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT l.purpose, {columns_of(realm)}
            FROM {realm.schema}.one_time_link l JOIN {realm.schema}.{realm.people} p ON p.id = l.{realm.owner}
            WHERE l.digest = $1 AND l.used_at IS NULL AND l.expires_at > now() AND p.active
            """,
            digest_of(token),
        )
    return Link(person_of(realm, dict(row)), row["purpose"]) if row else None


async def use_link(realm: Realm, token: str, person: Person, password: str, address: Address | None) -> None:
    """Sets the password, and ends the person's sessions and other links.

    Of two who use it at once the second gets a GokartError.
    """
    hashed = await realm.hasher.hash(password)
    with acting_as(person.actor(address)):
        async with transaction() as db:
            await db.execute(f"UPDATE {realm.schema}.{realm.people} SET password = $2 WHERE id = $1", person.id, hashed)
            used = await db.fetchval(
                f"""
                UPDATE {realm.schema}.one_time_link SET used_at = now()
                WHERE digest = $1 AND used_at IS NULL AND expires_at > now() RETURNING id
                """,
                digest_of(token),
            )
            if used is None:
                raise GokartError("This link has been used, or is too old. Ask for a new one.")
            await end_links(db, realm, person.id)
            await db.execute(f"DELETE FROM {realm.schema}.session WHERE {realm.owner} = $1", person.id)
