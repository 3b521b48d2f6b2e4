"""Invites users, and issues the one-time links with which they choose a password."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import CheckViolationError, ForeignKeyViolationError, UniqueViolationError

from auth.scopes import ADVERTISER_SCOPES
from auth.users.one_time_links import Purpose, create_link
from auth.users.realms import ADVERTISER, Realm
from auth.users.users import ROLES, User, read_email, read_name, user_columns, user_from_row
from core.errors import GokartError
from database.pool import connection
from database.transactions import transaction


class IssuedLink(msgspec.Struct, frozen=True):
    """`token` is the link's (`auth.users.login_pages.one_time_url`), and is never stored."""

    user: User
    purpose: Purpose
    token: str


async def invite_staff_user(realm: Realm, email: str, name: str, role: str, created_by: str) -> IssuedLink:
    """Creates a staff user without a password. Raises GokartError, naming the field."""
    return await create_invited_user(realm, email, name, created_by, role=read_role(role))


async def invite_advertiser_user(
    email: str, name: str, advertiser: UUID, scopes: Iterable[str], created_by: str, *, admin: bool | None = None
) -> IssuedLink:
    """Creates an advertiser user, whose API keys are limited to `scopes`. `admin`: by default the advertiser's first
    user is. Raises GokartError, naming the field.
    """
    if admin is None:
        admin = await has_no_users(advertiser)
    return await create_invited_user(
        ADVERTISER, email, name, created_by, advertiser=advertiser, scopes=read_scopes(scopes), admin=admin
    )


async def has_no_users(advertiser: UUID) -> bool:
    async with connection() as db:
        none: bool = await db.fetchval(
            f"SELECT NOT EXISTS (SELECT FROM {ADVERTISER.schema}.advertiser_login WHERE advertiser = $1)", advertiser
        )
    return none


async def create_invited_user(realm: Realm, email: str, name: str, created_by: str, **columns: Any) -> IssuedLink:
    values = {"email": read_email(email), "name": read_name(name), **columns}
    marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
    try:
        async with transaction() as db:
            row = await db.fetchrow(
                f"""
                INSERT INTO {realm.schema}.{realm.table} AS p ({", ".join(values)}) VALUES ({marks})
                RETURNING {user_columns(realm)}
                """,
                *values.values(),
            )
            assert row is not None
            user = user_from_row(realm, dict(row))
            return IssuedLink(user, "invitation", await create_link(realm, user.id, "invitation", created_by))
    except UniqueViolationError as error:
        raise GokartError("email: A user with this address already exists.") from error
    except CheckViolationError as error:  # the database knows lower case of letters that Python does not
        raise GokartError("email: Enter the address in lower case.") from error
    except ForeignKeyViolationError as error:
        raise GokartError("advertiser: The advertiser does not exist.") from error


async def renew_link(realm: Realm, user: int, created_by: str) -> IssuedLink:
    """A new invitation if the user has no password yet, else a password reset link. Raises GokartError."""
    async with transaction() as db:
        row = await db.fetchrow(
            f"""
            SELECT p.password IS NULL AS invited, {user_columns(realm)} FROM {realm.schema}.{realm.table} p
            WHERE id = $1 AND active FOR UPDATE
            """,
            user,
        )
        if row is None:
            raise GokartError("This user is not active.")
        purpose: Purpose = "invitation" if row["invited"] else "reset"
        token = await create_link(realm, user, purpose, created_by)
        return IssuedLink(user_from_row(realm, dict(row)), purpose, token)


def read_role(role: str) -> str:
    """Raises GokartError."""
    if role not in ROLES:
        raise GokartError(f"role: Choose one of: {', '.join(ROLES)}.")
    return role


def read_scopes(scopes: Iterable[str]) -> list[str]:
    """Raises GokartError."""
    chosen = sorted(set(scopes))
    if not chosen or not set(chosen) <= set(ADVERTISER_SCOPES):
        raise GokartError(f"scopes: Choose at least one of: {', '.join(ADVERTISER_SCOPES)}.")
    return chosen
