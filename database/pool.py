"""Connections of this process: Piccolo's pool for calls, and one beside it for streams. What says that the database
cannot serve is `Unavailable`.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Literal
from weakref import WeakValueDictionary

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from piccolo.engine.postgres import PostgresTransaction

from database.actors import current_actor
from errors import GokartError
from piccolo_conf import DB
from settings import settings

Connection = PoolConnectionProxy | asyncpg.Connection

_pools: dict[Literal["stream"], "asyncpg.Pool[asyncpg.Record]"] = {}


class Unavailable(GokartError):
    """The database is unreachable, overloaded, or cancelled a query that took too long: try again later."""


OUTDATED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)


class Outdated(Unavailable):
    """The schema is of another version than the code, as one of OUTDATED tells."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"The database is not at this version ({error}): run  gokart migrate  first.")


CANNOT_SERVE = (
    OSError,  # refused, no such socket, and TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, starting up, query cancelled
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.LockNotAvailableError,  # a lock_timeout
)


@asynccontextmanager
async def open_pool() -> AsyncIterator[None]:
    """Opens no connection yet, so that a process starts, and answers 503, while the database is down."""
    await DB.start_connection_pool(min_size=0, max_size=settings.database_pool, reset=leave_as_it_is)
    try:
        async with asyncpg.create_pool(
            **DB.config,
            min_size=0,
            max_size=settings.streams,
            reset=leave_as_it_is,
            max_inactive_connection_lifetime=60,
        ) as _pools["stream"]:
            yield
    finally:
        await DB.close_connection_pool()


async def leave_as_it_is(_: asyncpg.Connection) -> None:
    """asyncpg would run a query after each use to undo what was done to the session; nothing is done to it here."""


@asynccontextmanager
async def connection(work: Literal["call", "stream"] = "call") -> AsyncIterator[Connection]:
    """A connection for the duration of the block, from the pool for that kind of work. Raises `Unavailable`."""
    pool = DB.pool if work == "call" else _pools[work]
    assert pool is not None, "open_pool() comes first"
    try:
        async with pool.acquire(timeout=settings.database_wait) as taken:
            try:
                yield taken
            except asyncpg.InterfaceError as error:
                if taken.is_closed():
                    raise ConnectionResetError(str(error)) from error
                raise  # a mistake of ours
            except asyncpg.InternalClientError as error:
                # It was ended while nobody used it, and asyncpg read of that when it was about to ask something.
                taken.terminate()
                raise ConnectionResetError(str(error)) from error
    except CANNOT_SERVE as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error


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
                await taken.execute(
                    "SELECT set_config('gokart.actor', $1, true), set_config('gokart.address', $2, true)",
                    actor.name,
                    str(actor.address or ""),
                )
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
