"""The open tasks of staff, and the data received recently."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from admin.intake import CHART_HEIGHT, bars_of
from admin.task_counts import TaskCount, read_task_counts
from auth.api_keys.listing import expiring_api_keys
from auth.users.directory import list_users
from auth.users.realms import ADVERTISER, STAFF
from database.pool import connection
from ingest.health import IntakeHealth, read_intake_health
from singular.request_log import IS_SINGULARS
from tenants.tenant import Tenant, current_tenant

INTAKE_WINDOW = timedelta(days=1)
FAILURE_WINDOW = timedelta(days=7)
LIST_LIMIT = 10


class SingularAccessRequest(msgspec.Struct, frozen=True):
    """An advertiser's request to enable Singular."""

    id: UUID
    name: str
    singular_requested_at: datetime
    singular_requested_by: str


class IntakeSummary(msgspec.Struct, frozen=True):
    """When the last batch came, and the records accepted and rejected within `INTAKE_WINDOW`."""

    last_at: datetime | None
    accepted: int
    rejected: int


class FailedSingularRequest(msgspec.Struct, frozen=True):
    at: datetime
    advertiser: UUID
    name: str
    status: int


class OpenTasks(msgspec.Struct, frozen=True):
    """`keys` expire soon. `health` is the intake's by sender. `has_advertiser` and `has_ingest_key` are the first
    steps of a new tenant.
    """

    access_requests: list[SingularAccessRequest]
    failures: list[FailedSingularRequest]
    keys: Sequence[Any]
    invited: Sequence[Any]
    intake: IntakeSummary
    has_advertiser: bool
    has_ingest_key: bool
    counts: Sequence[TaskCount]
    health: IntakeHealth
    most: int = LIST_LIMIT
    chart_height: int = CHART_HEIGHT

    @property
    def summary(self) -> str:
        """Such as “2 expiring keys, 1 pending invitation”; empty if there are none."""
        counts = [
            (len(self.access_requests), "request", "s to enable Singular", " to enable Singular"),
            (len(self.failures), "failing Singular connection", "s", ""),
            (len(self.keys), "expiring key", "s", ""),
            (len(self.invited), "pending invitation", "s", ""),
            (len(self.health.stopped), "stopped sender", "s", ""),
        ]
        texts = [f"{count:,} {what}{one if count == 1 else many}" for count, what, many, one in counts if count]
        return ", ".join([*texts, *(f"{task.number} {task.text}" for task in self.counts)])

    @property
    def hours(self) -> int:
        """How many hours of intake are shown."""
        return INTAKE_WINDOW // timedelta(hours=1)

    @property
    def bars(self) -> dict[int, list[tuple[str, int, int]]]:
        """The last hours of each sender by the id of its key, for the macro `bars`."""
        return {one.api_key: bars_of(one.hours[-self.hours :]) for one in self.health.senders}


async def read_open_tasks() -> OpenTasks:
    tenant = current_tenant()
    invited = "p.active AND p.password IS NULL"
    return OpenTasks(
        access_requests=await singular_access_requests(tenant),
        failures=await failed_singular_access_requests(tenant),
        keys=await expiring_api_keys(tenant),
        invited=[*await list_users(STAFF, invited), *await list_users(ADVERTISER, invited)],
        intake=await read_intake_summary(tenant),
        counts=await read_task_counts(tenant),
        health=await read_intake_health(tenant),
        **await read_setup_progress(tenant),
    )


async def singular_access_requests(tenant: Tenant) -> list[SingularAccessRequest]:
    """The oldest first."""
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT id, name, singular_requested_at, coalesce(singular_requested_by, '') AS singular_requested_by
            FROM {tenant.schema}.advertiser
            WHERE singular_requested_at IS NOT NULL AND NOT singular_enabled ORDER BY singular_requested_at, id
            """
        )
    return [SingularAccessRequest(**row) for row in rows]


async def read_intake_summary(tenant: Tenant) -> IntakeSummary:
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT (SELECT max(received_at) FROM {tenant.schema}.intake) AS last_at,
                coalesce(sum(accepted), 0)::bigint AS accepted, coalesce(sum(rejected), 0)::bigint AS rejected
            FROM {tenant.schema}.intake WHERE received_at > now() - $1::interval
            """,
            INTAKE_WINDOW,
        )
    assert row is not None
    return IntakeSummary(**row)


async def read_setup_progress(tenant: Tenant) -> dict[str, bool]:
    """Whether the tenant has an advertiser (`has_advertiser`) and an ingest key (`has_ingest_key`)."""
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT EXISTS (SELECT FROM {tenant.schema}.advertiser) AS has_advertiser, EXISTS (
                SELECT FROM {tenant.schema}.api_token WHERE advertiser IS NULL AND revoked_at IS NULL
            ) AS has_ingest_key
            """
        )
    assert row is not None
    return dict(row)


async def failed_singular_access_requests(tenant: Tenant) -> list[FailedSingularRequest]:
    """For each advertiser whose last Singular request failed, that request; the latest first."""
    s = tenant.schema
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT p.at, a.id AS advertiser, a.name, p.status FROM {s}.advertiser a CROSS JOIN LATERAL (
                SELECT at, status FROM {s}.request_log WHERE advertiser = a.id AND {IS_SINGULARS}
                ORDER BY at DESC LIMIT 1
            ) p
            WHERE p.status >= 400 AND p.at > now() - $1::interval ORDER BY p.at DESC LIMIT {LIST_LIMIT}
            """,
            FAILURE_WINDOW,
        )
    return [FailedSingularRequest(**row) for row in rows]
