"""An in-process cache of tenants and API keys that is never more than a second out of date.

Database triggers send NOTIFY with the schema of the tenant that changed, in the transaction that makes the change. On a
Citus cluster the triggers run on a worker node, where no process listens: there `notify_changed` sends it instead.

Each process listens on a connection of its own and pings over it. PostgreSQL delivers pending notifications before it
answers a query, so an answered ping proves that every earlier commit has been heard of. Cached values are used for one
second after such a ping. Without a recent ping (database down, half-open network connection) every request reads the
database. A revoked API key is therefore refused within a second by every process, whatever fails.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar, cast

import asyncpg
import structlog
from cachetools import LRUCache

from database.engine import listen_url
from tenants.tenant import current_tenant

CHANNEL = "gokart_changed"
TRUST_SECONDS = 1.0
PING_INTERVAL = 0.3
PING_TIMEOUT = 0.6
MAX_TENANTS = 20_000
MAX_VALUES_PER_TENANT = 10_000

log = structlog.get_logger()
T = TypeVar("T")


async def notify_changed(db: asyncpg.Connection) -> None:
    """Invalidates what every process has cached of the bound tenant, when the running transaction commits."""
    await db.execute("SELECT pg_notify($1, $2)", CHANNEL, current_tenant().schema)


class TenantCache:
    """Values by schema and key. All values of a schema are dropped when its tenant changes."""

    def __init__(self) -> None:
        self._values: LRUCache[str, LRUCache[object, object]] = LRUCache(MAX_TENANTS)
        self._invalidations = 0
        self._trusted_until = 0.0

    async def get_or_load(self, schema: str, key: object, load: Callable[[], Awaitable[T]]) -> T:
        """The cached value, else the result of `load`. None is cached for the key None only."""
        if not self.is_trusted():
            return await load()
        values = self._values.get(schema)
        if values is not None and key in values:
            return cast(T, values[key])
        invalidations = self._invalidations
        value = await load()
        # An invalidation that arrived while loading may be about the value that was read.
        if invalidations == self._invalidations and (value is not None or key is None):
            self._values.setdefault(schema, LRUCache(MAX_VALUES_PER_TENANT))[key] = value
        return value

    def is_trusted(self) -> bool:
        """Whether cached values are used."""
        return monotonic() < self._trusted_until

    def invalidate(self, schema: str) -> None:
        self._invalidations += 1
        self._values.pop(schema, None)

    def invalidate_all(self) -> None:
        self._invalidations += 1
        self._values.clear()
        self._trusted_until = 0.0

    def trust_until(self, deadline: float) -> None:
        """`deadline` is on the monotonic clock and counts from before the ping was sent."""
        self._trusted_until = deadline


async def listen_for_changes(cache: TenantCache) -> None:
    """Keeps `cache` up to date until cancelled, reconnecting after each failure."""
    interrupted = False  # logged once for each outage

    def on_listening() -> None:
        nonlocal interrupted
        if interrupted:
            log.info("cache invalidation resumed")
        interrupted = False

    while True:
        try:
            await _listen(cache, on_listening)
        except Exception as error:  # noqa: BLE001  # any error: without this task nothing would be cached again
            if not interrupted:
                log.warning("cache invalidation interrupted", error=f"{type(error).__name__}: {error}")
            interrupted = True
        finally:
            cache.invalidate_all()
        await asyncio.sleep(PING_INTERVAL)


async def _listen(cache: TenantCache, on_listening: Callable[[], None]) -> None:
    connection = await asyncpg.connect(
        listen_url(), timeout=5, server_settings={"application_name": "gokart listening"}
    )
    try:
        await connection.add_listener(CHANNEL, lambda *message: cache.invalidate(str(message[-1])))
        while True:
            asked = monotonic()
            await connection.execute("SELECT 1", timeout=PING_TIMEOUT)
            cache.trust_until(asked + TRUST_SECONDS)
            on_listening()
            await asyncio.sleep(PING_INTERVAL)
    finally:
        connection.terminate()


tenant_cache = TenantCache()
