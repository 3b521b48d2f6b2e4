"""Making, rotating and revoking API tokens of the bound tenant. Every worker hears of it, by the database's trigger."""

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
from core.errors import GokartError
from database.pool import Connection, transaction
from tenants.cache import notify_changed
from tenants.tenant import current_tenant

ADVERTISER_SCOPES = ("cost-report", "singular")
INGEST = "ingest"
DEFAULT_GRACE = timedelta(days=7)
LONGEST_NAME = 200
MOST_NETWORKS = 100


class UnknownApiKeyError(GokartError):
    """There is none with this id, or it is somebody else's."""


class DuplicateKeyNameError(GokartError):
    """A live token of the same owner has that name."""


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
    """A new token: of an advertiser with its scopes, or of the tenant (advertiser None) with scope `ingest` alone.

    `networks` are CIDR. `new_name`: raises DuplicateKeyNameError if a live key of the same owner has the
    name, so that a form submitted twice creates one key. Raises GokartError for invalid values.
    """
    wanted = sorted(set(scopes))
    allowed = ADVERTISER_SCOPES if advertiser else (INGEST,)
    if not wanted or not set(wanted) <= set(allowed):
        owner = "An advertiser's token" if advertiser else "A token of the tenant"
        raise GokartError(f"scopes: {owner} has one or more of: {', '.join(allowed)}.")
    if expires_at and expires_at <= datetime.now(UTC):
        raise GokartError("expires_at: That is in the past.")
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
    except ForeignKeyViolationError as error:
        raise GokartError(f"advertiser: There is no {advertiser} at this tenant.") from error
    return minted


async def check_new_name(db: Connection, advertiser: UUID | None, name: str) -> None:
    """Until the transaction ends, nobody else who asks may make a token of that name for this owner."""
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
        raise DuplicateKeyNameError(f"name: A live token is called “{name}” already.")


async def rotate_api_key(
    token: int,
    *,
    created_by: str,
    grace: timedelta = DEFAULT_GRACE,
    expires_at: datetime | UnsetType | None = UNSET,
    owner: UUID | None = None,
    within: frozenset[str] | None = None,
) -> MintedKey:
    """A new token like an old one, which goes on working for `grace` (or until it would have expired, if sooner).

    The new one expires when the old one would have, unless `expires_at` says otherwise.

    With `owner`, a token of anybody but this advertiser is unknown. With `within`, the token may have no other scopes:
    nobody gets by rotating what they may not make.

    Raises UnknownApiKeyError where it is unknown; GokartError where it is revoked or expired, or has been rotated
    already: it expires because of that, and so would a second successor.
    """
    now = datetime.now(UTC)
    async with transaction() as db:
        old: ApiKey | None = await ApiKey.objects().lock_rows("UPDATE").where(ApiKey.id == token).first()
        if old is None or (owner and old.advertiser != owner):
            raise UnknownApiKeyError(f"There is no live token {token} at {current_tenant().slug}.")
        ends_at: datetime | None = old.expires_at
        revoked_at: datetime | None = old.revoked_at
        if revoked_at or (ends_at and ends_at <= now):
            raise GokartError(f"There is no live token {token} at {current_tenant().slug}.")
        successor: ApiKey | None = await ApiKey.objects().where(ApiKey.replaces == token).first()
        if successor is not None:
            raise GokartError(f"Token {token} has been rotated already: rotate its successor, {successor.id}.")
        if within is not None and not set(old.scopes) <= within:
            raise GokartError(f"scopes: You may only rotate a token with no more than: {', '.join(sorted(within))}.")
        minted = mint_api_key()
        copied = ("advertiser", "name", "scopes", "networks", "rate", "burst", "concurrency")
        await ApiKey.insert(
            ApiKey(
                **{column: old[column] for column in copied},
                replaces=token,
                digest=minted.digest,
                hint=minted.hint,
                created_by=created_by,
                created_at=now,
                expires_at=ends_at if expires_at is UNSET else expires_at,
            )
        )
        until = min(filter(None, [ends_at, now + grace]))
        await ApiKey.update({ApiKey.expires_at: until}).where(ApiKey.id == token)
        await notify_changed(db)
    return minted


async def revoke_api_key(token: int, *, owner: UUID | None = None) -> None:
    """From now on 401, for ever. Revoking twice is no error; an unknown token is (UnknownApiKeyError).

    With `owner`, a token of anybody but this advertiser is unknown.
    """
    async with transaction() as db:
        mine = (ApiKey.id == token) & (ApiKey.advertiser == owner) if owner else ApiKey.id == token
        if not await ApiKey.exists().where(mine):
            raise unknown(token)
        await ApiKey.update({ApiKey.revoked_at: datetime.now(UTC)}).where(
            (ApiKey.id == token) & ApiKey.revoked_at.is_null()
        )
        await notify_changed(db)


async def set_api_key_limits(token: int, rate: float | None, burst: int | None, concurrency: int | None) -> None:
    """Sets the token's limits (`web.limits.limiter.RateLimit`); None takes the tenant's. Raises GokartError."""
    limits: dict[Column | str, Any] = {ApiKey.rate: rate, ApiKey.burst: burst, ApiKey.concurrency: concurrency}
    async with transaction() as db:
        if not await ApiKey.update(limits).where(ApiKey.id == token).returning(ApiKey.id):
            raise unknown(token)
        await notify_changed(db)


def unknown(token: int) -> UnknownApiKeyError:
    return UnknownApiKeyError(f"There is no token {token} at {current_tenant().slug}.")


def read_key_name(text: str) -> str:
    """Raises GokartError."""
    name = text.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise GokartError(f"name: 1 to {LONGEST_NAME} characters are needed, to tell it from others.")
    return name


def read_networks(texts: Iterable[str]) -> list[str]:
    """Each once, as it is kept. Raises GokartError."""
    networks = list(dict.fromkeys(canonical_network(text) for text in texts))
    if len(networks) > MOST_NETWORKS:
        raise GokartError(f"networks: {len(networks)} are too many, {MOST_NETWORKS} the most.")
    return networks


def canonical_network(text: str) -> str:
    told = f"networks: {text.strip()[:50]!r} is no network such as 203.0.113.0/24"
    try:
        interface = ip_interface(text.strip())
    except ValueError as error:
        raise GokartError(f"{told}.") from error
    network = interface.network
    if "%" in text:  # of one machine's own
        raise GokartError(f"{told}.")
    if interface.ip != network.network_address:
        raise GokartError(f"{told}; {network} is.")
    return str(network)
