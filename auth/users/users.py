"""Users who sign in."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from auth.users.realms import Realm
from core.errors import GokartError
from database.audit_context import Actor
from database.pool import connection
from tenants.tenant import bound_tenant
from web.requests import Address

EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)*")
MAX_EMAIL_LENGTH = 320
MAX_NAME_LENGTH = 200
ROLES = ("owner", "manager", "viewer")  # each includes the permissions of the next


class User(msgspec.Struct, frozen=True):
    """Staff have a `role`. Advertiser users have `advertiser` and `scopes`, which limit the API keys they create; an
    `admin` manages the advertiser's other users.
    """

    realm: Realm
    id: int
    email: str
    name: str
    totp: bool
    last_sign_in_at: datetime | None = None
    role: str | None = None
    advertiser: UUID | None = None
    scopes: frozenset[str] = frozenset()
    admin: bool = False

    def actor(self, address: Address | None) -> Actor:
        return Actor(f"{self.realm.name}:{self.email}", address)

    def is_at_least(self, role: str) -> bool:
        return self.role is not None and ROLES.index(self.role) <= ROLES.index(role)


COLUMNS = "p.id, p.email, p.name, p.last_sign_in_at, p.totp_secret IS NOT NULL AS totp"


def user_columns(realm: Realm) -> str:
    """Columns of the table of users, with alias p."""
    return f"{COLUMNS}, {realm.extra_columns}"


def user_from_row(realm: Realm, row: Mapping[str, Any]) -> User:
    """From a row with `user_columns(realm)`."""
    return User(
        realm,
        **{name: row[name] for name in ("id", "email", "name", "totp", "last_sign_in_at")},
        role=row.get("role"),
        advertiser=row.get("advertiser"),
        scopes=frozenset(row.get("scopes") or ()),
        admin=row.get("admin", False),
    )


def known_names(user: User) -> list[str]:
    """Names that are easy to guess as the user's password: the user's own, the tenant's and the product's."""
    tenant = bound_tenant()
    return [user.name, "GoKart", *([tenant.name, tenant.slug] if tenant else [])]


def read_email(text: str) -> str:
    """In lower case, as it is stored. Raises GokartError."""
    email = text.strip().lower()
    if not EMAIL.fullmatch(email) or len(email) > MAX_EMAIL_LENGTH:
        raise GokartError(f"email: “{text.strip()[:100]}” is not a valid email address.")
    return email


def read_name(text: str) -> str:
    """Raises GokartError."""
    name = text.strip()
    if not 1 <= len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        raise GokartError(f"name: Enter a name of 1 to {MAX_NAME_LENGTH} characters.")
    return name


async def find_user(realm: Realm, email: str) -> User | None:
    """The active user with this address who has set a password."""
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT {user_columns(realm)} FROM {realm.schema}.{realm.table} p
            WHERE email = $1 AND active AND password IS NOT NULL
            """,
            email.strip().lower(),
        )
    return user_from_row(realm, dict(row)) if row else None
