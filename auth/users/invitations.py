"""People who are to sign in, and the one-time links by which they do so for the first time, or again."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import CheckViolationError, ForeignKeyViolationError, UniqueViolationError

from auth.users.one_time_links import Purpose, create_link
from auth.users.realms import ADVERTISER, Realm
from auth.users.users import ROLES, User, read_email, read_name, user_columns, user_from_row
from core.errors import GokartError
from database.pool import transaction

SCOPES = ("cost-report", "singular")


class IssuedLink(msgspec.Struct, frozen=True):
    """`token` is the link's (`auth.users.login_pages.one_time_url`), and kept nowhere."""

    user: User
    purpose: Purpose
    token: str


async def invite_staff_user(realm: Realm, email: str, name: str, role: str, created_by: str) -> IssuedLink:
    """A colleague, without a password as yet. Raises GokartError, naming the field."""
    return await invite(realm, email, name, created_by, role=read_role(role))


async def invite_advertiser_user(
    email: str, name: str, advertiser: UUID, scopes: Iterable[str], created_by: str
) -> IssuedLink:
    """Somebody of an advertiser's, whose keys will have no more than `scopes`. Raises GokartError, naming the field."""
    return await invite(ADVERTISER, email, name, created_by, advertiser=advertiser, scopes=read_scopes(scopes))


async def invite(realm: Realm, email: str, name: str, created_by: str, **columns: Any) -> IssuedLink:
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
        raise GokartError("email: Somebody with this address is there already.") from error
    except CheckViolationError as error:  # the database knows lower case of letters that Python does not
        raise GokartError("email: Write this address in lower case.") from error
    except ForeignKeyViolationError as error:
        raise GokartError("advertiser: There is no such advertiser.") from error


async def renew_link(realm: Realm, user: int, created_by: str) -> IssuedLink:
    """An invitation, where no password has been set yet, or a link to set another. Raises GokartError."""
    async with transaction() as db:
        row = await db.fetchrow(
            f"""
            SELECT p.password IS NULL AS invited, {user_columns(realm)} FROM {realm.schema}.{realm.table} p
            WHERE id = $1 AND active FOR UPDATE
            """,
            user,
        )
        if row is None:
            raise GokartError("Nobody active has this number.")
        purpose: Purpose = "invitation" if row["invited"] else "reset"
        token = await create_link(realm, user, purpose, created_by)
        return IssuedLink(user_from_row(realm, dict(row)), purpose, token)


def read_role(role: str) -> str:
    """Raises GokartError."""
    if role not in ROLES:
        raise GokartError(f"role: One of {', '.join(ROLES)}.")
    return role


def read_scopes(scopes: Iterable[str]) -> list[str]:
    """Raises GokartError."""
    chosen = sorted(set(scopes))
    if not chosen or not set(chosen) <= set(SCOPES):
        raise GokartError(f"scopes: One or more of {', '.join(SCOPES)}.")
    return chosen
