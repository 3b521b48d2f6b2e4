"""A pool of connections that knows tenants.

A backend remembers what it learns of each table that it meets, and forgets nothing: 160 kB for a tenant whose
month's report it made. The next report of that tenant costs it less time, too. So of the idle connections the one is
taken whose backend knows the tenant; others are spread over as many connections as there may be; and where all of them
have met as many as they may, one is ended and another begun.

asyncpg's own pool chooses blindly, and starts two tasks for each use. This one starts none, unless it has to wait.
"""

import asyncio
from collections.abc import Generator
from time import monotonic
from types import TracebackType
from typing import Any, Final

import asyncpg

from core.errors import GokartError
from database import pool_affinity
from settings import settings

CANNOT_SERVE = (
    OSError,  # refused, no such socket, and TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, starting up, query cancelled
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.LockNotAvailableError,  # a lock_timeout
)
STALE: Final = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)  # a table was altered
SWEEP_EVERY: Final = 10.0
SPREAD_FROM: Final = 50  # tenants of a connection; beyond that another one is opened


class Unavailable(GokartError):
    """The database is unreachable, overloaded, or cancelled a query that took too long: try again later."""


class PooledConnection(asyncpg.Connection):
    __slots__ = ("idle_since", "owners")

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.owners: set[str] = set()
        self.idle_since = 0.0

    def get_reset_query(self) -> str:
        """`reset()` ends a transaction that was left open; nothing else is ever done to a session here."""
        return ""


def connect_options(url: str) -> dict[str, Any]:
    """Of asyncpg.connect. PgBouncer may give each transaction another backend, so that none knows a statement by name;
    without names asyncpg parses, binds and executes in one go. Dates become text as ISO 8601, whatever the server's
    own settings say: reports are made of that.
    """
    options = {"dsn": url, "server_settings": {"DateStyle": "ISO"}}
    return {**options, "statement_cache_size": 0} if settings.pgbouncer else options


class Pool:
    """Connections of the running loop, opened as they are needed, at most `most`."""

    cannot_serve: tuple[type[BaseException], ...] = CANNOT_SERVE

    def __init__(self, options: dict[str, Any], *, most: int, wait: float, most_owners: int, idle_for: float) -> None:
        """`options` are those of asyncpg.connect; `wait` bounds the wait for a connection, and an unused one is kept
        for `idle_for`, in seconds.
        """
        self._options = options
        self._most = most
        self._wait = wait
        self._most_owners = most_owners
        self._idle_for = idle_for
        self._turns = asyncio.Semaphore(most)
        self._idle: list[PooledConnection] = []  # the longest unused first
        self._in_use: set[PooledConnection] = set()
        self._opening = 0
        self._tidying: set[asyncio.Task[None]] = set()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_EVERY, self._sweep)

    def acquire(self) -> "Use":
        """For `async with`, or (as Piccolo does) `await` and then `release()`. Raises `Unavailable`."""
        return Use(self)

    async def release(self, connection: PooledConnection) -> None:
        self.give_back(connection, None)

    async def close(self) -> None:
        """Waits until all are given back."""
        self._sweeper.cancel()
        for _ in range(self._most):
            await self._turns.acquire()
        self.drop()

    def drop(self) -> None:
        """Ends all connections, also those in use, whose queries fail."""
        self._end(self._idle)
        for connection in self._in_use:
            connection.terminate()

    def failed(self, error: BaseException) -> None:
        """One of `cannot_serve` ended a use, or kept it from beginning."""

    async def take(self) -> PooledConnection:
        if not self._turns.locked() and (taken := self._choose()):
            await self._turns.acquire()  # at once
            return taken
        deadline = asyncio.get_running_loop().time() + self._wait
        try:
            async with asyncio.timeout_at(deadline):
                await self._turns.acquire()
        except TimeoutError as error:
            raise Unavailable(f"all {self._most} connections are in use") from error
        try:
            async with asyncio.timeout_at(deadline):
                return self._choose() or await self._open()
        except BaseException:
            self._turns.release()
            raise

    def give_back(self, connection: PooledConnection, error: BaseException | None) -> None:
        """`error` is what ended its use, None where that went well."""
        if connection not in self._in_use:
            return
        if connection.is_closed() or (error is None and not connection.is_in_transaction()):
            self._make_idle(connection)
            return
        if isinstance(error, STALE):
            self._end(self._idle)
        task = asyncio.create_task(self._tidy(connection, error))
        self._tidying.add(task)
        task.add_done_callback(self._tidying.discard)

    def _choose(self) -> PooledConnection | None:
        """An idle one, now in use, or None where one is to be opened."""
        owner = pool_affinity.owner.get()
        chosen = None
        for connection in reversed(self._idle):
            if connection.is_closed():
                continue
            if owner is None or owner in connection.owners:
                chosen = connection
                break
            if chosen is None or len(connection.owners) < len(chosen.owners):
                chosen = connection
        else:
            most = self._most_owners if self._is_full() else min(SPREAD_FROM, self._most_owners)
            if chosen is None or len(chosen.owners) >= most:
                return None
        self._idle.remove(chosen)
        self._use(chosen)
        return chosen

    def _is_full(self) -> bool:
        return len(self._idle) + len(self._in_use) + self._opening >= self._most

    async def _open(self) -> PooledConnection:
        """In place of the one that was unused for longest where there are as many as may be."""
        self._idle = [connection for connection in self._idle if not connection.is_closed()]
        if self._idle and self._is_full():
            self._idle.pop(0).terminate()
        self._opening += 1
        try:
            connection: PooledConnection = await asyncpg.connect(**self._options, connection_class=PooledConnection)
        finally:
            self._opening -= 1
        self._use(connection)
        return connection

    def _use(self, connection: PooledConnection) -> None:
        self._in_use.add(connection)
        if owner := pool_affinity.owner.get():
            connection.owners.add(owner)

    def _make_idle(self, connection: PooledConnection) -> None:
        self._in_use.discard(connection)
        if connection.is_closed():
            connection.terminate()  # asyncpg cleans up after it
        else:
            connection.idle_since = monotonic()
            self._idle.append(connection)
        self._turns.release()

    async def _tidy(self, connection: PooledConnection, error: BaseException | None) -> None:
        """After a use that failed. Where it was interrupted, asyncpg is cancelling the query, and is waited for."""
        try:
            await connection.reset(timeout=self._wait)
            if isinstance(error, asyncio.CancelledError | TimeoutError):
                await connection.execute("SELECT 1", timeout=self._wait)
        except Exception:  # noqa: BLE001  # of whatever kind: nobody else may get it
            connection.terminate()
        finally:
            self._make_idle(connection)

    def _end(self, connections: list[PooledConnection]) -> None:
        while connections:
            connections.pop().terminate()

    def _sweep(self) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_EVERY, self._sweep)
        oldest = monotonic() - self._idle_for
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).terminate()


class Use:
    """One use of a connection."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> PooledConnection:
        try:
            self._connection = await self._pool.take()
        except self._pool.cannot_serve as error:
            raise self._unavailable(error) from error
        return self._connection

    def __await__(self) -> Generator[Any, None, PooledConnection]:
        return self.__aenter__().__await__()

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        connection = self._connection
        if isinstance(error, asyncpg.InternalClientError):
            connection.terminate()  # it was ended while nobody used it, and asyncpg read of that as it was to ask
        ended = connection.is_closed()
        self._pool.give_back(connection, error)
        if isinstance(error, self._pool.cannot_serve) or (
            ended and isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError)
        ):
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException) -> Unavailable:
        self._pool.failed(error)
        return Unavailable(f"{type(error).__name__}: {error}")
