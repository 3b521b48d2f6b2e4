"""Runs of background jobs: which process runs which job, and how far it is.

A process holds a run while it extends the run's lease. When it stops, another process takes the run over and continues
with the tenant after the one last processed. Times are those of the database's clock.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from database.pool import connection
from database.sql import Query, SqlFile
from tenants.tables import tenant_columns, tenant_from_row
from tenants.tenant import Tenant

LEASE = timedelta(seconds=60)


class RunTakenOverError(Exception):
    """Another process holds the run now."""


class JobRun(msgspec.Struct, frozen=True):
    """`reached` is the slug of the tenant last processed, '' after the platform, None at the start."""

    id: UUID
    job: str
    reached: str | None


class JobStatus(msgspec.Struct, frozen=True):
    """The current or last run of a job. `failures` counts the tenants at which that run failed.

    `interrupted` means that the process of the run has died and no other has taken over yet. `error` and `failed_at`
    are of the last failure of any run.
    """

    job: str
    running: bool
    interrupted: bool
    started_at: datetime | None
    ended_at: datetime | None
    reached: str | None
    tenants: int
    failures: int
    failed_at: datetime | None
    error: str | None
    next_at: datetime | None


SQL = Path(__file__).parent / "sql" / "runs.sql"
ADD_JOBS = SqlFile(SQL, "add_jobs")
CLAIM = SqlFile(SQL, "claim")
EXTEND_LEASE = SqlFile(SQL, "extend_lease")
RECORD_PROGRESS = SqlFile(SQL, "record_progress")
FINISH = SqlFile(SQL, "finish")
STATUSES = SqlFile(SQL, "statuses")


async def claim_run(intervals: Mapping[str, timedelta]) -> JobRun | None:
    """A run of a job that is due or was interrupted; no other process gets it. `intervals` has each job's, by name.

    Raises DatabaseUnavailable.
    """
    names = list(intervals)
    add = ADD_JOBS.bind("public", names=names)
    claim = CLAIM.bind("public", names=names, intervals=list(intervals.values()), run=uuid4(), lease=LEASE)
    async with connection() as db:
        await db.execute(add.sql, *add.args)
        row = await db.fetchrow(claim.sql, *claim.args)
    return JobRun(*row) if row else None


async def database_now() -> datetime:
    async with connection() as db:
        now: datetime = await db.fetchval("SELECT now()")
    return now


async def next_tenant(after: str) -> Tenant | None:
    async with connection() as db:
        row = await db.fetchrow(f"SELECT {tenant_columns()} FROM tenant WHERE slug > $1 ORDER BY slug LIMIT 1", after)
    return tenant_from_row(dict(row)) if row else None


async def extend_lease(run: JobRun) -> None:
    query = EXTEND_LEASE.bind("public", job=run.job, run=run.id, lease=LEASE)
    async with connection() as db:
        await db.execute(query.sql, *query.args)


async def record_progress(run: JobRun, reached: str, error: str | None) -> JobRun:
    """Records that a tenant (or '' for the platform) was processed, or why it failed. Raises RunTakenOverError."""
    await update(RECORD_PROGRESS.bind("public", job=run.job, run=run.id, lease=LEASE, reached=reached, error=error))
    return msgspec.structs.replace(run, reached=reached)


async def finish(run: JobRun) -> None:
    """Raises RunTakenOverError."""
    await update(FINISH.bind("public", job=run.job, run=run.id))


async def update(query: Query) -> None:
    async with connection() as db:
        if not await db.fetchval(query.sql, *query.args):
            raise RunTakenOverError


async def job_statuses(intervals: Mapping[str, timedelta]) -> dict[str, JobStatus]:
    """By name; `next_at` is of the jobs with an interval."""
    query = STATUSES.bind("public", names=list(intervals), intervals=list(intervals.values()))
    async with connection() as db:
        rows = await db.fetch(query.sql, *query.args)
    return {row["name"]: JobStatus(*row) for row in rows}
