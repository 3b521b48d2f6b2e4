"""Health checks of the read replica, in the background: no request waits for a replica that is down.

A dedicated connection is pinged. An answer counts for HEALTHY_SECONDS. If an answer is late, running reads from the
replica are cancelled and repeated on the primary. A replica that fails a request although it answers pings (it may
cancel a query that conflicts with replay) is avoided for SUSPECT_SECONDS.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final

import asyncpg
import structlog

from core.background import run_in_background
from database.engine import engine
from database.pool import (
    SCHEMA_ERRORS,
    STREAM_TIMEOUTS,
    UNAVAILABLE_ERRORS,
    ConnectionPool,
    Work,
    request_pool_options,
    stream_pool_options,
    use_pools,
)

REPLICA_PING_INTERVAL: Final = 0.25
REPLICA_PING_TIMEOUT: Final = 1.0
HEALTHY_SECONDS: Final = 2.0
SUSPECT_SECONDS: Final = 3.0
REPLICA_POOL_TIMEOUT: Final = 1.0

log = structlog.get_logger()


@asynccontextmanager
async def open_replica() -> AsyncIterator[None]:
    """Opens the replica's pools and checks its health in the background. Does nothing without a replica."""
    url = engine().options.replica_url
    if url is None:
        yield
        return
    replica = Replica(engine().connect_options(url, **STREAM_TIMEOUTS))  # reports have a timeout of their own
    pools: dict[Work, ConnectionPool] = {
        "replica": replica.pool(**request_pool_options(), work="replica"),
        "replica stream": replica.pool(**stream_pool_options(), work="replica stream"),
    }
    async with use_pools(pools), run_in_background(replica.watch()):
        yield


class Replica:
    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._healthy_until = 0.0
        self._suspect_until = 0.0
        self._pools: list[ConnectionPool] = []
        self._available: bool | None = None  # None: not known yet

    @property
    def available(self) -> bool:
        return self._suspect_until <= monotonic() < self._healthy_until

    def pool(self, **options: Any) -> ConnectionPool:
        pool = ReplicaPool(self, self._options, **options)
        self._pools.append(pool)
        return pool

    def mark_suspect(self) -> None:
        self._suspect_until = monotonic() + SUSPECT_SECONDS

    async def watch(self) -> None:
        """Pings until cancelled."""
        while True:
            try:
                await self._ping()
            except Exception as error:  # noqa: BLE001  # any error: without this task the replica would never be used again
                self._mark_unavailable(error)
            await asyncio.sleep(REPLICA_PING_INTERVAL)

    async def _ping(self) -> None:
        """Returns by raising, when a ping is not answered."""
        connection = await asyncpg.connect(**self._options, timeout=REPLICA_PING_TIMEOUT)
        try:
            while True:
                asked = monotonic()
                await connection.execute("SELECT 1", timeout=REPLICA_PING_TIMEOUT)
                self._mark_available(asked)
                await asyncio.sleep(REPLICA_PING_INTERVAL)
        finally:
            connection.terminate()

    def _mark_available(self, asked: float) -> None:
        self._healthy_until = asked + HEALTHY_SECONDS
        if not self._available:
            log.info("replica available")
        self._available = True

    def _mark_unavailable(self, error: Exception) -> None:
        self._healthy_until = 0.0
        for pool in self._pools:
            pool.terminate_all()
        if self._available is not False:
            log.warning("replica unavailable", error=f"{type(error).__name__}: {error}")
        self._available = False


class ReplicaPool(ConnectionPool):
    """Every error of the replica is DatabaseUnavailable: an error in the query itself shows on the primary."""

    unavailable_errors = (*UNAVAILABLE_ERRORS, asyncpg.PostgresError)

    def __init__(self, replica: Replica, options: dict[str, Any], **rest: Any) -> None:
        super().__init__(options, timeout=REPLICA_POOL_TIMEOUT, **rest)
        self._replica = replica

    @property
    def available(self) -> bool:
        return self._replica.available

    def on_unavailable(self, error: BaseException) -> None:
        if not isinstance(error, SCHEMA_ERRORS):  # it may not have replayed a migration yet
            self._replica.mark_suspect()
