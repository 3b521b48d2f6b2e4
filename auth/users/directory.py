"""Lists and changes the users of a realm, for the staff who manage them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import CheckViolationError

from auth.scopes import SCOPE_NAMES
from auth.users.invitations import read_role, read_scopes
from auth.users.one_time_links import revoke_links
from auth.users.realms import ADVERTISER, Realm
from core.errors import GokartError
from database.pool import Connection
from database.transactions import transaction

MAX_USER_ID = 2**31 - 1


class UserDetails(msgspec.Struct, frozen=True):
    """`joined`: has set a password. `link_until`: when the latest unused one-time link expires.

    `sessions` counts active sessions. Staff have a `role`; advertiser users have `advertiser` and `scopes`, and may be
    `admin`. `deactivated_by_team`: by an administrator of the advertiser.
    """

    id: int
    email: str
    name: str
    active: bool
    joined: bool
    totp: bool
    created_at: datetime
    last_sign_in_at: datetime | None
    link_until: datetime | None
    link_works: bool
    sessions: int
    role: str = ""
    advertiser: UUID | None = None
    scopes: tuple[str, ...] = ()
    admin: bool = False
    deactivated_by_team: bool = False

    @property
    def deactivated_by_staff(self) -> bool:
        """Also at the command line or in Piccolo Admin. Of advertiser users."""
        return not (self.active or self.deactivated_by_team)

    @property
    def scope_names(self) -> list[str]:
        return [SCOPE_NAMES[scope] for scope in self.scopes]

    @property
    def state(self) -> str:
        if not self.active:
            return "deactivated"
        if self.joined:
            return "active"
        return "invited" if self.link_works else "invitation expired"


async def list_users(realm: Realm, where: str = "true", *args: Any) -> list[UserDetails]:
    """Ordered by email address, deactivated users included. In `where`, the table of users is p."""
    s, owner = realm.schema, realm.user_key
    more = f"{realm.extra_columns}, p.deactivated_by_team" if realm is ADVERTISER else realm.extra_columns
    async with transaction() as db:
        rows = await db.fetch(
            f"""
            SELECT p.id, p.email, p.name, p.active, p.password IS NOT NULL AS joined, p.totp_secret IS NOT NULL AS totp,
                p.created_at, p.last_sign_in_at, l.until AS link_until, coalesce(l.until > now(), false) AS link_works,
                (SELECT count(*) FROM {s}.session
                    WHERE {owner} = p.id AND expires_at > now() AND NOT awaits_code) AS sessions, {more}
            FROM {s}.{realm.table} p LEFT JOIN LATERAL (
                SELECT max(expires_at) AS until FROM {s}.one_time_link WHERE {owner} = p.id AND used_at IS NULL
            ) l ON true
            WHERE {where} ORDER BY p.email
            """,
            *args,
        )
    return [msgspec.convert(dict(row), UserDetails) for row in rows]


async def get_user_by_email(realm: Realm, email: str) -> UserDetails:
    """Raises GokartError if no user has this address."""
    found = await list_users(realm, "p.email = $1", email.strip().lower())
    if not found:
        raise GokartError(f"email: No user has the address “{email.strip()}”.")
    return found[0]


async def update_staff_user(realm: Realm, user_id: int, *, role: str | None = None, active: bool | None = None) -> None:
    """None leaves a value unchanged. Deactivating a user ends the sessions and revokes the links.

    Raises GokartError, also if no active owner would remain.
    """
    s = realm.schema
    try:
        async with transaction() as db:
            await db.execute(
                f"UPDATE {s}.staff SET role = coalesce($2, role), active = coalesce($3, active) WHERE id = $1",
                user_id,
                None if role is None else read_role(role),
                active,
            )
            if active is False:
                await revoke_access(db, realm, user_id)
    except CheckViolationError as error:
        raise GokartError(f"role: {error.args[0]}") from error


async def update_advertiser_user(
    user_id: int, *, scopes: Iterable[str] | None = None, active: bool | None = None, admin: bool | None = None
) -> None:
    """Like `update_staff_user`. API keys that the user created keep their scopes. Raises GokartError."""
    async with transaction() as db:
        await db.execute(
            f"""
            UPDATE {ADVERTISER.schema}.advertiser_login
            SET scopes = coalesce($2, scopes), active = coalesce($3, active), admin = coalesce($4, admin)
            WHERE id = $1
            """,
            user_id,
            None if scopes is None else read_scopes(scopes),
            active,
            admin,
        )
        if active is False:
            await revoke_access(db, ADVERTISER, user_id)


async def revoke_access(db: Connection, realm: Realm, user_id: int) -> None:
    await db.execute(f"DELETE FROM {realm.schema}.session WHERE {realm.user_key} = $1", user_id)
    await revoke_links(db, realm, user_id)
