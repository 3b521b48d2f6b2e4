"""Making, rotating and revoking API tokens of the bound tenant. Every worker hears of it, by the database's trigger."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

from asyncpg import ForeignKeyViolationError
from piccolo.columns import Column

from auth.tables import ApiToken
from auth.tokens import Minted, mint
from database.pool import transaction
from errors import GokartError
from tenants.current import current_tenant

ADVERTISER_SCOPES = ("cost-report", "singular")
INGEST = "ingest"
DEFAULT_GRACE = timedelta(days=7)
LONGEST_NAME = 200


async def create_token(
    *,
    name: str,
    scopes: Iterable[str],
    advertiser: UUID | None,
    created_by: str,
    expires_at: datetime | None = None,
    networks: Iterable[str] = (),
) -> Minted:
    """A new token: of an advertiser with its scopes, or of the tenant (advertiser None) with scope `ingest` alone.

    `networks` are CIDR. Raises GokartError for what makes no sense.
    """
    wanted = sorted(set(scopes))
    allowed = ADVERTISER_SCOPES if advertiser else (INGEST,)
    if not wanted or not set(wanted) <= set(allowed):
        owner = "An advertiser's token" if advertiser else "A token of the tenant"
        raise GokartError(f"scopes: {owner} has one or more of: {', '.join(allowed)}.")
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise GokartError(f"name: A token needs one of 1 to {LONGEST_NAME} characters, to be told from others.")
    if expires_at and expires_at <= datetime.now(UTC):
        raise GokartError("expires_at: That is in the past.")
    minted = mint()
    row = ApiToken(
        advertiser=advertiser,
        name=name.strip(),
        digest=minted.digest,
        hint=minted.hint,
        scopes=wanted,
        networks=[canonical_network(network) for network in networks],
        created_by=created_by,
        created_at=datetime.now(UTC),
        expires_at=expires_at,
    )
    try:
        await ApiToken.insert(row)
    except ForeignKeyViolationError as error:
        raise GokartError(f"advertiser: There is no {advertiser} at this tenant.") from error
    return minted


async def rotate_token(token: int, *, created_by: str, grace: timedelta = DEFAULT_GRACE) -> Minted:
    """A new token like an old one, which goes on working for `grace` (or until it would have expired, if sooner).

    Raises GokartError where the token is unknown, revoked or expired, or has been rotated already: it expires because
    of that, and so would a second successor.
    """
    now = datetime.now(UTC)
    async with transaction():
        unrevoked = (ApiToken.id == token) & ApiToken.revoked_at.is_null()
        old: ApiToken | None = await ApiToken.objects().lock_rows("UPDATE").where(unrevoked).first()
        expires_at: datetime | None = old.expires_at if old else None
        if old is None or (expires_at and expires_at <= now):
            raise GokartError(f"There is no live token {token} at {current_tenant().slug}.")
        successor: ApiToken | None = await ApiToken.objects().where(ApiToken.replaces == token).first()
        if successor is not None:
            raise GokartError(f"Token {token} has been rotated already: rotate its successor, {successor.id}.")
        minted = mint()
        copied = (
            "advertiser", "name", "scopes", "networks", "rate", "burst", "concurrency", "expires_at",
        )  # fmt: skip
        await ApiToken.insert(
            ApiToken(
                **{column: old[column] for column in copied},
                replaces=token,
                digest=minted.digest,
                hint=minted.hint,
                created_by=created_by,
                created_at=now,
            )
        )
        until = min(filter(None, [expires_at, now + grace]))
        await ApiToken.update({ApiToken.expires_at: until}).where(ApiToken.id == token)
    return minted


async def revoke_token(token: int) -> None:
    """From now on 401, for ever. Revoking twice is no error; an unknown token is (GokartError)."""
    async with transaction():
        if not await ApiToken.exists().where(ApiToken.id == token):
            raise GokartError(f"There is no token {token} at {current_tenant().slug}.")
        await ApiToken.update({ApiToken.revoked_at: datetime.now(UTC)}).where(
            (ApiToken.id == token) & ApiToken.revoked_at.is_null()
        )


async def limit_token(token: int, rate: float | None, burst: int | None, concurrency: int | None) -> None:
    """What this token may ask for (see `auth.limits.Limit`); None: what the tenant's may. Raises GokartError."""
    limits: dict[Column | str, Any] = {ApiToken.rate: rate, ApiToken.burst: burst, ApiToken.concurrency: concurrency}
    if not await ApiToken.update(limits).where(ApiToken.id == token).returning(ApiToken.id):
        raise GokartError(f"There is no token {token} at {current_tenant().slug}.")


def canonical_network(text: str) -> str:
    try:
        return str(ip_network(text.strip()))
    except ValueError as error:
        raise GokartError(f"networks: {text!r} is no network such as 203.0.113.0/24.") from error
