"""The connection pools of this process: one for requests (Piccolo uses it too), one for streams, and the same for the
replica.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Any, Literal
from weakref import WeakValueDictionary

import asyncpg
from piccolo.engine.postgres import PostgresTransaction

from core.background import run_in_background
from database.audit_context import current_actor
from database.connections import ConnectionPool, DatabaseUnavailable, Lease
from database.engine import engine
from database.replica import Replica
from database.transaction_settings import set_local_sql

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

_pools: dict[Work, ConnectionPool] = {}
_replicas: list[Replica] = []  # at most one

SCHEMA_ERRORS = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)


class SchemaOutdated(DatabaseUnavailable):
    """A table or column is missing: the schema is older or newer than the code."""

    def __init__(self, error: Exception) -> None:
        command = engine().options.migrate_command
        super().__init__(f"The database is not at this version ({error}): run  {command}  first.")


@asynccontextmanager
async def open_pool() -> AsyncIterator[None]:
    """Opens no connection yet: a process starts, and responds with 503, while the database is down."""
    db, timeout = engine(), engine().options.timeout
    _pools["call"] = db.pool = ConnectionPool(db.config, **_request_pool(), timeout=timeout)
    _pools["stream"] = ConnectionPool(db.config, **_stream_pool(), timeout=timeout)
    try:
        yield
    finally:
        await _close_pools("call", "stream")
        db.pool = None


@asynccontextmanager
async def open_replica() -> AsyncIterator[None]:
    """Opens the replica's pools and checks its health in the background. Does nothing without a replica."""
    url = engine().options.replica_url
    if url is None:
        yield
        return
    replica = Replica(engine().connect_options(url))
    _pools["replica"] = replica.pool(**_request_pool())
    _pools["replica stream"] = replica.pool(**_stream_pool())
    _replicas.append(replica)
    try:
        async with run_in_background(replica.watch()):
            yield
    finally:
        _replicas.remove(replica)
        await _close_pools("replica", "replica stream")


def _request_pool() -> dict[str, Any]:
    options = engine().options
    return {"max_size": options.pool_size, "max_tenants": options.max_tenants_per_connection, "max_idle": 300}


def _stream_pool() -> dict[str, Any]:
    return {**_request_pool(), "max_size": engine().options.stream_pool_size, "max_idle": 60}


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
    pool = engine().pool if work == "call" else _pools[work]
    assert pool is not None, "open_pool() has not been called"
    return pool.acquire()


@asynccontextmanager
async def transaction() -> AsyncIterator[Connection]:
    """A transaction for the block. Piccolo's queries in the block run in it; the connection is for other statements.

    The audit log records the changes with the current actor. A nested block is a savepoint and keeps the outer actor.

    Piccolo's own context manager leaks the connection, and stays the task's current transaction, if COMMIT fails.
    """
    piccolo = engine()
    outer = piccolo.current_transaction.get()
    if isinstance(outer, PostgresTransaction):
        async with outer.connection.transaction():
            yield outer.connection
        return
    async with connection() as db, db.transaction():
        current = PostgresTransaction(piccolo)
        current.connection = db
        token = piccolo.current_transaction.set(current)
        actor = current_actor()
        try:
            if actor:
                await db.execute(
                    set_local_sql({"gokart.actor": actor.name, "gokart.address": str(actor.address or "")})
                )
            yield db
        finally:
            piccolo.current_transaction.reset(token)


class ConcurrencyLimit:
    """At most `limit` concurrent blocks of one kind of work, for each key if there are keys. Others wait."""

    def __init__(self, work: str, limit: int) -> None:
        self.work = work
        self.limit = limit
        self._slots: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def slot(self, key: Hashable = None) -> AsyncIterator[None]:
        """Raises DatabaseUnavailable if no slot is free in time."""
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = asyncio.Semaphore(self.limit)
        try:
            async with asyncio.timeout(engine().options.timeout):
                await slots.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable(f"too much {self.work} under way") from error
        try:
            yield
        finally:
            slots.release()
