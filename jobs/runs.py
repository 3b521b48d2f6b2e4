"""Which process is at which task, and how far: one row each in public.task, by the database's clock.

A run is one process's as long as that says so every few seconds. From one that does not, another takes it over, and
goes on with the tenant after the one last done.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from database.pool import connection
from tenants.tables import TENANT_COLUMNS, tenant_from_row
from tenants.tenant import Tenant

LEASE = timedelta(seconds=60)
RETRIES = 24  # a run in which something failed is repeated after this fraction of the usual time

# $1: the usual time between the starts of two runs. One that begins in the future began before a clock was set back.
NEXT_AT = f"""CASE WHEN started_at > now() THEN now()
    ELSE started_at + $1::interval / CASE WHEN failures > 0 THEN {RETRIES} ELSE 1 END END"""


class TakenOver(Exception):
    """Another process has taken this one for dead, and goes on with the run."""


class Run(msgspec.Struct, frozen=True):
    """`reached` is the tenant last done, '' after the platform's own part, None before."""

    id: UUID
    task: str
    reached: str | None


class State(msgspec.Struct, frozen=True):
    """Of the last run, or the one under way: `running`; or `interrupted`, which somebody will take over. `failures` is
    how many of the tenants looked after so far it failed at; `error` the last of all runs'.
    """

    task: str
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


async def claim(tasks: Collection[str], every: timedelta) -> Run | None:
    """One that is due, or was left; nobody else gets it. Raises DatabaseUnavailable."""
    async with connection() as db:
        await db.execute("INSERT INTO task (name) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING", list(tasks))
        row = await db.fetchrow(
            f"""
            UPDATE task SET run = $3, alive_until = now() + $4::interval,
                started_at = CASE WHEN run IS NULL THEN now() ELSE started_at END,
                runs = runs + (run IS NULL)::int,
                tenants = CASE WHEN run IS NULL THEN 0 ELSE tenants END,
                failures = CASE WHEN run IS NULL THEN 0 ELSE failures END
            WHERE name = (
                SELECT name FROM task WHERE name = ANY($2::text[]) AND CASE
                    WHEN run IS NULL THEN started_at IS NULL OR {NEXT_AT} <= now()
                    ELSE alive_until <= now() OR alive_until > now() + $4::interval END
                ORDER BY started_at NULLS FIRST LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING run, name, reached
            """,
            every,
            list(tasks),
            uuid4(),
            LEASE,
        )
    return Run(*row) if row else None


async def clock() -> datetime:
    """The database's."""
    async with connection() as db:
        now: datetime = await db.fetchval("SELECT now()")
    return now


async def next_tenant(after: str) -> Tenant | None:
    async with connection() as db:
        row = await db.fetchrow(f"SELECT {TENANT_COLUMNS} FROM tenant WHERE slug > $1 ORDER BY slug LIMIT 1", after)
    return tenant_from_row(dict(row)) if row else None


async def keep(run: Run) -> None:
    async with connection() as db:
        await db.execute(
            "UPDATE task SET alive_until = now() + $3::interval WHERE name = $1 AND run = $2", run.task, run.id, LEASE
        )


async def note(run: Run, reached: str, error: str | None) -> Run:
    """That a tenant (or, '', the platform) is done, or why it failed. Raises TakenOver."""
    async with connection() as db:
        mine = await db.fetchval(
            """
            UPDATE task SET alive_until = now() + $3::interval, reached = $4::text,
                tenants = tenants + ($4::text <> '')::int,
                failures = failures + ($5::text IS NOT NULL)::int, error = coalesce($5::text, error),
                failed_at = CASE WHEN $5::text IS NULL THEN failed_at ELSE now() END
            WHERE name = $1 AND run = $2 RETURNING true
            """,
            run.task,
            run.id,
            LEASE,
            reached,
            error,
        )
    if not mine:
        raise TakenOver
    return msgspec.structs.replace(run, reached=reached)


async def end(run: Run) -> None:
    """Raises TakenOver."""
    async with connection() as db:
        mine = await db.fetchval(
            """
            UPDATE task SET run = NULL, alive_until = NULL, reached = NULL, ended_at = now()
            WHERE name = $1 AND run = $2 RETURNING true
            """,
            run.task,
            run.id,
        )
    if not mine:
        raise TakenOver


async def states(every: timedelta) -> dict[str, State]:
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT name, run IS NOT NULL AND alive_until > now(), run IS NOT NULL AND alive_until <= now(), started_at,
                ended_at, reached, tenants, failures, failed_at, error, {NEXT_AT} FROM task
            """,
            every,
        )
    return {row[0]: State(*row) for row in rows}
