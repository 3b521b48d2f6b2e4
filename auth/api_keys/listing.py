"""API keys as pages show them: what may be seen of a key, and its status."""

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

from auth.api_keys.format import MintedKey
from auth.scopes import SCOPE_NAMES
from database.pool import connection
from tenants.tenant import Tenant

EXPIRES_SOON = timedelta(days=14)
PAGE = 50
LARGEST_ID = 2**31 - 1

ApiKeyStatus = Literal["live", "expiring", "rotated", "expired", "revoked"]
API_KEY_STATUSES: dict[ApiKeyStatus, str] = {
    "live": "Active",
    "expiring": "Expires soon",
    "rotated": "Rotated",
    "expired": "Expired",
    "revoked": "Revoked",
}
STATUS_BADGES: dict[ApiKeyStatus, str] = {
    "live": "success",
    "expiring": "warning",
    "rotated": "info",
    "expired": "neutral",
    "revoked": "danger",
}


class ApiKeyDetails(msgspec.Struct, frozen=True):
    """`rotated`: the key has a successor and still works. `expiring`: it has none and expires within `EXPIRES_SOON`.

    `advertiser` is None for an ingest key, which belongs to the tenant. `replaces` is the key whose successor it is,
    and `replaced_until` when that key stops working; None if it has stopped.
    """

    id: int
    advertiser: UUID | None
    advertiser_name: str | None
    name: str
    hint: str
    scopes: list[str]
    networks: list[str]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    last_used_from: Any  # an address of ipaddress
    replaces: int | None
    replaced_name: str | None
    replaced_hint: str | None
    replaced_until: datetime | None
    successor: int | None
    successor_hint: str | None
    successor_created_at: datetime | None
    state: ApiKeyStatus

    @property
    def works(self) -> bool:
        return self.state in {"live", "expiring", "rotated"}

    @property
    def can_rotate(self) -> bool:
        return self.state in {"live", "expiring"}

    @property
    def still_used(self) -> bool:
        """The key was used after its successor was created."""
        return bool(self.last_used_at and self.successor_created_at and self.last_used_at > self.successor_created_at)

    @property
    def status_label(self) -> str:
        return API_KEY_STATUSES[self.state]

    @property
    def status_kind(self) -> str:
        """The kind of its badge."""
        return STATUS_BADGES[self.state]

    @property
    def scope_names(self) -> list[str]:
        return [SCOPE_NAMES[scope] for scope in self.scopes]

    def creator(self, *, for_staff: bool) -> str:
        """Advertisers do not see which member of the staff created a key."""
        realm, _, name = self.created_by.partition(":")
        return name if realm == "advertiser" else self.created_by if for_staff else "staff"


API_KEYS = """
SELECT t.id, t.advertiser, a.name AS advertiser_name, t.name, t.hint, t.scopes, t.networks, t.created_by, t.created_at,
    t.expires_at, t.revoked_at, t.last_used_at, t.last_used_from, t.replaces,
    r.name AS replaced_name, r.hint AS replaced_hint,
    CASE WHEN r.revoked_at IS NULL AND r.expires_at > now() THEN r.expires_at END AS replaced_until,
    s.id AS successor, s.hint AS successor_hint, s.created_at AS successor_created_at,
    CASE
        WHEN t.revoked_at IS NOT NULL THEN 'revoked'
        WHEN t.expires_at <= now() THEN 'expired'
        WHEN s.id IS NOT NULL THEN 'rotated'
        WHEN t.expires_at <= now() + interval '{soon} days' THEN 'expiring'
        ELSE 'live'
    END AS state
FROM {s}.api_token t LEFT JOIN {s}.advertiser a ON a.id = t.advertiser
    LEFT JOIN {s}.api_token s ON s.replaces = t.id
    LEFT JOIN {s}.api_token r ON r.id = t.replaces
"""


def api_keys_sql(tenant: Tenant) -> str:
    return f"SELECT * FROM ({API_KEYS.format(s=tenant.schema, soon=EXPIRES_SOON.days)}) AS key"


async def advertiser_api_keys(tenant: Tenant, advertiser: UUID) -> list[ApiKeyDetails]:
    """Keys that work come first; within that, newest first."""
    async with connection() as db:
        rows = await db.fetch(
            f"""
            {api_keys_sql(tenant)} WHERE advertiser = $1
            ORDER BY state IN ('expired', 'revoked'), id DESC
            """,
            advertiser,
        )
    return [ApiKeyDetails(**row) for row in rows]


async def find_api_key(tenant: Tenant, key: int, owner: UUID | None = None) -> ApiKeyDetails | None:
    """With `owner`, finds only keys of this advertiser."""
    if not 0 < key <= LARGEST_ID:
        return None
    return await fetch_api_key(tenant, "id = $1 AND ($2::uuid IS NULL OR advertiser = $2)", key, owner)


async def find_minted_key(tenant: Tenant, minted: MintedKey) -> ApiKeyDetails:
    key = await fetch_api_key(
        tenant, f"id = (SELECT id FROM {tenant.schema}.api_token WHERE digest = $1)", minted.digest
    )
    assert key is not None
    return key


async def fetch_api_key(tenant: Tenant, where: str, *args: object) -> ApiKeyDetails | None:
    async with connection() as db:
        row = await db.fetchrow(f"{api_keys_sql(tenant)} WHERE {where}", *args)
    return ApiKeyDetails(**row) if row else None


async def list_api_keys(
    tenant: Tenant,
    *,
    advertiser: UUID | None = None,
    ingest: bool = False,
    state: ApiKeyStatus | None = None,
    before: int | None = None,
) -> list[ApiKeyDetails]:
    """The tenant's keys, newest first, `PAGE` at a time; `before` is the id of the last key on the previous page.

    `ingest`: only ingest keys.
    """
    async with connection() as db:
        rows = await db.fetch(
            f"""
            {api_keys_sql(tenant)}
            WHERE ($1::uuid IS NULL OR advertiser = $1) AND (NOT $2 OR advertiser IS NULL)
                AND ($3::text IS NULL OR state = $3) AND ($4::int IS NULL OR id < $4)
            ORDER BY id DESC LIMIT {PAGE}
            """,
            advertiser,
            ingest,
            state,
            before,
        )
    return [ApiKeyDetails(**row) for row in rows]


async def expiring_api_keys(tenant: Tenant, advertiser: UUID | None = None) -> list[ApiKeyDetails]:
    """Keys that expire soon and have no successor, and rotated keys that are still used; the earliest expiry first.

    Of one advertiser, or of the whole tenant.
    """
    async with connection() as db:
        rows = await db.fetch(
            f"""
            {api_keys_sql(tenant)}
            WHERE ($1::uuid IS NULL OR advertiser = $1)
                AND (state = 'expiring' OR state = 'rotated' AND last_used_at > successor_created_at)
            ORDER BY expires_at, id
            """,
            advertiser,
        )
    return [ApiKeyDetails(**row) for row in rows]
