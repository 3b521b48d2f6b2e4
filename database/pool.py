"""The pools of this process: Piccolo's, for calls, one beside it for streams, and the same for the replica."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final, Literal
from weakref import WeakValueDictionary

import asyncpg
from piccolo.engine.postgres import PostgresTransaction

from core.background import beside
from database.audit_context import current_actor
from database.connections import Pool, Unavailable, Use, connect_options
from database.replica import Replica
from database.transaction_settings import set_local
from piccolo_conf import DB
from settings import settings

__all__ = [
    "OUTDATED",
    "Connection",
    "Outdated",
    "Share",
    "Unavailable",
    "connection",
    "has_replica",
    "open_pool",
    "open_replica",
    "transaction",
]

Connection = asyncpg.Connection
Work = Literal["call", "stream", "replica", "replica stream"]

CALLS: Final = {"most": settings.database_pool, "most_owners": settings.connection_tenants, "idle_for": 300}
STREAMS: Final = {**CALLS, "most": settings.streams, "idle_for": 60}

_pools: dict[Work, Pool] = {}
_replicas: list[Replica] = []  # one, where the settings name it

OUTDATED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)


class Outdated(Unavailable):
    """The schema is of another version than the code, as one of OUTDATED tells."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"The database is not at this version ({error}): run  gokart migrate  first.")


@asynccontextmanager
async def open_pool() -> AsyncIterator[None]:
    """Opens no connection yet, so that a process starts, and answers 503, while the database is down."""
    _pools["call"] = DB.pool = Pool(DB.config, **CALLS, wait=settings.database_wait)
    _pools["stream"] = Pool(DB.config, **STREAMS, wait=settings.database_wait)
    try:
        yield
    finally:
        await close("call", "stream")
        DB.pool = None


@asynccontextmanager
async def open_replica() -> AsyncIterator[None]:
    """The same for the replica, where the settings name one, which is watched from then on."""
    if settings.replica_url is None:
        yield
        return
    replica = Replica(connect_options(settings.replica_url.get_secret_value()))
    _pools["replica"] = replica.pool(**CALLS)
    _pools["replica stream"] = replica.pool(**STREAMS)
    _replicas.append(replica)
    try:
        async with beside(replica.watch()):
            yield
    finally:
        _replicas.remove(replica)
        await close("replica", "replica stream")


async def close(*works: Work) -> None:
    for work in works:
        await _pools.pop(work).close()


def has_replica() -> bool:
    """Whether there is one that serves, as far as is known. So `connection("replica")` may raise `Unavailable` yet, and
    what it reads may be older than what the caller knows.
    """
    return any(replica.serves for replica in _replicas)


def connection(work: Work = "call") -> Use:
    """A connection for the duration of the block, from the pool for that kind of work. Raises `Unavailable`."""
    pool = DB.pool if work == "call" else _pools[work]
    assert pool is not None, "open_pool() comes first"
    return pool.acquire()


@asynccontextmanager
async def transaction() -> AsyncIterator[Connection]:
    """One transaction for the block, in which Piccolo's queries run too; its connection for what they cannot say.

    What it changes is noted in the audit log as the current actor's. One within another is a part of it, and acts as
    it does: what it did is undone where it fails, and both are done, or neither, where it succeeds.

    Piccolo's own context manager keeps the connection, and its place in the task, where the connection is lost.
    """
    outer = DB.current_transaction.get()
    if isinstance(outer, PostgresTransaction):
        async with outer.connection.transaction():
            yield outer.connection
        return
    async with connection() as taken, taken.transaction():
        piccolo = PostgresTransaction(DB)
        piccolo.connection = taken
        token = DB.current_transaction.set(piccolo)
        actor = current_actor()
        try:
            if actor:
                await taken.execute(set_local({"gokart.actor": actor.name, "gokart.address": str(actor.address or "")}))
            yield taken
        finally:
            DB.current_transaction.reset(token)


class Share:
    """At most `most` at a time of one kind of work (with a `key`: for each key); others wait for their turn."""

    def __init__(self, work: str, most: int) -> None:
        self.work = work
        self.most = most
        self._turns: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, key: Hashable = None) -> AsyncIterator[None]:
        """Raises `Unavailable` where it does not come in `database_wait`."""
        turns = self._turns.get(key)
        if turns is None:
            turns = self._turns[key] = asyncio.Semaphore(self.most)
        try:
            async with asyncio.timeout(settings.database_wait):
                await turns.acquire()
        except TimeoutError as error:
            raise Unavailable(f"too much {self.work} under way") from error
        try:
            yield
        finally:
            turns.release()
