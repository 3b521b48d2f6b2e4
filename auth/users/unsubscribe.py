"""Links in emails that stop such emails, without signing in (RFC 8058).

The token is signed with the stored hash of the user's password, so that nothing else has to be stored. After a new
password, links in earlier emails do not work.
"""

import hmac
from collections.abc import Mapping

import msgspec

from auth.users.realms import Realm
from auth.users.users import User, user_columns, user_from_row
from database.pool import Connection, connection
from tenants.config import tenancy
from tenants.tenant import current_tenant
from web.pages.forms import parse_number
from web.requests import Address

LARGEST_USER_ID = 2**31 - 1


class Subscription(msgspec.Struct, frozen=True):
    """`emails` names what the user gets by email."""

    user: User
    emails: str


def unsubscribe_url(realm: Realm, user: int, password_hash: str, emails: str) -> str:
    """The page on which the user can stop these emails, and where email programs do. `emails` has no dots."""
    site = tenancy().site_url(f"app.{current_tenant().slug}")
    token = f"{user}.{emails}.{subscription_signature(realm, user, password_hash, emails)}"
    return site + realm.path(f"/unsubscribe/{token}")


async def find_subscription(realm: Realm, token: str) -> Subscription | None:
    """None if the token is not valid, or the user is not active."""
    id_, _, rest = token.partition(".")
    emails, _, signed = rest.rpartition(".")
    user = parse_number(id_, LARGEST_USER_ID)
    if user is None:
        return None
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT {user_columns(realm)}, p.password FROM {realm.schema}.{realm.table} p
            WHERE p.id = $1 AND p.active AND p.password IS NOT NULL
            """,
            user,
        )
    if row is None:
        return None
    expected = subscription_signature(realm, user, row["password"], emails)
    valid = hmac.compare_digest(signed.encode(), expected.encode())
    return Subscription(user_from_row(realm, dict(row)), emails) if valid else None


def subscription_signature(realm: Realm, user: int, password_hash: str, emails: str) -> str:
    text = f"unsubscribe {realm.schema} {realm.name} {user} {emails}"
    return hmac.new(password_hash.encode(), text.encode(), "sha256").hexdigest()


async def log_unsubscription(
    db: Connection, user: User, address: Address | None, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    """Writes an entry of the audit log about the user."""
    await db.execute(
        f"""
        INSERT INTO {user.realm.schema}.audit_log (actor, address, action, subject, key, label, before, after)
        VALUES ($1, $2, 'changed', $3, $4, $5, $6, $7)
        """,
        user.actor(address).name,
        address,
        user.realm.table,
        str(user.id),
        user.email,
        msgspec.json.encode(before).decode(),
        msgspec.json.encode(after).decode(),
    )
