"""Authenticates API requests: Authorization header → API key → advertiser. Guards for route handlers.

Records when and from where a key was last used, and writes it in the background at most once a minute per key.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from time import monotonic
from typing import Any, NoReturn, cast
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec
import structlog
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from auth.api_keys.each_schema import execute_each
from auth.api_keys.format import digest, is_well_formed
from auth.api_keys.request_log import log_request
from catalog.tenants import GokartTenant
from core.background import run_every
from database.pool import DatabaseUnavailable, connection
from database.sql import SqlFile
from settings import settings
from tenants.cache import tenant_cache
from tenants.tenant import Tenant, current_tenant
from web.limits.backend import limit_sync
from web.limits.limiter import RateLimit, RateLimiter
from web.problems import Problem
from web.requests import (
    Address,
    AnyConnection,
    client_address,
    client_network,
    encode_headers,
    header_values,
    request_state,
)

WRITE_EVERY = 5.0
AT_MOST_EVERY = timedelta(minutes=1)
SQL = Path(__file__).parent / "sql" / "last_used.sql"
WRITE_LAST_USED = SqlFile(SQL)

LastUse = tuple[datetime, Address | None]

log = structlog.get_logger()
_last_uses: dict[tuple[str, int], LastUse] = {}  # by schema and key: those to be written
_next_writes: dict[tuple[str, int], datetime] = {}  # by schema and key: not before
_loading: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by schema
api_key_limiter: RateLimiter[tuple[UUID, int]] = RateLimiter(
    "token", lambda key: f"token {key[0]} {key[1]}", limit_sync
)
failed_key_limiter: RateLimiter[str] = RateLimiter("failures", lambda network: f"failures {network}", limit_sync)


class Caller(msgspec.Struct, frozen=True):
    """A verified API key. `advertiser` is None for an ingest key; limits are None where the tenant's apply."""

    api_key: int
    advertiser: UUID | None
    advertiser_active: bool
    singular_enabled: bool
    scopes: frozenset[str]
    networks: tuple[IPv4Network | IPv6Network, ...]
    expires_at: datetime | None
    rate: float | None
    burst: int | None
    concurrency: int | None


def requires_api_key(*scopes: str) -> Guard:
    """A guard: the API key is valid (else 401), used from an allowed network (403), within its rate limits (429), and
    has one of the scopes (403).
    """

    async def guard(request: AnyConnection, _: BaseRouteHandler) -> None:
        tenant = current_tenant()
        address = client_address(request.scope)
        caller = await authenticate(tenant, header_values(request.scope, b"authorization"), address)
        state = request_state(request.scope)
        state["caller"] = caller
        state["log"].update(advertiser=caller.advertiser and str(caller.advertiser), api_key=caller.api_key)
        log_request(request.scope, caller.api_key, caller.advertiser, address)
        await check_network(caller, address)
        await check_rate_limit(tenant, caller, state)
        authorize(caller, scopes)
        record_use(tenant, caller.api_key, address)

    return guard


def current_caller(request: AnyConnection) -> Caller:
    """The caller that the guard authenticated."""
    return cast(Caller, request_state(request.scope)["caller"])


def current_advertiser(request: AnyConnection) -> UUID:
    """The caller's advertiser. Only for scopes of advertisers' keys."""
    advertiser = current_caller(request).advertiser
    assert advertiser is not None, "ingest keys have no advertiser, and no other scope"
    return advertiser


async def authenticate(tenant: Tenant, authorization: list[str], address: Address | None) -> Caller:
    """The caller with an active key of this tenant. Raises Problem 401, identical for all invalid keys, or 429."""
    scheme, _, token = authorization[0].partition(" ") if len(authorization) == 1 else ("", "", "")
    token = token.strip(" \t")
    if scheme.lower() != "apitoken":
        await reject(address)
    key = sha256(token.encode()).digest()  # the cache holds no tokens
    caller = await tenant_cache.get_or_load(tenant.schema, key, lambda: load_caller(tenant, token, address))
    if caller is None or (caller.expires_at is not None and caller.expires_at <= datetime.now(UTC)):
        await reject(address)
    return caller


async def reject(address: Address | None) -> NoReturn:
    await count_failure(address)
    raise Problem(
        401,
        "Send one header “Authorization: ApiToken {token}” with an active API key of this tenant.",
        headers={"WWW-Authenticate": "ApiToken"},
    )


async def count_failure(address: Address | None) -> None:
    """Raises Problem 429 for an address with too many."""
    await failed_key_limiter.take(
        client_network(address), RateLimit(settings.failed_token_rate, settings.failed_token_burst)
    )


async def check_network(caller: Caller, address: Address | None) -> None:
    """Before the rate limit: a key that leaked must not use up its owner's requests. Raises Problem 403 or 429."""
    if caller.networks and not (address and any(address in network for network in caller.networks)):
        await count_failure(address)
        raise Problem(403, "This API key cannot be used from this IP address.")


async def check_rate_limit(tenant: Tenant, caller: Caller, state: dict[str, Any]) -> None:
    assert isinstance(tenant, GokartTenant)
    key = (tenant.id, caller.api_key)
    limit = RateLimit(
        rate=caller.rate or tenant.token_rate or settings.token_rate,
        burst=caller.burst or tenant.token_burst or settings.token_burst,
        concurrency=caller.concurrency or tenant.token_concurrency or settings.token_concurrency,
    )
    bucket = await api_key_limiter.take(key, limit)
    state["headers"] += encode_headers(api_key_limiter.headers(bucket))
    state["at_end"].append(api_key_limiter.start_request(bucket))


def authorize(caller: Caller, scopes: Sequence[str]) -> None:
    """Raises Problem 403 with the reason."""
    granted = caller.scopes.intersection(scopes)
    if not granted:
        raise Problem(403, f"This API key does not have the scope {' or '.join(f'“{scope}”' for scope in scopes)}.")
    if not caller.advertiser_active:
        raise Problem(403, "This advertiser is paused.")
    if granted == {"singular"} and not caller.singular_enabled:
        raise Problem(403, "Singular cost reporting is not enabled for this advertiser.")


async def load_caller(tenant: Tenant, token: str, address: Address | None) -> Caller | None:
    """Rejects typos without a query, and unknown tokens from an address that has sent too many of them."""
    if not is_well_formed(token):
        return None
    if failed_key_limiter.is_exhausted(client_network(address)) and not await may_be_active(tenant, token):
        return None
    async with connection(generic_plans=True) as db:
        row = await db.fetchrow(
            f"""
            SELECT t.id, t.advertiser, t.scopes, t.networks, t.expires_at, t.rate, t.burst, t.concurrency,
                coalesce(a.status = 'active', true) AS active, coalesce(a.singular_enabled, false) AS singular_enabled
            FROM {tenant.schema}.api_token t LEFT JOIN {tenant.schema}.advertiser a ON a.id = t.advertiser
            WHERE t.digest = $1 AND t.revoked_at IS NULL
            """,
            digest(token),
            timeout=settings.database_wait,
        )
    if row is None:
        return None
    return Caller(
        api_key=row["id"],
        advertiser=row["advertiser"],
        advertiser_active=row["active"],
        singular_enabled=row["singular_enabled"],
        scopes=frozenset(row["scopes"]),
        networks=tuple(ip_network(network) for network in row["networks"]),
        expires_at=row["expires_at"],
        rate=row["rate"],
        burst=row["burst"],
        concurrency=row["concurrency"],
    )


async def may_be_active(tenant: Tenant, token: str) -> bool:
    """False if the cache proves that the token was not active a second ago: from an address with too many failures, a
    new key may work a second later. The digests are loaded each minute, in case a key was created without notice.
    """
    if not tenant_cache.is_trusted():
        return True
    minute = "digests", monotonic() // 60
    async with _loading.setdefault(tenant.schema, asyncio.Lock()):  # a flood loads the digests once
        digests = await tenant_cache.get_or_load(tenant.schema, minute, lambda: load_digests(tenant))
    return digest(token) in digests


async def load_digests(tenant: Tenant) -> frozenset[bytes]:
    """Of all active keys of the tenant."""
    async with connection() as db:
        rows = await db.fetch(
            f"SELECT digest FROM {tenant.schema}.api_token WHERE revoked_at IS NULL", timeout=settings.database_wait
        )
    return frozenset(row["digest"] for row in rows)


def record_use(tenant: Tenant, key: int, address: Address | None) -> None:
    _last_uses[tenant.schema, key] = datetime.now(UTC), address


def flush_last_used() -> AbstractAsyncContextManager[None]:
    """Writes recorded uses every few seconds, and all when the block ends."""
    return run_every(WRITE_EVERY, write_last_used, at_end=partial(write_last_used, at_end=True))


async def write_last_used(*, at_end: bool = False) -> None:
    """Tries it at most once a minute for each key, except at the end. A use stays recorded until then, and while the
    database is unavailable.
    """
    now = datetime.now(UTC)
    for written in [key for key, next_write in _next_writes.items() if at_end or next_write <= now]:
        del _next_writes[written]
    uses: defaultdict[str, dict[int, LastUse]] = defaultdict(dict)
    for schema, key in [key for key in _last_uses if key not in _next_writes]:
        uses[schema][key] = _last_uses.pop((schema, key))
    errors = await execute_each(WRITE_LAST_USED, {schema: values_of(used) for schema, used in uses.items()})
    for schema, used in uses.items():
        error = errors.get(schema)
        if error is None:
            _next_writes.update({(schema, key): now + AT_MOST_EVERY for key in used})
        elif isinstance(error, DatabaseUnavailable):
            log.warning("last use of API keys not written yet", tenant=schema, error=repr(error))
            for key, use in used.items():
                _last_uses.setdefault((schema, key), use)
        else:  # the tenant is being deleted, say
            log.warning("last use of API keys not written", tenant=schema, error=repr(error))


def values_of(uses: dict[int, LastUse]) -> list[dict[str, object]]:
    return [
        {"id": key, "at": at, "address": address, "before": at - AT_MOST_EVERY}
        for key, (at, address) in sorted(uses.items())
    ]
