"""How an advertiser's administrators manage its other users. They cannot change their own account here, so that an
active administrator always remains.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from auth.scopes import ADVERTISER_SCOPES
from auth.users.directory import MAX_USER_ID, UserDetails, list_users, revoke_access, update_advertiser_user
from auth.users.invitations import IssuedLink, invite_advertiser_user, renew_link
from auth.users.login_throttle import count_invitation
from auth.users.realms import ADVERTISER
from auth.users.users import User
from core.errors import GokartError
from database.pool import Connection
from database.transactions import transaction

MAX_TEAM = 200  # users of an advertiser, deactivated ones included


async def list_team(user: User) -> list[UserDetails]:
    """The users of the user's advertiser. Ordered by email address, deactivated users included."""
    return await list_users(ADVERTISER, "p.advertiser = $1", user.advertiser)


async def find_colleague(user: User, colleague: int) -> UserDetails | None:
    """A user of the same advertiser, which may be the user."""
    if not 0 < colleague <= MAX_USER_ID:
        return None
    found = await list_users(ADVERTISER, "p.id = $1 AND p.advertiser = $2", colleague, user.advertiser)
    return found[0] if found else None


async def invite_colleague(user: User, email: str, name: str, scopes: Collection[str], *, admin: bool) -> IssuedLink:
    """Raises GokartError, naming the field, and Problem 429 for too many invitations."""
    assert user.advertiser is not None
    check_scopes(user, scopes)
    await count_invitation(ADVERTISER, user.id, email.strip().lower())
    async with managed_team(user) as db:
        size = await db.fetchval(
            f"SELECT count(*) FROM {ADVERTISER.schema}.advertiser_login WHERE advertiser = $1", user.advertiser
        )
        if size >= MAX_TEAM:
            raise GokartError(f"A team has at most {MAX_TEAM} users. Remove those who have left.")
        creator = user.actor(None).name
        return await invite_advertiser_user(email, name, user.advertiser, scopes, creator, admin=admin)


async def set_permissions(user: User, colleague: UserDetails, scopes: Collection[str], *, admin: bool) -> None:
    """Scopes that the user does not have stay as they are. Raises GokartError."""
    check_scopes(user, scopes)
    async with managed_team(user, colleague):
        present = await find_colleague(user, colleague.id) or colleague
        others = {scope for scope in present.scopes if scope not in user.scopes}
        await update_advertiser_user(colleague.id, scopes=others | set(scopes), admin=admin)


async def set_active(user: User, colleague: UserDetails, *, active: bool) -> None:
    """Deactivating ends the sessions and revokes the links. Raises GokartError."""
    async with managed_team(user, colleague):
        await check_not_deactivated_by_staff(user, colleague)
        await update_advertiser_user(colleague.id, active=active)


async def renew_invitation(user: User, colleague: UserDetails) -> IssuedLink:
    """Anyone with the link can sign in as the colleague. So the colleague must not have accepted the invitation yet,
    nor have scopes that the user lacks. Raises GokartError, and Problem 429 for too many invitations.
    """
    await count_invitation(ADVERTISER, user.id, colleague.email)
    async with managed_team(user, colleague):
        present = await find_colleague(user, colleague.id) or colleague
        if present.joined:
            raise GokartError("This user has accepted the invitation.")
        if not user.scopes.issuperset(present.scopes):
            raise GokartError("This user has permissions that you do not have. Ask the staff for a new link.")
        return await renew_link(ADVERTISER, colleague.id, user.actor(None).name)


async def remove_colleague(user: User, colleague: UserDetails) -> None:
    """Deletes the account. API keys that it created stay. Raises GokartError."""
    async with managed_team(user, colleague) as db:
        await check_not_deactivated_by_staff(user, colleague)
        await revoke_access(db, ADVERTISER, colleague.id)
        await db.execute(f"DELETE FROM {ADVERTISER.schema}.advertiser_login WHERE id = $1", colleague.id)


@asynccontextmanager
async def managed_team(user: User, colleague: UserDetails | None = None) -> AsyncIterator[Connection]:
    """A transaction, one at a time for each team, in which the user is an active administrator. Raises GokartError."""
    if colleague is not None and colleague.id == user.id:
        raise GokartError("Only another administrator can change your account.")
    async with transaction() as db:
        rows = await db.fetch(
            f"""
            SELECT id, admin AND active AS manages FROM {ADVERTISER.schema}.advertiser_login
            WHERE advertiser = $1 ORDER BY id FOR NO KEY UPDATE
            """,
            user.advertiser,
        )
        if not any(row["id"] == user.id and row["manages"] for row in rows):
            raise GokartError("You are not an administrator any more.")
        if colleague is not None and not any(row["id"] == colleague.id for row in rows):
            raise GokartError("This user was removed.")
        yield db


async def check_not_deactivated_by_staff(user: User, colleague: UserDetails) -> None:
    """Removed, the colleague could be invited again. Raises GokartError."""
    present = await find_colleague(user, colleague.id) or colleague
    if present.deactivated_by_staff:
        raise GokartError("The staff deactivated this account. Only they can activate or remove it.")


def check_scopes(user: User, scopes: Collection[str]) -> None:
    """Raises GokartError for one that the user does not have."""
    if not user.scopes.issuperset(scopes):
        raise GokartError(f"scopes: Choose from: {', '.join(own_scopes(user))}.")


def own_scopes(user: User) -> list[str]:
    """In the order of forms."""
    return [scope for scope in ADVERTISER_SCOPES if scope in user.scopes]
