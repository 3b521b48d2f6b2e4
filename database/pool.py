"""Connections to the database: the pools of this process, with tenant affinity.

A PostgreSQL backend caches the definition of every table it has used and never drops it: 250 kB for a tenant whose
monthly report it has run. The next report of that tenant is faster on that backend. So a pool prefers an idle
connection that has served the tenant, spreads other tenants over as many connections as it may open, and replaces a
connection when all of them have served their maximum number of tenants.

A tenant may use three quarters of a pool at once, and pages half of it, so that statements that wait for one tenant's
lock leave connections for everybody else.

asyncpg's own pool ignores the tenant and starts two tasks for each use. This one starts none unless it has to wait.
`docs/decisions/0031-connection-pool.md` compares the alternatives.
"""

import asyncio
from collections.abc import AsyncIterator, Generator, Hashable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from time import monotonic
from types import TracebackType
from typing import Any, Final, Literal
from weakref import WeakValueDictionary

import asyncpg

from core import metrics, tracing
from core.errors import GokartError
from database.engine import engine

UNAVAILABLE_ERRORS = (
    OSError,  # refused, no such socket, and TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shut down, starting up, query cancelled
    asyncpg.InsufficientResourcesError,  # too many connections, disk full, out of memory
    asyncpg.LockNotAvailableError,  # lock_timeout
)
CITUS_NODE_FAILED: Final = "failure on connection marked as essential"  # in an InternalServerError
STALE_CACHE_ERRORS: Final = (
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)  # a table was altered
STREAM_TIMEOUTS: Final = {"statement_timeout": "0"}  # a client may read slowly
SWEEP_INTERVAL: Final = 5.0
SPREAD_FROM: Final = 50  # tenants of a connection; a further tenant opens another connection
BACKGROUND_FACTOR: Final = 5  # a tenant's request log and API keys take 90 kB of a backend, its reports five times that
SCHEMA_CONNECTIONS: Final = 4  # for creating, migrating and deleting tenants
SCHEMAS_PER_CONNECTION: Final = 20  # then it is replaced
GENERIC_PLANS: Final = """
SELECT set_config('plan_cache_mode', 'force_generic_plan', false)
WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')
"""  # Citus has no generic plan for some statements, and raises an error instead
DEFAULT_PLANS: Final = "RESET plan_cache_mode"
SCHEMA_ERRORS: Final = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)

Connection = asyncpg.Connection
Work = Literal["call", "stream", "background", "schema", "replica", "replica stream"]

_pools: dict[Work, "ConnectionPool"] = {}
_affinity_key: ContextVar[str | None] = ContextVar("affinity_key", default=None)
_serving_page: ContextVar[bool] = ContextVar("serving_page", default=False)


class DatabaseUnavailable(GokartError):
    """The database is unreachable or overloaded, or it cancelled a query that took too long. Try again later."""


class SchemaOutdated(DatabaseUnavailable):
    """A table or column is missing: the schema is older or newer than the code."""

    def __init__(self, error: Exception) -> None:
        command = engine().options.migrate_command
        super().__init__(f"The database is not at this version ({error}): run  {command}  first.")


class SchemaContracted(DatabaseUnavailable):
    """A later version has removed what this one uses."""

    def __init__(self, migrations: Iterable[str]) -> None:
        names = ", ".join(migrations)
        super().__init__(
            f"The database is of a later version, which this one cannot use ({names}): run a later version."
        )


class pool_affinity:  # noqa: N801  # used like a function
    """Within the block, pools prefer connections that were used with the same key, a tenant's schema."""

    __slots__ = ("_key", "_token")

    def __init__(self, key: str) -> None:
        self._key = key

    def __enter__(self) -> None:
        self._token = _affinity_key.set(self._key)

    def __exit__(self, *_: object) -> None:
        _affinity_key.reset(self._token)


@contextmanager
def page_share() -> Iterator[None]:
    """Within the block, requests take connections from the pages' share of the pool."""
    token = _serving_page.set(True)
    try:
        yield
    finally:
        _serving_page.reset(token)


def connection(work: Work = "call", *, generic_plans: bool = False) -> "Lease":
    """A connection from the pool for that kind of work. Raises DatabaseUnavailable.

    `generic_plans` is for statements whose best plan is the same for all arguments: PostgreSQL then plans each once,
    and not anew for each of its first five executions, which of one tenant's on one connection may be minutes apart.
    """
    pool = engine().pool if work == "call" else _pools[work]
    assert pool is not None, "open_pool() has not been called"
    lease: Lease = pool.acquire(generic_plans=generic_plans and engine().has_sessions)
    return lease


def has_replica() -> bool:
    """Whether a replica answered its last health check. `connection("replica")` may still raise, and the replica may
    lag behind what the caller has read elsewhere.
    """
    replica = _pools.get("replica")
    return replica is not None and replica.available


@asynccontextmanager
async def open_pool() -> AsyncIterator[None]:
    """Opens the pools for requests (Piccolo uses it too), streams, writes in the background, and changes of schemas.

    Opens no connection yet: a process starts, and responds with 503, while the database is down.
    """
    db, timeout = engine(), engine().options.timeout
    stream_connections = db.connect_options(db.url, **STREAM_TIMEOUTS)
    requests = ConnectionPool(db.config, **request_pool_options(), timeout=timeout)
    streams = ConnectionPool(stream_connections, **stream_pool_options(), timeout=timeout, work="stream")
    background_connections = {**db.config, "statement_cache_size": 0}
    background = ConnectionPool(background_connections, **background_pool_options(), timeout=timeout, work="background")
    schemas = ConnectionPool(db.config, **schema_pool_options(), timeout=timeout, work="schema")
    db.pool = requests
    try:
        async with use_pools({"call": requests, "stream": streams, "background": background, "schema": schemas}):
            yield
    finally:
        db.pool = None


@asynccontextmanager
async def use_pools(pools: "Mapping[Work, ConnectionPool]") -> AsyncIterator[None]:
    """`connection` uses the pools for the block, which closes them."""
    _pools.update(pools)
    try:
        yield
    finally:
        for work, pool in pools.items():
            del _pools[work]
            await pool.close()


def request_pool_options() -> dict[str, Any]:
    options = engine().options
    return {
        "max_size": options.pool_size,
        "max_per_tenant": max(1, options.pool_size * 3 // 4),
        "max_for_pages": max(1, options.pool_size // 2),
        "max_tenants": options.max_tenants_per_connection,
        "max_idle": 300,
    }


def stream_pool_options() -> dict[str, Any]:
    """Streams have a share for each advertiser and tenant in `web.streams`."""
    options = engine().options
    return {
        "max_size": options.stream_pool_size,
        "max_tenants": options.max_tenants_per_connection,
        "max_idle": 60,
    }


def background_pool_options() -> dict[str, Any]:
    """One connection for what is written after requests, such as their log: a request finds the connection that has
    served its tenant, and those do not cache the tables that no request reads. It keeps no statement prepared.
    """
    max_tenants = BACKGROUND_FACTOR * engine().options.max_tenants_per_connection
    return {"max_size": 1, "max_tenants": max_tenants, "max_idle": 60}


def schema_pool_options() -> dict[str, Any]:
    """For each relation that changes, a backend looks at each of its saved plans, of which one that serves requests
    has thousands, and a new schema stays in its caches as a whole. So these connections do nothing else, and end soon.
    """
    return {"max_size": SCHEMA_CONNECTIONS, "max_tenants": SCHEMAS_PER_CONNECTION, "max_idle": 5}


class ConcurrencyLimit:
    """At most `limit` concurrent blocks of one kind of work, for each key if there are keys. Others wait."""

    def __init__(self, work: str, limit: int) -> None:
        self.work = work
        self.limit = limit
        self._refusals = metrics.work_refusals.labels(work)
        self._slots: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def slot(self, key: Hashable = None) -> AsyncIterator[None]:
        """Raises DatabaseUnavailable if no slot is free in time."""
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = asyncio.Semaphore(self.limit)
        await self._acquire(slots)
        try:
            yield
        finally:
            slots.release()

    async def _acquire(self, slots: asyncio.Semaphore) -> None:
        if not slots.locked():
            await slots.acquire()  # does not wait, and needs no timer
            return
        try:
            async with asyncio.timeout(engine().options.timeout):
                await slots.acquire()
        except TimeoutError as error:
            self._refusals.inc()
            raise DatabaseUnavailable(f"too much {self.work} under way") from error


class Share(asyncio.Semaphore):
    """The connections of a pool that one tenant, or the pages, may use at once."""

    def __init__(self, size: int, kind: Literal["pool", "pages", "tenant"], of: str) -> None:
        super().__init__(size)
        self.size = size
        self.kind = kind
        self.of = of

    @property
    def in_use(self) -> int:
        return self.size - self._value

    @property
    def is_free(self) -> bool:
        """Whether there is a free connection that nobody waits for."""
        return self._value > 0 and not self._waiters

    def take(self) -> None:
        """Acquires a free one, as `acquire` does, in a tenth of the time."""
        self._value -= 1


class PooledConnection(asyncpg.Connection):
    __slots__ = ("generic_plans", "idle_since", "shares", "tenants", "work")

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.tenants: set[str] = set()
        self.shares: list[Share] = []
        self.idle_since = 0.0
        self.work: Work = "call"
        self.generic_plans: bool | None = False  # None: unknown

    def get_reset_query(self) -> str:
        """`reset()` ends an open transaction. Sessions have no other state to reset."""
        return ""


class ConnectionPool:
    """Connections of the running event loop, opened on demand, at most `max_size`."""

    unavailable_errors: tuple[type[BaseException], ...] = UNAVAILABLE_ERRORS
    connection_class: type[PooledConnection] = PooledConnection

    def __init__(
        self,
        options: dict[str, Any],
        *,
        max_size: int,
        max_per_tenant: int | None = None,
        max_for_pages: int | None = None,
        timeout: float,
        max_tenants: int,
        max_idle: float,
        work: Work = "call",
    ) -> None:
        """`options` are the arguments of asyncpg.connect. `timeout` bounds the wait for a connection, and an unused
        connection is closed after `max_idle`; both in seconds. `work` names the pool in the metrics.
        """
        self._work = work
        self._opened = metrics.connections_opened.labels(work)
        self._max_per_tenant = max_per_tenant or max_size
        self._tenant_shares: WeakValueDictionary[str, Share] = WeakValueDictionary()
        self._pages = Share(max_for_pages or max_size, "pages", "the pages")
        self._options = options
        self._max_size = max_size
        self.timeout = timeout
        self._max_tenants = max_tenants
        self._max_idle = max_idle
        self._whole = Share(max_size, "pool", "the pool")
        self._idle: list[PooledConnection] = []  # least recently used first
        self._in_use: set[PooledConnection] = set()
        self._opening = 0
        self._resetting: set[asyncio.Task[None]] = set()
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_INTERVAL, self._sweep)
        self._sample()

    @property
    def available(self) -> bool:
        """Whether the server answered its last health check."""
        return True

    def acquire(self, *, generic_plans: bool = False) -> "Lease":
        """For `async with`, or (as Piccolo does) `await` and then `release()`. Raises DatabaseUnavailable."""
        return Lease(self, generic_plans=generic_plans)

    async def release(self, connection: PooledConnection) -> None:
        self.end_lease(connection, None)

    async def close(self) -> None:
        """Waits until every connection has been released."""
        self._sweeper.cancel()
        for _ in range(self._max_size):
            await self._whole.acquire()
        self.terminate_all()

    def terminate_all(self) -> None:
        """Closes all connections, including those in use, whose queries fail."""
        self._terminate_idle()
        for connection in self._in_use:
            connection.terminate()

    def on_unavailable(self, error: BaseException) -> None:
        """Called when one of `unavailable_errors` ended a lease or prevented one."""

    async def lease(self) -> PooledConnection:
        shares = self._shares()
        if all(share.is_free for share in shares) and (idle := self._choose_idle()):
            for share in shares:
                share.take()
            idle.shares = shares
            return idle
        deadline = asyncio.get_running_loop().time() + self.timeout
        async with AsyncExitStack() as acquired:
            for share in shares:
                labels = self._work, share.kind
                try:
                    with self._count_wait(share) if share.locked() else nullcontext():
                        async with asyncio.timeout_at(deadline):
                            await share.acquire()
                except TimeoutError as error:
                    metrics.pool_refusals.labels(*labels).inc()
                    raise DatabaseUnavailable(f"all {share.size} connections of {share.of} are in use") from error
                acquired.callback(share.release)
            async with asyncio.timeout_at(deadline):
                connection = self._choose_idle()
                if connection is None:
                    with tracing.span("open connection", pool=self._work):
                        connection = await self._open()
            connection.shares = shares
            acquired.pop_all()
            return connection

    @contextmanager
    def _count_wait(self, share: Share) -> Iterator[None]:
        with (
            metrics.pool_wait.labels(self._work, share.kind).time(),
            tracing.span("wait for connection", pool=self._work, share=share.kind),
        ):
            yield

    def _shares(self) -> list[Share]:
        """Those that the running task takes a connection from. The whole pool comes last: nobody holds its connections
        while waiting for a share.
        """
        shares = [self._whole]
        if tenant := _affinity_key.get():
            share = self._tenant_shares.get(tenant)
            if share is None:
                share = self._tenant_shares[tenant] = Share(self._max_per_tenant, "tenant", f"tenant {tenant}")
            shares.insert(0, share)
        if _serving_page.get():
            shares.insert(0, self._pages)
        return shares

    def end_lease(self, connection: PooledConnection, error: BaseException | None) -> None:
        """`error` is the exception that ended the lease, or None."""
        if connection not in self._in_use:
            return
        if connection.is_closed() or (error is None and not connection.is_in_transaction()):
            self._make_idle(connection)
            return
        if isinstance(error, STALE_CACHE_ERRORS):
            self._terminate_idle()
        task = asyncio.create_task(self._reset(connection, error))
        self._resetting.add(task)
        task.add_done_callback(self._resetting.discard)

    def _choose_idle(self) -> PooledConnection | None:
        """Marks an idle connection as in use, or returns None if a new one is to be opened."""
        tenant = _affinity_key.get()
        chosen = None
        for connection in reversed(self._idle):
            if connection.is_closed():
                continue
            if tenant is None or tenant in connection.tenants:
                chosen = connection
                break
            if chosen is None or len(connection.tenants) < len(chosen.tenants):
                chosen = connection
        else:
            limit = self._max_tenants if self._is_full() else min(SPREAD_FROM, self._max_tenants)
            if chosen is None or len(chosen.tenants) >= limit:
                return None
        self._idle.remove(chosen)
        self._mark_in_use(chosen)
        return chosen

    def _is_full(self) -> bool:
        return len(self._idle) + len(self._in_use) + self._opening >= self._max_size

    async def _open(self) -> PooledConnection:
        """Replaces the least recently used connection if the pool is full."""
        self._idle = [connection for connection in self._idle if not connection.is_closed()]
        if self._idle and self._is_full():
            self._idle.pop(0).terminate()
        self._opening += 1
        try:
            connection: PooledConnection = await asyncpg.connect(
                **self._options, connection_class=self.connection_class
            )
        finally:
            self._opening -= 1
        connection.work = self._work
        self._opened.inc()
        self._mark_in_use(connection)
        return connection

    def _mark_in_use(self, connection: PooledConnection) -> None:
        self._in_use.add(connection)
        if tenant := _affinity_key.get():
            connection.tenants.add(tenant)

    def _make_idle(self, connection: PooledConnection) -> None:
        self._in_use.discard(connection)
        if connection.is_closed() or len(connection.tenants) > self._max_tenants:
            connection.terminate()  # of a closed one, this lets asyncpg clean up
        else:
            connection.idle_since = monotonic()
            self._idle.append(connection)
        for share in connection.shares:
            share.release()
        connection.shares = []

    async def _reset(self, connection: PooledConnection, error: BaseException | None) -> None:
        """After a failed lease. If it was cancelled, asyncpg is still cancelling the query: wait for that."""
        try:
            await connection.reset(timeout=self.timeout)
            if isinstance(error, asyncio.CancelledError | TimeoutError):
                await connection.execute("SELECT 1", timeout=self.timeout)
        except Exception:  # noqa: BLE001  # any error: the connection must not be used again
            connection.terminate()
        finally:
            self._make_idle(connection)

    def _terminate_idle(self) -> None:
        while self._idle:
            self._idle.pop().terminate()

    def _sweep(self) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(SWEEP_INTERVAL, self._sweep)
        self._sample()
        oldest = monotonic() - self._max_idle
        while self._idle and self._idle[0].idle_since < oldest:
            self._idle.pop(0).terminate()

    def _sample(self) -> None:
        """Sets the metrics of the connections in use: at intervals, since each use would cost several times as much."""
        tenant = max((share.in_use for share in self._tenant_shares.values()), default=0)
        samples = {
            "pool": (self._whole.in_use, self._whole.size),
            "pages": (self._pages.in_use, self._pages.size),
            "tenant": (tenant, self._max_per_tenant),
        }
        for share, (in_use, limit) in samples.items():
            metrics.pool_in_use.labels(self._work, share).set(in_use)
            metrics.pool_limit.labels(self._work, share).set(limit)
            metrics.pool_refusals.labels(self._work, share)  # begins at 0
            metrics.pool_wait.labels(self._work, share)


class Lease:
    """A connection for the duration of a block."""

    __slots__ = ("_connection", "_generic_plans", "_pool")

    def __init__(self, pool: ConnectionPool, *, generic_plans: bool) -> None:
        self._pool = pool
        self._generic_plans = generic_plans

    async def __aenter__(self) -> PooledConnection:
        try:
            connection = self._connection = await self._pool.lease()
        except self._pool.unavailable_errors as error:
            raise self._unavailable(error) from error
        if connection.generic_plans is not self._generic_plans:
            try:
                await self._switch_plans(connection)
            except BaseException as error:
                await self.__aexit__(type(error), error, None)
                raise
        return connection

    async def _switch_plans(self, connection: PooledConnection) -> None:
        connection.generic_plans = None
        plans = GENERIC_PLANS if self._generic_plans else DEFAULT_PLANS
        await connection.execute(plans, timeout=self._pool.timeout)
        connection.generic_plans = self._generic_plans

    def __await__(self) -> Generator[Any, None, PooledConnection]:
        return self.__aenter__().__await__()

    async def __aexit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        connection = self._connection
        # The server closed it while it was idle, and asyncpg noticed only now. A ROLLBACK then raises its own error.
        if error and any(isinstance(each, asyncpg.InternalClientError) for each in (error, error.__context__)):
            connection.terminate()
        closed = connection.is_closed()
        self._pool.end_lease(connection, error)
        if (
            isinstance(error, self._pool.unavailable_errors)
            or (closed and isinstance(error, asyncpg.InterfaceError | asyncpg.InternalClientError))
            or (isinstance(error, asyncpg.InternalServerError) and CITUS_NODE_FAILED in str(error))
        ):
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException) -> DatabaseUnavailable:
        self._pool.on_unavailable(error)
        return DatabaseUnavailable(f"{type(error).__name__}: {error}")
