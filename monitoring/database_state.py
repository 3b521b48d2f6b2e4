"""Metrics of what the database knows: data lag of tenants, background jobs, the replica.

One thread of the process that serves the metrics reads them at intervals, over a connection of its own. A scrape
returns what was read last and waits for nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from heapq import nlargest
from pathlib import Path
from threading import Thread
from time import monotonic, time
from typing import Any, Final

import asyncpg
import structlog
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from database.engine import engine, listen_url
from database.sql import SqlFile
from jobs.definitions import JOBS

POLL_SECONDS: Final = 15.0
PAUSE_BETWEEN_WALKS: Final = 60.0
QUERY_SECONDS: Final = 5.0
TENANTS_PER_CONNECTION: Final = 500  # a backend keeps what it has read of each tenant's catalogue
NAMED_TENANTS: Final = 10
DORMANT: Final = 7 * 86_400.0  # seconds; such tenants are only counted
AGES: Final = (900, 3_600, 21_600, 86_400, 604_800)  # seconds

LOG_POSITION: Final = (
    "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text"
)

SQL = Path(__file__).parent / "sql"
JOB_ROWS = SqlFile(SQL / "jobs.sql")
REPLICA_LAG = SqlFile(SQL / "replica_lag.sql")

log = structlog.get_logger()


class DatabaseStateCollector(Collector):
    def __init__(self) -> None:
        self._up: bool | None = None  # None: not known yet
        self._jobs: list[asyncpg.Record] = []
        self._succeeded: dict[str, float] = {}  # Unix time by job
        self._replica: tuple[float, float] | None = None  # seconds, bytes; None: does not respond
        self._last_batches: dict[str, float] = {}  # Unix time by tenant's slug

    def start(self) -> None:
        """Reads until the process ends."""
        Thread(target=asyncio.run, args=(self._run(),), name="metrics of the database", daemon=True).start()

    def collect(self) -> Iterable[Metric]:
        up = float(bool(self._up))
        yield gauge("gokart_database_up", "Whether the database answered the last poll.", [((), up)])
        yield from self._lag_metrics()
        yield from self._job_metrics()
        if engine().options.replica_url:
            yield from self._replica_metrics()

    def _lag_metrics(self) -> Iterable[Metric]:
        now = time()
        lags = {slug: max(0.0, now - last) for slug, last in self._last_batches.copy().items()}
        active = [(lag, slug) for slug, lag in lags.items() if lag < DORMANT]
        yield gauge(
            "gokart_data_lag_seconds",
            "Age of the last batch, of the active tenants with the longest below seven days.",
            [((slug,), lag) for lag, slug in nlargest(NAMED_TENANTS, active)],
            ["tenant"],
        )
        yield gauge(
            "gokart_data_lag_tenants",
            "Active tenants whose last batch is at least `seconds` old; 0 counts all that have one.",
            [((str(age),), sum(lag >= age for lag in lags.values())) for age in (0, *AGES)],
            ["seconds"],
        )

    def _job_metrics(self) -> Iterable[Metric]:
        """The label is `name`: in Prometheus, `job` is what scrapes this server."""
        runs = CounterMetricFamily("gokart_job_runs", "Runs of the job that began.", labels=["name"])
        for row in self._jobs:
            runs.add_metric([row["name"]], row["runs"])
        yield runs
        columns = {
            "running": "Whether a process runs the job.",
            "failures": "Tenants at which the current or last run failed.",
            "duration_seconds": "How long the last run took; without a value while a run is under way.",
            "last_end_timestamp_seconds": "When a run last ended.",
        }
        for column, text in columns.items():
            values = [((row["name"],), float(row[column])) for row in self._jobs if row[column] is not None]
            yield gauge(f"gokart_job_{column}", text, values, ["name"])
        yield gauge(
            "gokart_job_last_success_timestamp_seconds",
            "When a run last ended without a failure, as far as this process has seen.",
            [((job,), at) for job, at in self._succeeded.copy().items()],
            ["name"],
        )

    def _replica_metrics(self) -> Iterable[Metric]:
        lag = self._replica
        yield gauge("gokart_replica_up", "Whether the replica answered the last poll.", [((), float(lag is not None))])
        for unit, text, value in (
            ("seconds", "Age of the last replayed transaction; 0 without lag.", lag and lag[0]),
            ("bytes", "Bytes of the log that the replica has not replayed.", lag and lag[1]),
        ):
            yield gauge(f"gokart_replica_lag_{unit}", text, [] if value is None else [((), value)])

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(repeat(self._poll, POLL_SECONDS))
            tasks.create_task(repeat(self._walk, PAUSE_BETWEEN_WALKS))

    async def _poll(self) -> None:
        position, query = None, JOB_ROWS.bind("public", names=list(JOBS))
        try:
            async with connect(listen_url()) as db:
                self._jobs = await db.fetch(query.sql, *query.args)
                position = await db.fetchval(LOG_POSITION)
            failure = None
        except Exception as error:  # noqa: BLE001  # any error: the thread must continue
            failure = f"{type(error).__name__}: {error}"
        if failure and self._up is not False:
            log.warning("metrics of the database are not up to date", error=failure)
        self._up = failure is None
        for row in self._jobs:
            if row["duration_seconds"] is not None and not row["failures"]:
                self._succeeded[row["name"]] = float(row["last_end_timestamp_seconds"])
        self._replica = await self._read_replica(position)

    async def _read_replica(self, position: str | None) -> tuple[float, float] | None:
        """`position` is that of the primary's log."""
        url = engine().options.replica_url
        if url is None:
            return None
        lag = REPLICA_LAG.bind("public", primary=position)
        try:
            async with connect(url) as db:
                row = await db.fetchrow(lag.sql, *lag.args)
        except Exception:  # noqa: BLE001  # any error: the replica is not available; the workers log why
            return None
        assert row is not None
        return float(row["seconds"]), float(row["bytes"])

    async def _walk(self) -> None:
        """Reads the time of the last batch of every active tenant, and pauses for half of the time."""
        async with connect(listen_url()) as db:
            rows = await db.fetch("SELECT slug, schema FROM tenant WHERE status = 'active' ORDER BY slug")
        tenants = {row["slug"]: row["schema"] for row in rows}
        for gone in self._last_batches.keys() - tenants.keys():
            del self._last_batches[gone]
        pending = list(tenants.items())
        while pending:
            part, pending = pending[:TENANTS_PER_CONNECTION], pending[TENANTS_PER_CONNECTION:]
            async with connect(listen_url()) as db:
                for slug, schema in part:
                    began = monotonic()
                    await self._read_last_batch(db, slug, schema)
                    await asyncio.sleep(monotonic() - began)

    async def _read_last_batch(self, db: asyncpg.Connection, slug: str, schema: str) -> None:
        """A tenant that cannot be read, because it is locked or being moved, keeps the time that was read before."""
        try:
            last = await db.fetchval(f"SELECT received_at FROM {schema}.intake ORDER BY id DESC LIMIT 1")
        except (asyncpg.PostgresError, TimeoutError):
            if db.is_closed():
                raise
            return
        if last is not None:
            self._last_batches[slug] = last.timestamp()


def gauge(
    name: str, text: str, values: Sequence[tuple[Sequence[str], float]], labels: Sequence[str] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Neither a lock nor a slow node stops the thread for long."""
    options: dict[str, Any] = engine().connect_options(url)
    options["statement_cache_size"] = 0  # each tenant has a statement of its own
    db = await asyncpg.connect(**options, timeout=QUERY_SECONDS, command_timeout=QUERY_SECONDS)
    try:
        yield db
    finally:
        db.terminate()


async def repeat(work: Callable[[], Awaitable[None]], pause: float) -> None:
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001  # any error: the next attempt may succeed
            log.debug("metrics of the database", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(pause)
