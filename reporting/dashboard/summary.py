"""What the dashboard shows: the API's own figures, with totals, days, tops and what came before."""

import asyncio
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import msgspec

from database.pool import Connection, connection
from database.sql import SqlFile
from reporting.dashboard.daily import DailyMetrics, read_daily
from reporting.dashboard.periods import before
from reporting.filters import Filter
from reporting.ranges import Range, metrics_parameters
from reporting.read import COST_REPORT, ReportRequest, ReportValidators, read_validators, report_slots
from settings import settings
from tenants.tenant import Tenant
from web.pages.formatting import plain_decimal

SQL = Path(__file__).parent / "sql"
BREAKDOWN = SqlFile(SQL / "breakdown.sql")
TOTALS = SqlFile(SQL / "totals.sql")
MAX_ROWS = 500
TOP = 5
ONE_PLACE = Decimal("0.1")


class DashboardMetrics(msgspec.Struct, frozen=True):
    """`cost` is exact: as many decimals as there are, six at most, no trailing zeros."""

    cost: Decimal
    conversions: int
    clicks: int
    views: int


class ReportRow(msgspec.Struct, frozen=True):
    """A row of the cost report: the API's, with the revenue as a number."""

    offer: UUID
    offer_name: str
    conversions: int
    clicks: int
    views: int
    cost: Decimal
    publisher: str

    @classmethod
    def of(cls, record: Sequence[Any]) -> Self:
        """From a row of the columns of sql/cost_report.sql."""
        offer, name, conversions, clicks, views, revenue, publisher = record
        return cls(offer, name, conversions, clicks, views, revenue, publisher)


class TopItem(msgspec.Struct, frozen=True):
    """An offer or a partner, with its figures in the range. `os` and `campaign` tell apart offers of one name; a
    partner has none.
    """

    id: UUID
    name: str
    os: str | None
    campaign: str | None
    metrics: DashboardMetrics


class MetricChange(msgspec.Struct, frozen=True):
    """Against the period before. `percent` has one decimal; None where there was nothing to compare with."""

    difference: Decimal
    percent: Decimal | None


class DashboardSummary(msgspec.Struct, frozen=True):
    """What the dashboard shows, read in one snapshot: the totals are the sums of the days, and of the rows.

    `rows` are the first MAX_ROWS of `row_count`, in the API order; totals and top items cover all rows. `previous`
    has the totals of the period of the same length just before the range, and `changes` compares `totals` with it, by
    metric. `offers` and `partners` are the top items by cost, then clicks. `validators` are those of the API's report.
    """

    filter: Filter
    rows: list[ReportRow]
    row_count: int
    totals: DashboardMetrics
    previous: DashboardMetrics
    changes: dict[str, MetricChange]
    daily: list[DailyMetrics]
    offers: list[TopItem]
    partners: list[TopItem]
    validators: ReportValidators

    @property
    def restated(self) -> int:
        """How many of the days are restated."""
        return sum(day.restated for day in self.daily)


async def read_summary(tenant: Tenant, advertiser: UUID, filter_: Filter) -> DashboardSummary:
    """For a filter of whole UTC days. Counts towards the advertiser's concurrency limit for reports, as the API does.

    Raises DatabaseUnavailable.
    """
    async with (
        report_slots.slot((tenant.id, advertiser)),
        connection() as db,
        asyncio.timeout(settings.report_timeout),
        db.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await summarize(db, tenant, advertiser, filter_)


async def summarize(db: Connection, tenant: Tenant, advertiser: UUID, filter_: Filter) -> DashboardSummary:
    request = ReportRequest(COST_REPORT, tenant, advertiser, filter_)
    validators = await read_validators(db, request)
    report = request.query(COST_REPORT.columns)
    rows = await db.fetch(f"{report.sql} LIMIT {MAX_ROWS}", *report.args)
    tops = request.query(BREAKDOWN, top=TOP)
    groups = await db.fetch(tops.sql, *tops.args)
    previous = await read_totals(db, tenant.schema, advertiser, before(filter_.range), filter_.offer)
    (total,) = (group for group in groups if group["kind"] is None)
    return DashboardSummary(
        filter=filter_,
        rows=[ReportRow.of(tuple(row)) for row in rows],
        row_count=total["rows"],
        totals=metrics_of(total),
        previous=previous,
        changes=changes(previous, metrics_of(total)),
        daily=await read_daily(db, tenant.schema, advertiser, filter_),
        offers=[top_of(group) for group in groups if group["kind"] == "offer"],
        partners=[top_of(group) for group in groups if group["kind"] == "partner"],
        validators=validators,
    )


async def read_totals(
    db: Connection, schema: str, advertiser: UUID, range_: Range | None, offer: UUID | None
) -> DashboardMetrics:
    if range_ is None:
        return DashboardMetrics(Decimal(0), 0, 0, 0)
    query = TOTALS.bind(schema, advertiser=advertiser, offer=offer, **metrics_parameters(range_))
    return metrics_of(await db.fetchrow(query.sql, *query.args))


def metrics_of(row: Any) -> DashboardMetrics:
    return DashboardMetrics(row["cost"], row["conversions"], row["clicks"], row["views"])


def top_of(row: Any) -> TopItem:
    return TopItem(row["id"], row["name"], row["os"], row["campaign"], metrics_of(row))


def changes(old: DashboardMetrics, new: DashboardMetrics) -> dict[str, MetricChange]:
    return {
        name: change(Decimal(getattr(old, name)), Decimal(getattr(new, name)))
        for name in DashboardMetrics.__struct_fields__
    }


def change(old: Decimal, new: Decimal) -> MetricChange:
    difference = new - old
    return MetricChange(
        Decimal(plain_decimal(difference)),
        (difference / old * 100).quantize(ONE_PLACE, ROUND_HALF_EVEN) if old else None,
    )
