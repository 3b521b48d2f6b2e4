"""The connection pools of this process: one for requests (Piccolo uses it too), one for streams, and the same for the
replica.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final, Literal
from weakref import WeakValueDictionary

import asyncpg
from piccolo.engine.postgres import PostgresTransaction

from core.background import run_in_background
from database.audit_context import current_actor
from database.connections import ConnectionPool, DatabaseUnavailable, Lease, connect_options
from database.replica import Replica
from database.transaction_settings import set_local_sql
from piccolo_conf import DB
from settings import settings

__all__ = [
    "SCHEMA_ERRORS",
    "ConcurrencyLimit",
    "Connection",
    "DatabaseUnavailable",
    "SchemaOutdated",
    "connection",
    "has_replica",
    "open_pool",
    "open_replica",
    "transaction",
]

Connection = asyncpg.Connection
Work = Literal["call", "stream", "replica", "replica stream"]

REQUEST_POOL: Final = {"max_size": settings.database_pool, "max_tenants": settings.connection_tenants, "max_idle": 300}
STREAM_POOL: Final = {**REQUEST_POOL, "max_size": settings.streams, "max_idle": 60}

_pools: dict[Work, ConnectionPool] = {}
_replicas: list[Replica] = []  # at most one

SCHEMA_ERRORS = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)


class SchemaOutdated(DatabaseUnavailable):
    """A table or column is missing: the schema is older or newer than the code."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"The database is not at this version ({error}): run  gokart migrate  first.")


@asynccontextmanager
async def open_pool() -> AsyncIterator[None]:
    """Opens no connection yet: a process starts, and responds with 503, while the database is down."""
    _pools["call"] = DB.pool = ConnectionPool(DB.config, **REQUEST_POOL, timeout=settings.database_wait)
    _pools["stream"] = ConnectionPool(DB.config, **STREAM_POOL, timeout=settings.database_wait)
    try:
        yield
    finally:
        await _close_pools("call", "stream")
        DB.pool = None


@asynccontextmanager
async def open_replica() -> AsyncIterator[None]:
    """Opens the replica's pools and checks its health in the background. Does nothing without a replica."""
    if settings.replica_url is None:
        yield
        return
    replica = Replica(connect_options(settings.replica_url.get_secret_value()))
    _pools["replica"] = replica.pool(**REQUEST_POOL)
    _pools["replica stream"] = replica.pool(**STREAM_POOL)
    _replicas.append(replica)
    try:
        async with run_in_background(replica.watch()):
            yield
    finally:
        _replicas.remove(replica)
        await _close_pools("replica", "replica stream")


async def _close_pools(*works: Work) -> None:
    for work in works:
        await _pools.pop(work).close()


def has_replica() -> bool:
    """Whether a replica answered its last health check. `connection("replica")` may still raise, and
    the replica may lag behind what the caller has read elsewhere.
    """
    return any(replica.available for replica in _replicas)


def connection(work: Work = "call") -> Lease:
    """A connection from the pool for that kind of work. Raises DatabaseUnavailable."""
    pool = DB.pool if work == "call" else _pools[work]
    assert pool is not None, "open_pool() has not been called"
    return pool.acquire()


@asynccontextmanager
async def transaction() -> AsyncIterator[Connection]:
    """A transaction for the block. Piccolo's queries in the block run in it; the connection is for other statements.

    The audit log records the changes with the current actor. A nested block is a savepoint and keeps the outer actor.

    Piccolo's own context manager leaks the connection, and stays the task's current transaction, if COMMIT fails.
    """
    outer = DB.current_transaction.get()
    if isinstance(outer, PostgresTransaction):
        async with outer.connection.transaction():
            yield outer.connection
        return
    async with connection() as db, db.transaction():
        piccolo = PostgresTransaction(DB)
        piccolo.connection = db
        token = DB.current_transaction.set(piccolo)
        actor = current_actor()
        try:
            if actor:
                await db.execute(
                    set_local_sql({"gokart.actor": actor.name, "gokart.address": str(actor.address or "")})
                )
            yield db
        finally:
            DB.current_transaction.reset(token)


class ConcurrencyLimit:
    """At most `limit` concurrent blocks of one kind of work, for each key if there are keys. Others wait."""

    def __init__(self, work: str, limit: int) -> None:
        self.work = work
        self.limit = limit
        self._slots: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def slot(self, key: Hashable = None) -> AsyncIterator[None]:
        """Raises DatabaseUnavailable if no slot is free within `database_wait`."""
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = asyncio.Semaphore(self.limit)
        try:
            async with asyncio.timeout(settings.database_wait):
                await slots.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable(f"too much {self.work} under way") from error
        try:
            yield
        finally:
            slots.release()
