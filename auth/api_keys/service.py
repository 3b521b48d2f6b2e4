"""Creates, rotates and revokes API keys of the bound tenant. A database trigger notifies every worker."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_interface
from typing import Any
from uuid import UUID

from asyncpg import ForeignKeyViolationError
from msgspec import UNSET, UnsetType
from piccolo.columns import Column

from auth.api_keys.format import MintedKey, mint_api_key
from auth.api_keys.tables import ApiKey
from auth.scopes import ADVERTISER_SCOPES, INGEST
from core.errors import GokartError
from database.pool import Connection
from database.transactions import transaction
from tenants.cache import notify_changed
from tenants.tenant import current_tenant

DEFAULT_GRACE = timedelta(days=7)
MAX_NAME_LENGTH = 200
MAX_NETWORKS = 100


class UnknownApiKeyError(GokartError):
    """No key has this id, or it belongs to another advertiser."""


class DuplicateKeyNameError(GokartError):
    """An active key of the same owner has this name."""


async def create_api_key(
    *,
    name: str,
    scopes: Iterable[str],
    advertiser: UUID | None,
    created_by: str,
    expires_at: datetime | None = None,
    networks: Iterable[str] = (),
    new_name: bool = False,
) -> MintedKey:
    """Creates a key of an advertiser, or an ingest key of the tenant (advertiser None).

    `networks` are CIDR. `new_name`: raises DuplicateKeyNameError if an active key of the same owner has the
    name, so that a form submitted twice creates one key. Raises GokartError for invalid values.
    """
    wanted = sorted(set(scopes))
    allowed = ADVERTISER_SCOPES if advertiser else (INGEST,)
    if not wanted or not set(wanted) <= set(allowed):
        owner = "An advertiser's API key" if advertiser else "An ingest key"
        raise GokartError(f"scopes: {owner} needs one or more of these scopes: {', '.join(allowed)}.")
    if expires_at and expires_at <= datetime.now(UTC):
        raise GokartError("expires_at: The expiry date is in the past.")
    minted = mint_api_key()
    row = ApiKey(
        advertiser=advertiser,
        name=read_key_name(name),
        digest=minted.digest,
        hint=minted.hint,
        scopes=wanted,
        networks=read_networks(networks),
        created_by=created_by,
        created_at=datetime.now(UTC),
        expires_at=expires_at,
    )
    try:
        async with transaction() as db:
            if new_name:
                await check_new_name(db, advertiser, row.name)
            await ApiKey.insert(row)
            await notify_changed(db)
    except ForeignKeyViolationError as error:
        raise GokartError(f"advertiser: Advertiser {advertiser} does not exist.") from error
    return minted


async def check_new_name(db: Connection, advertiser: UUID | None, name: str) -> None:
    """Locks the name for this owner until the transaction ends. Raises DuplicateKeyNameError."""
    schema = current_tenant().schema
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{schema} {advertiser} {name}")
    taken = await db.fetchval(
        f"""
        SELECT EXISTS (
            SELECT FROM {schema}.api_token WHERE advertiser IS NOT DISTINCT FROM $1 AND name = $2
                AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
        )
        """,
        advertiser,
        name,
    )
    if taken:
        raise DuplicateKeyNameError(f"name: An active key named “{name}” already exists.")


async def rotate_api_key(
    key: int,
    *,
    created_by: str,
    grace: timedelta = DEFAULT_GRACE,
    expires_at: datetime | UnsetType | None = UNSET,
    owner: UUID | None = None,
    within: frozenset[str] | None = None,
) -> MintedKey:
    """Creates a successor. The old key keeps working for `grace`, or until its own expiry if that is sooner.

    The successor takes over the old key's expiry unless `expires_at` is given.

    With `owner`, raises UnknownApiKeyError for a key of another advertiser. With `within`, rejects keys with other
    scopes: rotating must not give a user a key that the user could not create.

    Raises UnknownApiKeyError; GokartError if the key is revoked, expired, or already rotated: it expires because of the
    rotation, and a second successor would inherit that expiry.
    """
    now = datetime.now(UTC)
    async with transaction() as db:
        old: ApiKey | None = await ApiKey.objects().lock_rows("UPDATE").where(ApiKey.id == key).first()
        if old is None or (owner and old.advertiser != owner):
            raise UnknownApiKeyError(f"API key {key} of {current_tenant().slug} does not exist or is not active.")
        ends_at: datetime | None = old.expires_at
        revoked_at: datetime | None = old.revoked_at
        if revoked_at or (ends_at and ends_at <= now):
            raise GokartError(f"API key {key} of {current_tenant().slug} does not exist or is not active.")
        successor: ApiKey | None = await ApiKey.objects().where(ApiKey.replaces == key).first()
        if successor is not None:
            raise GokartError(f"API key {key} was already rotated. Rotate its successor, {successor.id}.")
        if within is not None and not set(old.scopes) <= within:
            raise GokartError(f"scopes: You may only rotate keys with these scopes: {', '.join(sorted(within))}.")
        minted = mint_api_key()
        copied = ("advertiser", "name", "scopes", "networks", "rate", "burst", "concurrency")
        await ApiKey.insert(
            ApiKey(
                **{column: old[column] for column in copied},
                replaces=key,
                digest=minted.digest,
                hint=minted.hint,
                created_by=created_by,
                created_at=now,
                expires_at=ends_at if expires_at is UNSET else expires_at,
            )
        )
        until = min(filter(None, [ends_at, now + grace]))
        await ApiKey.update({ApiKey.expires_at: until}).where(ApiKey.id == key)
        await notify_changed(db)
    return minted


async def revoke_api_key(key: int, *, owner: UUID | None = None) -> None:
    """Revokes a key permanently. Revoking it again has no effect. Raises UnknownApiKeyError.

    With `owner`, raises UnknownApiKeyError for a key of another advertiser.
    """
    async with transaction() as db:
        mine = (ApiKey.id == key) & (ApiKey.advertiser == owner) if owner else ApiKey.id == key
        if not await ApiKey.exists().where(mine):
            raise unknown_key(key)
        await ApiKey.update({ApiKey.revoked_at: datetime.now(UTC)}).where(
            (ApiKey.id == key) & ApiKey.revoked_at.is_null()
        )
        await notify_changed(db)


async def revoke_api_keys(*, owner: UUID | None = None, ingest: bool = False) -> int:
    """Revokes the keys of an advertiser, or the ingest keys, or all keys of the tenant, permanently. Returns how many
    worked until now.
    """
    now = datetime.now(UTC)
    async with transaction() as db:
        revoked = await db.fetch(
            f"""
            UPDATE {current_tenant().schema}.api_token SET revoked_at = $1
            WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $1)
                AND ($2::uuid IS NULL OR advertiser = $2) AND (NOT $3::bool OR advertiser IS NULL)
            RETURNING id
            """,
            now,
            owner,
            ingest,
        )
        await notify_changed(db)
    return len(revoked)


async def set_api_key_limits(key: int, rate: float | None, burst: int | None, concurrency: int | None) -> None:
    """Sets the key's limits (`web.limits.limiter.RateLimit`); None: the tenant's default. Raises UnknownApiKeyError."""
    limits: dict[Column | str, Any] = {ApiKey.rate: rate, ApiKey.burst: burst, ApiKey.concurrency: concurrency}
    async with transaction() as db:
        if not await ApiKey.update(limits).where(ApiKey.id == key).returning(ApiKey.id):
            raise unknown_key(key)
        await notify_changed(db)


def unknown_key(key: int) -> UnknownApiKeyError:
    return UnknownApiKeyError(f"API key {key} of {current_tenant().slug} does not exist.")


def read_key_name(text: str) -> str:
    """Raises GokartError."""
    name = text.strip()
    if not 1 <= len(name) <= MAX_NAME_LENGTH or not name.isprintable():
        raise GokartError(f"name: Enter a name of 1 to {MAX_NAME_LENGTH} characters.")
    return name


def read_networks(texts: Iterable[str]) -> list[str]:
    """In canonical form, without duplicates. Raises GokartError."""
    networks = list(dict.fromkeys(canonical_network(text) for text in texts))
    if len(networks) > MAX_NETWORKS:
        raise GokartError(f"networks: {len(networks)} IP ranges are too many. The maximum is {MAX_NETWORKS}.")
    return networks


def canonical_network(text: str) -> str:
    invalid = f"networks: “{text.strip()[:50]}” is not a valid IP range"
    try:
        interface = ip_interface(text.strip())
    except ValueError as error:
        raise GokartError(f"{invalid}, such as 203.0.113.0/24.") from error
    network = interface.network
    if "%" in text:  # a zone id is only valid on one machine
        raise GokartError(f"{invalid}, such as 203.0.113.0/24.")
    if interface.ip != network.network_address:
        raise GokartError(f"{invalid}. Did you mean {network}?")
    return str(network)
