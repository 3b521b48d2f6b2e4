"""Connections of this process, taken from Piccolo's pool. What says that the database cannot serve is `Unavailable`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from piccolo.engine.postgres import PostgresTransaction

from errors import GokartError
from piccolo_conf import DB
from settings import settings

Connection = PoolConnectionProxy | asyncpg.Connection


class Unavailable(GokartError):
    """The database is unreachable, overloaded, or cancelled a query that took too long: try again later."""


CANNOT_SERVE = (
    OSError,  # refused, no such socket, and TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, starting up, query cancelled
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
)


@asynccontextmanager
async def open_pool() -> AsyncIterator[None]:
    """Opens no connection yet, so that a process starts, and answers 503, while the database is down."""
    await DB.start_connection_pool(min_size=0, max_size=settings.database_pool, reset=leave_as_it_is)
    try:
        yield
    finally:
        await DB.close_connection_pool()


async def leave_as_it_is(_: asyncpg.Connection) -> None:
    """asyncpg would run a query after each use to undo what was done to the session; nothing is done to it here."""


@asynccontextmanager
async def connection() -> AsyncIterator[Connection]:
    """A connection for the duration of the block. Raises `Unavailable`."""
    assert DB.pool is not None, "open_pool() comes first"
    try:
        async with DB.pool.acquire(timeout=settings.database_wait) as taken:
            try:
                yield taken
            except asyncpg.InterfaceError as error:
                if taken.is_closed():
                    raise ConnectionResetError(str(error)) from error
                raise  # a mistake of ours
    except CANNOT_SERVE as error:
        raise Unavailable(f"{type(error).__name__}: {error}") from error


@asynccontextmanager
async def transaction() -> AsyncIterator[Connection]:
    """One transaction for the block, in which Piccolo's queries run too; its connection for what they cannot say.

    Piccolo's own context manager keeps the connection, and its place in the task, where the connection is lost.
    """
    async with connection() as taken, taken.transaction():
        piccolo = PostgresTransaction(DB)
        piccolo.connection = taken
        token = DB.current_transaction.set(piccolo)
        try:
            yield taken
        finally:
            DB.current_transaction.reset(token)


class Share:
    """At most a third of the process's connections for one kind of work, so that no kind keeps the others waiting."""

    def __init__(self, work: str) -> None:
        self.work = work
        self._turns = asyncio.Semaphore(max(1, settings.database_pool // 3))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn, as long as for a connection. Raises `Unavailable`."""
        try:
            await asyncio.wait_for(self._turns.acquire(), settings.database_wait)
        except TimeoutError as error:
            raise Unavailable(f"too much {self.work} under way") from error
        try:
            yield
        finally:
            self._turns.release()
