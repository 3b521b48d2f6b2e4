"""Whether the replica serves, found out beside the requests, so that none of them waits for one that does not.

Its own connection is pinged. An answer counts for SURE_FOR; where one does not come in time, what is being read from
the replica is broken off, and read from the primary. A replica that answers the ping and fails a request (it may cancel
a query that conflicts with what it replays) is left alone for a moment as well.
"""

import asyncio
from time import monotonic
from typing import Any, Final

import asyncpg
import structlog

from database.connections import CANNOT_SERVE, Pool

PING_EVERY: Final = 0.25
PATIENCE: Final = 1.0
SURE_FOR: Final = 2.0
DOUBT_FOR: Final = 3.0
WAIT: Final = 1.0
LAGS: Final = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)  # it has not heard of that yet

log = structlog.get_logger()


class Replica:
    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._sure_until = 0.0
        self._doubted_until = 0.0
        self._pools: list[Pool] = []
        self._present: bool | None = None  # None: not known yet

    @property
    def serves(self) -> bool:
        return self._doubted_until <= monotonic() < self._sure_until

    def pool(self, **options: Any) -> Pool:
        pool = ReplicaPool(self, self._options, **options)
        self._pools.append(pool)
        return pool

    def doubt(self) -> None:
        self._doubted_until = monotonic() + DOUBT_FOR

    async def watch(self) -> None:
        """For ever."""
        while True:
            try:
                await self._ping()
            except Exception as error:  # noqa: BLE001  # of whatever kind: without this task the replica is not asked again
                self._note_absence(error)
            await asyncio.sleep(PING_EVERY)

    async def _ping(self) -> None:
        """Until it does not answer."""
        connection = await asyncpg.connect(**self._options, timeout=PATIENCE)
        try:
            while True:
                asked = monotonic()
                await connection.execute("SELECT 1", timeout=PATIENCE)
                self._note_presence(asked)
                await asyncio.sleep(PING_EVERY)
        finally:
            connection.terminate()

    def _note_presence(self, asked: float) -> None:
        self._sure_until = asked + SURE_FOR
        if not self._present:
            log.info("the replica serves")
        self._present = True

    def _note_absence(self, error: Exception) -> None:
        self._sure_until = 0.0
        for pool in self._pools:
            pool.drop()
        if self._present is not False:
            log.warning("the replica does not serve", error=f"{type(error).__name__}: {error}")
        self._present = False


class ReplicaPool(Pool):
    """Whatever the replica answers but rows is `Unavailable`: what is wrong with a query shows on the primary."""

    cannot_serve = (*CANNOT_SERVE, asyncpg.PostgresError)

    def __init__(self, replica: Replica, options: dict[str, Any], **rest: Any) -> None:
        super().__init__(options, wait=WAIT, **rest)
        self._replica = replica

    def failed(self, error: BaseException) -> None:
        if not isinstance(error, LAGS):
            self._replica.doubt()
