"""What a dashboard shows, of one advertiser or of all: totals, time buckets, a table, and what they are compared with.

The figures are those of the query (`reporting.query`), so that they equal the API's.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from asyncpg import Record

from catalog.tenants import GokartTenant
from core.time_zones import zone_of
from database.pool import Connection, connection
from database.sql import SqlFile
from database.transactions import plan_for_arguments
from reporting.context import ReportContext
from reporting.dashboard.choices import Choices
from reporting.dashboard.figures import SpendMetrics, SpendRow, add_up, metrics_of
from reporting.dashboard.periods import Comparison
from reporting.finality import State
from reporting.query.buckets import TimeBucket
from reporting.query.columns import Group
from reporting.query.request import QueryRequest
from reporting.query.retention import check_retention
from reporting.query.scope import AllAdvertisers
from reporting.query.statements import Order
from reporting.query.zones import local_date
from reporting.ranges import DAY, Range, ceil_day, day_parameters
from reporting.read import report_slots
from settings import settings
from tenants.tenant import Tenant
from web.problems import Problem

CHANGED_DAYS = SqlFile(Path(__file__).parent / "sql" / "changed_days.sql")
HAS_DATA = SqlFile(Path(__file__).parent / "sql" / "has_data.sql")
MAX_ROWS = 200


class DayChanges(msgspec.Struct, frozen=True):
    """When the figures of a UTC day last changed, and whether it is restated (`sql/changed_days.sql`)."""

    changed_at: datetime
    restated: bool


class SpendBucket(msgspec.Struct, frozen=True):
    """A day, or the part of a week or month within the period. `previous` has the figures that it is compared with.

    `changed_at`, of days only: when the figures of its UTC days last changed, None where nothing was ever counted.
    `restated_day` is the first of its UTC days that changed 24 hours or more after it had ended, or None. What comes
    within 24 hours is the usual delay of reporting; imports of history do not count. Both are those of the offers,
    whichever partners are shown.
    """

    first: date
    last: date
    metrics: SpendMetrics
    state: State
    previous: SpendMetrics | None = None
    changed_at: datetime | None = None
    restated_day: date | None = None

    @property
    def restated(self) -> bool:
        return self.restated_day is not None


class SpendSummary(msgspec.Struct, frozen=True):
    """Read in one snapshot: the totals are the sums of the buckets, and of the rows.

    `rows` are the first MAX_ROWS of `row_count`. `compared` is None if there is no comparison; `not_compared` says why,
    if one was chosen.
    """

    totals: SpendMetrics
    buckets: list[SpendBucket]
    rows: list[SpendRow]
    row_count: int
    comparison: Comparison | None
    compared: SpendMetrics | None
    not_compared: str

    @property
    def restated(self) -> int:
        """How many of the buckets are restated."""
        return sum(bucket.restated for bucket in self.buckets)

    @property
    def growing(self) -> bool:
        """Whether the period has not ended."""
        return any(bucket.state == "open" for bucket in self.buckets)


class SpendScope(msgspec.Struct, frozen=True):
    """Whose figures a dashboard shows. Its days are those of `context.time_zone`."""

    tenant: Tenant
    advertiser: UUID | AllAdvertisers
    context: ReportContext

    @property
    def zone(self) -> ZoneInfo:
        return zone_of(self.context.time_zone)

    @property
    def staff(self) -> bool:
        return isinstance(self.advertiser, AllAdvertisers)

    @property
    def today(self) -> date:
        return self.context.now.astimezone(self.zone).date()

    def request(
        self,
        choices: Choices,
        range_: Range,
        groups: tuple[Group, ...] = (),
        *,
        order: tuple[Order, ...] = (),
        limit: int | None = None,
        format_: str = "page",
    ) -> QueryRequest:
        return QueryRequest(
            tenant=self.tenant,
            advertiser=self.advertiser,
            parameters=choices.parameters(groups, order, limit),
            zone=self.zone,
            range=range_,
            currency=self.context.currency,
            finality=self.context.finality(self.zone),
            now=self.context.now,
            format=format_,
        )


async def read_spend(scope: SpendScope, choices: Choices) -> SpendSummary:
    """Counts towards the concurrency limit of the scope's reports, as the API does.

    Raises DatabaseUnavailable, and Problem 400 for days of a time zone whose hours are no longer kept.
    """
    assert isinstance(scope.tenant, GokartTenant)
    range_ = choices.period.range(scope.zone)
    series = scope.request(choices, range_, (choices.bucket,))
    await check_retention(series, scope.context.hours_since)
    comparison = choices.comparison_of(scope.zone, scope.context.now, scope.tenant.thinned_before)
    earlier, not_compared = None, ""
    if comparison:
        earlier = scope.request(choices, comparison.range(scope.zone), (choices.bucket,))
        try:
            await check_retention(earlier, scope.context.hours_since)
        except Problem:
            comparison, earlier = None, None
            not_compared = "the hours of those days are no longer kept"
    async with (
        report_slots.slot((scope.tenant.id, scope.advertiser)),
        connection() as db,
        asyncio.timeout(settings.report_timeout),
        db.transaction(isolation="repeatable_read", readonly=True),
    ):
        if scope.staff:
            await plan_for_arguments(db)  # of filters, each of which may be null
        buckets, rows, row_count = await read_figures(db, scope, choices, range_)
        previous = await read_buckets(db, earlier) if earlier else None
        marks = await read_changes(db, series) if choices.bucket == "day" else {}
    return SpendSummary(
        totals=add_up(metrics for _, metrics in buckets),
        buckets=make_buckets(
            series, buckets, previous, marks, cut=comparison is not None and comparison.until is not None
        ),
        rows=rows,
        row_count=row_count,
        comparison=comparison,
        compared=None if previous is None else add_up(metrics for _, metrics in previous),
        not_compared=not_compared,
    )


async def read_totals(scope: SpendScope, choices: Choices) -> SpendMetrics:
    """The totals of `read_spend`, with the same limit and errors."""
    request = scope.request(choices, choices.period.range(scope.zone))
    await check_retention(request, scope.context.hours_since)
    query = request.query("columns", list(request.buckets()))
    async with (
        report_slots.slot((scope.tenant.id, scope.advertiser)),
        connection() as db,
        asyncio.timeout(settings.report_timeout),
        db.transaction(readonly=True),
    ):
        await plan_for_arguments(db)  # of filters, each of which may be null
        row = await db.fetchrow(query.sql, *query.args)
    return metrics_of(row)


async def read_figures(
    db: Connection, scope: SpendScope, choices: Choices, range_: Range
) -> tuple[list[tuple[TimeBucket, SpendMetrics]], list[SpendRow], int]:
    """The time buckets, the first MAX_ROWS rows of the table, and how many there are.

    One statement reads both, and the roll-ups once. Pairs of offer and partner are many: their table alone is read
    from longer bucket spans, and the chart alone adds up the partners first.
    """
    if {"offer", "partner"} <= set(choices.groups):
        chart = scope.request(choices, range_, (choices.bucket,))
        table = scope.request(choices, range_, choices.groups, order=choices.order, limit=MAX_ROWS)
        return await read_buckets(db, chart), *await read_rows(db, table)
    request = scope.request(choices, range_, (choices.bucket, *choices.groups), order=choices.order)
    buckets = list(request.buckets())
    query = request.query("chart_and_table", buckets, limit=len(buckets) + MAX_ROWS)
    found = await db.fetch(query.sql, *query.args)
    of_buckets = [row for row in found if row["is_bucket"]]
    rows = [SpendRow(dict(row), metrics_of(row)) for row in found[len(of_buckets) :][:MAX_ROWS]]
    return with_metrics(buckets, choices.bucket, of_buckets), rows, found[0]["grouped_rows"] if found else 0


async def read_buckets(db: Connection, request: QueryRequest) -> list[tuple[TimeBucket, SpendMetrics]]:
    """Each time bucket of the request's only group, in order, with figures or without."""
    (group,) = request.parameters.groups
    buckets = list(request.buckets())
    query = request.query("columns", buckets)
    return with_metrics(buckets, group, await db.fetch(query.sql, *query.args))


async def read_rows(db: Connection, request: QueryRequest) -> tuple[list[SpendRow], int]:
    """The rows up to the request's limit, and how many there are without it."""
    query = request.query("page", list(request.buckets()), limit=request.parameters.limit)
    rows = await db.fetch(query.sql, *query.args)
    return [SpendRow(dict(row), metrics_of(row)) for row in rows], rows[0]["grouped_rows"] if rows else 0


def with_metrics(
    buckets: Sequence[TimeBucket], group: Group, rows: Iterable[Record]
) -> list[tuple[TimeBucket, SpendMetrics]]:
    found = {row[group]: metrics_of(row) for row in rows}
    return [(bucket, found.get(getattr(bucket, group), SpendMetrics())) for bucket in buckets]


async def read_changes(db: Connection, request: QueryRequest) -> dict[date, DayChanges]:
    """Those of the offers' figures, for the UTC days that the range touches."""
    query = request.bind(CHANGED_DAYS, day_parameters(request.range))
    rows = await db.fetch(query.sql, *query.args)
    return {row["day"]: DayChanges(row["changed_at"], row["restated"]) for row in rows}


async def has_data(scope: SpendScope, choices: Choices) -> bool:
    """Whether the scope has any figures, on any day."""
    query = scope.request(choices, choices.period.range(scope.zone)).bind(HAS_DATA, {})
    async with connection() as db:
        found: bool = await db.fetchval(query.sql, *query.args)
    return found


def make_buckets(
    request: QueryRequest,
    buckets: list[tuple[TimeBucket, SpendMetrics]],
    previous: list[tuple[TimeBucket, SpendMetrics]] | None,
    marks: Mapping[date, DayChanges],
    *,
    cut: bool,
) -> list[SpendBucket]:
    """The first bucket is compared with the first one of `previous`, and so on. If that period is cut at the present
    time of day, a bucket that has just begun is compared with nothing yet: with zeros.
    """
    compared = [metrics for _, metrics in previous or []]
    if cut and len(compared) < len(buckets) and request.now in buckets[len(compared)][0].range:
        compared.append(SpendMetrics())
    made = []
    for number, (bucket, metrics) in enumerate(buckets):
        changes = {day: marks[day] for day in utc_days(bucket.range) if day in marks} if marks else {}
        made.append(
            SpendBucket(
                first=local_date(bucket.range.start, request.zone),
                last=bucket.last_day,
                metrics=metrics,
                state=request.finality.state(bucket.last_day),
                previous=compared[number] if number < len(compared) else None,
                changed_at=max((change.changed_at for change in changes.values()), default=None),
                restated_day=next((day for day, change in changes.items() if change.restated), None),
            )
        )
    return made


def utc_days(range_: Range) -> list[date]:
    """Those that the range touches."""
    first = range_.start.date()
    return [first + n * DAY for n in range((ceil_day(range_.end).date() - first).days)]
