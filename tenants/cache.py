"""What a worker may remember of tenants and tokens, and how it hears that it must forget.

Triggers in the database NOTIFY the schema of a tenant that changed (or whose tokens did), in the transaction that
changes it; on a Citus cluster, whose nodes nobody listens to, `tell` alone does, for what is on a node. Each worker
listens on a connection of its own and pings over it: PostgreSQL delivers notifications before it answers, so an
answered ping proves that the worker has heard of everything committed before it was asked. What is remembered counts
only for a second after such a ping; without it (database down, half-dead network) each request asks the database. So a
revoked token is dead within a second on every worker, whatever breaks.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar, cast

import asyncpg
import structlog
from cachetools import LRUCache

from database.urls import listen_url
from tenants.tenant import current_tenant

CHANNEL = "gokart_changed"
TRUSTED_FOR = 1.0
PING_EVERY = 0.3
PING_TIMEOUT = 0.6
MOST_TENANTS = 20_000
MOST_PER_TENANT = 10_000

log = structlog.get_logger()
T = TypeVar("T")


async def tell(db: asyncpg.Connection) -> None:
    """That tokens or advertisers of the bound tenant change in the running transaction: heard when it commits."""
    await db.execute("SELECT pg_notify($1, $2)", CHANNEL, current_tenant().schema)


class Memory:
    """Facts of tenants, by (schema, key), that are forgotten as soon as the tenant's schema is told to have changed."""

    def __init__(self) -> None:
        self._facts: LRUCache[str, LRUCache[object, object]] = LRUCache(MOST_TENANTS)
        self._changes = 0
        self._sure_until = 0.0

    async def recall(self, schema: str, key: object, load: Callable[[], Awaitable[T]]) -> T:
        """The remembered fact, else the loaded one; None is not remembered for a key other than None."""
        if monotonic() >= self._sure_until:
            return await load()
        facts = self._facts.get(schema)
        if facts is not None and key in facts:
            return cast(T, facts[key])
        changes = self._changes
        fact = await load()
        # Loaded before a change that has been heard of since: it may be the old one.
        if changes == self._changes and (fact is not None or key is None):
            self._facts.setdefault(schema, LRUCache(MOST_PER_TENANT))[key] = fact
        return fact

    def forget(self, schema: str) -> None:
        self._changes += 1
        self._facts.pop(schema, None)

    def doubt_everything(self) -> None:
        self._changes += 1
        self._facts.clear()
        self._sure_until = 0.0

    def trust(self, until: float) -> None:
        """`until` counts from before the ping was sent, on the monotonic clock."""
        self._sure_until = until


async def listen_for_ever(memory: Memory) -> None:
    """Keeps `memory` true, reconnecting whenever it has to."""
    while True:
        try:
            await listen(memory)
        except Exception as error:  # noqa: BLE001  # of whatever kind: without this task nothing is remembered again
            log.warning("listening for changes was interrupted", error=f"{type(error).__name__}: {error}")
        finally:
            memory.doubt_everything()
        await asyncio.sleep(PING_EVERY)


async def listen(memory: Memory) -> None:
    connection = await asyncpg.connect(
        listen_url(), timeout=5, server_settings={"application_name": "gokart listening"}
    )
    try:
        await connection.add_listener(CHANNEL, lambda *message: memory.forget(str(message[-1])))
        while True:
            asked = monotonic()
            await connection.execute("SELECT 1", timeout=PING_TIMEOUT)
            memory.trust(asked + TRUSTED_FOR)
            await asyncio.sleep(PING_EVERY)
    finally:
        connection.terminate()


memory = Memory()
