"""How the figures of a past UTC day changed since it ended: old and new, of each change. For pages."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import msgspec
from asyncpg import Record

from core.timestamps import midnight
from database.sql import SqlFile
from database.transactions import primary_snapshot
from reporting.changes.explain import (
    Cause,
    ExplainedDay,
    ExplainRequest,
    amount_text,
    owned,
    read_explained_day,
)
from reporting.dashboard.figures import SpendMetrics, add_up, metrics_of
from reporting.read import report_slots
from settings import settings
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql"
FIGURES = SqlFile(SQL / "explain.sql", "figures")
CHANGED_DAYS = SqlFile(SQL / "changed_days.sql")

Pair = tuple[UUID, UUID]  # an offer and a partner


class FigureChange(msgspec.Struct, frozen=True):
    """What a transaction changed of an offer and partner, or a move of the offer to or from the advertiser. `at` is in
    UTC.
    """

    at: datetime
    offer: UUID
    partner: UUID
    cause: Cause
    difference: SpendMetrics
    late: bool = False
    old: SpendMetrics = SpendMetrics()

    @property
    def moved_away(self) -> bool:
        return self.cause == "move" and self.new == SpendMetrics()

    @property
    def new(self) -> SpendMetrics:
        return self.old + self.difference


class DayHistory(msgspec.Struct, frozen=True):
    """`changes` and `explained.conversions` are in order of time. `then` has the totals when the day ended, None if not
    all changes are known; `now` the present ones, which are those of reports.
    """

    explained: ExplainedDay
    changes: Sequence[FigureChange]
    then: SpendMetrics | None
    now: SpendMetrics


class ChangedDay(msgspec.Struct, frozen=True):
    """A UTC day with its last change and the sum of its changes. `late`: one of them was after the day was final."""

    day: date
    changed_at: datetime
    difference: SpendMetrics
    late: bool
    causes: list[str]


async def read_day_history(tenant: Tenant, advertiser: UUID, request: ExplainRequest) -> DayHistory:
    """In one snapshot. Raises Problem 400 for a day that has not ended, and DatabaseUnavailable."""
    query = FIGURES.bind(tenant.schema, **owned(advertiser, request), start=midnight(request.day))
    async with report_slots.slot((tenant.id, advertiser)), primary_snapshot() as db:
        explained = await read_explained_day(db, tenant, advertiser, request)
        rows = await db.fetch(query.sql, *query.args, timeout=settings.report_timeout)
    now = {(row["offer"], row["partner"]): figures_of(row) for row in rows}
    changes = [
        FigureChange(row["changed_at"], row["offer"], row["partner"], row["cause"], figures_of(row), late=row["late"])
        for row in explained.changes
    ]
    total = add_up(now.values())
    return DayHistory(
        explained=explained,
        changes=with_old_figures(changes, now),
        then=total - add_up(change.difference for change in changes) if explained.complete else None,
        now=total,
    )


def figures_of(row: Record) -> SpendMetrics:
    """From a row with the cost in millionths."""
    return metrics_of({**row, "cost": amount_of(row["cost"])})


def amount_of(millionths: int | Decimal) -> Decimal:
    """Without trailing zeros."""
    return Decimal(amount_text(int(millionths)))


def with_old_figures(changes: Sequence[FigureChange], now: Mapping[Pair, SpendMetrics]) -> list[FigureChange]:
    """From the last change back to the first. `changes` are in order of time."""
    figures = defaultdict(SpendMetrics, now)
    found = []
    for change in reversed(changes):
        old = figures[change.offer, change.partner] - change.difference
        figures[change.offer, change.partner] = old
        found.append(msgspec.structs.replace(change, old=old))
    return found[::-1]


async def read_changed_days(
    tenant: Tenant,
    advertiser: UUID,
    since: datetime,
    offers: list[str] | None,
    partners: list[str] | None,
    *,
    limit: int | None,
) -> tuple[list[ChangedDay], bool]:
    """Days that changed since then, and 24 hours or more after they had ended, newest change first; `limit` at most
    (None: all). Whether that is all of them.
    """
    query = CHANGED_DAYS.bind(
        tenant.schema, advertiser=advertiser, since=since, offers=offers, partners=partners, limit=limit
    )
    async with report_slots.slot((tenant.id, advertiser)), primary_snapshot() as db:
        rows = await db.fetch(query.sql, *query.args, timeout=settings.report_timeout)
    days = [ChangedDay(row["day"], row["changed_at"], figures_of(row), row["late"], row["causes"]) for row in rows]
    return days[:limit], limit is None or len(days) <= limit
