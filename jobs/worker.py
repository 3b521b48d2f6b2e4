"""Runs the background jobs in every server process, next to live traffic. Each run is done by one process.

A run processes one tenant after the other, with a pause after each as long as it took, so that ten thousand tenants are
a steady load and not a burst. A failure at one tenant does not stop the others.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from datetime import datetime
from time import monotonic

import structlog

from core import tracing
from core.background import run_in_background
from database.pool import DatabaseUnavailable
from jobs import runs
from jobs.definitions import INTERVALS, JOBS, Counts, Job
from jobs.runs import LEASE, JobRun, RunTakenOverError
from settings import settings
from tenants.tenant import Tenant, bound_to

POLL_SECONDS = 60.0
MAX_SECONDS_AT_TENANT = 3_600.0

log = structlog.get_logger("job")


async def run_scheduler() -> None:
    """Never returns, whether the database is unavailable or not migrated yet."""
    while True:
        try:
            while run := await runs.claim_run(INTERVALS):
                await execute(run)
        except RunTakenOverError:
            log.warning("another process took over a job")
        except Exception as error:  # noqa: BLE001  # any error: without this loop no job would run again
            log.warning("the scheduler retries later", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(min(POLL_SECONDS, settings.tasks_every))


async def execute(run: JobRun) -> None:
    job, started, totals, failures = JOBS[run.job], monotonic(), Counter[str](), 0
    log.info("job started", job=job.name, after=run.reached)
    async with run_in_background(keep_lease(run)):
        while True:
            began = monotonic()
            step = await next_step(job, run)
            if step is None:
                break
            slug, work = step
            error = await attempt(job, slug, work, totals)
            failures += error is not None
            run = await runs.record_progress(run, slug, error)
            await asyncio.sleep(monotonic() - began)
        await runs.finish(run)
    log.info("job finished", job=job.name, seconds=round(monotonic() - started, 1), failures=failures, **totals)


async def next_step(job: Job, run: JobRun) -> tuple[str, Awaitable[Counts]] | None:
    """The work to do next and the slug it is for: first the platform (''), then the tenants in order of slug."""
    now = await runs.database_now()
    if run.reached is None and job.run_at_platform:
        return "", job.run_at_platform(now)
    tenant = await runs.next_tenant(run.reached or "")
    return (tenant.slug, run_bound(job, tenant, now)) if tenant else None


async def run_bound(job: Job, tenant: Tenant, now: datetime) -> Counts:
    with bound_to(tenant):
        return await job.run_at_tenant(tenant, now)


async def attempt(job: Job, slug: str, work: Awaitable[Counts], totals: Counter[str]) -> str | None:
    """Adds what was done to `totals`. Returns the error, if any."""
    try:
        async with asyncio.timeout(MAX_SECONDS_AT_TENANT):
            with tracing.trace(f"job {job.name}", tenant=slug):
                counts = await work
    except Exception as error:  # any error belongs to this tenant; the others continue
        reason = f"{slug or 'platform'}: {type(error).__name__}: {error}"
        if isinstance(error, DatabaseUnavailable):
            log.warning("job failed", job=job.name, tenant=slug, error=reason)
        else:
            log.exception("job failed", job=job.name, tenant=slug)
        return reason
    totals.update(counts)
    if any(counts.values()):
        log.info("job changed data", job=job.name, tenant=slug, **counts)
    return None


async def keep_lease(run: JobRun) -> None:
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 4)
        try:
            await runs.extend_lease(run)
        except DatabaseUnavailable as error:
            log.warning("the lease of a job was not extended", job=run.job, error=str(error))
