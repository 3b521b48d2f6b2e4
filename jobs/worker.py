"""Doing the tasks, beside what is served, in every server process: each run is done by one of them.

At one tenant after the other, with a rest after each as long as it took: ten thousand are no burst. A tenant that fails
does not stop the others.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from datetime import datetime, timedelta
from time import monotonic

import structlog

from core.background import run_in_background
from database.pool import DatabaseUnavailable
from jobs import runs
from jobs.runs import LEASE, Run, TakenOver
from jobs.tasks import TASKS, Done, Task
from settings import settings
from tenants.tenant import Tenant, bound_to

LOOK_EVERY = 60.0
LONGEST = 3_600.0  # at one tenant: a run does not hang there for ever

log = structlog.get_logger("task")


async def doing_tasks() -> None:
    """For ever: also after the database was away, or before it is migrated."""
    while True:
        try:
            while run := await runs.claim(TASKS, timedelta(seconds=settings.tasks_every)):
                await do(run)
        except TakenOver:
            log.warning("a task was taken over by another process")
        except Exception as error:  # noqa: BLE001  # of whatever kind: without this loop nothing is done again
            log.warning("the tasks wait", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(min(LOOK_EVERY, settings.tasks_every))


async def do(run: Run) -> None:
    task, started, totals, failures = TASKS[run.task], monotonic(), Counter[str](), 0
    log.info("task begins", task=task.name, after=run.reached)
    async with run_in_background(keeping(run)):
        while True:
            began = monotonic()
            place = await next_place(task, run)
            if place is None:
                break
            name, work = place
            error = await attempt(task, name, work, totals)
            failures += error is not None
            run = await runs.note(run, name, error)
            await asyncio.sleep(monotonic() - began)
        await runs.end(run)
    log.info("task ends", task=task.name, seconds=round(monotonic() - started, 1), failures=failures, **totals)


async def next_place(task: Task, run: Run) -> tuple[str, Awaitable[Done]] | None:
    """What is to be done next, and where: first at the platform (''), then at the tenants by their names."""
    now = await runs.clock()
    if run.reached is None and task.at_platform:
        return "", task.at_platform(now)
    tenant = await runs.next_tenant(run.reached or "")
    return (tenant.slug, bound(task, tenant, now)) if tenant else None


async def bound(task: Task, tenant: Tenant, now: datetime) -> Done:
    with bound_to(tenant):
        return await task.at_tenant(tenant, now)


async def attempt(task: Task, name: str, work: Awaitable[Done], totals: Counter[str]) -> str | None:
    """What went wrong, if something did."""
    try:
        async with asyncio.timeout(LONGEST):
            done = await work
    except Exception as error:  # of whatever kind: it is this tenant's, and the others go on
        reason = f"{name or 'platform'}: {type(error).__name__}: {error}"
        if isinstance(error, DatabaseUnavailable):
            log.warning("task failed", task=task.name, tenant=name, error=reason)
        else:
            log.exception("task failed", task=task.name, tenant=name)
        return reason
    totals.update(done)
    if any(done.values()):
        log.info("task did", task=task.name, tenant=name, **done)
    return None


async def keeping(run: Run) -> None:
    """Says again and again that somebody is at it."""
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 4)
        try:
            await runs.keep(run)
        except DatabaseUnavailable as error:
            log.warning("a task may be taken for left", task=run.task, error=str(error))
