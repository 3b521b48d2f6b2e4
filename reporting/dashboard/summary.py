"""What the dashboard shows: the API's own figures, with totals, days, tops and what came before."""

import asyncio
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Self
from uuid import UUID

import msgspec

from database.pool import Connection, connection
from reporting.dashboard.days import Day, read_days
from reporting.dashboard.formats import exact
from reporting.dashboard.periods import before
from reporting.filters import Filter, Range
from reporting.freshness import Freshness, read_freshness
from reporting.queries import breakdown, totals
from reporting.reports import COST_REPORT, Asked
from reporting.responses import reports
from settings import settings
from tenants.tenant import Tenant

MOST_ROWS = 500
TOP = 5
ONE_PLACE = Decimal("0.1")


class Figures(msgspec.Struct, frozen=True):
    """`cost` is exact: as many decimals as there are, six at most, no trailing zeros."""

    cost: Decimal
    conversions: int
    clicks: int
    views: int


class Line(msgspec.Struct, frozen=True):
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
        """From a row of `queries.cost_report`."""
        offer, name, conversions, clicks, views, revenue, publisher = record
        return cls(offer, name, conversions, clicks, views, revenue, publisher)


class Top(msgspec.Struct, frozen=True):
    """An offer or a partner, with its figures in the range. `os` and `campaign` tell apart offers of one name; a
    partner has none.
    """

    id: UUID
    name: str
    os: str | None
    campaign: str | None
    figures: Figures


class Change(msgspec.Struct, frozen=True):
    """Against the period before. `percent` has one decimal; None where there was nothing to compare with."""

    difference: Decimal
    percent: Decimal | None


class Summary(msgspec.Struct, frozen=True):
    """All of it as it was at one instant: the totals are the sums of the days, and of the rows.

    `rows` are the first MOST_ROWS of `row_count`, in the API's order; totals and tops are of all. `previous` are the
    totals of as long a time just before the range, and `changes` those against it, by a figure's name. Tops are in
    order of cost, then clicks. `fresh` is what the API says of the same report (`fresh.through`: up to when data had
    been taken in).
    """

    filter: Filter
    rows: list[Line]
    row_count: int
    totals: Figures
    previous: Figures
    changes: dict[str, Change]
    days: list[Day]
    offers: list[Top]
    partners: list[Top]
    fresh: Freshness

    @property
    def restated(self) -> int:
        """How many of the days are restated."""
        return sum(day.restated for day in self.days)


async def summary(tenant: Tenant, advertiser: UUID, filter_: Filter) -> Summary:
    """For a filter of whole UTC days. Takes one of the advertiser's turns at reports, the same as the API's, so that
    pages keep nobody from a report. Raises `database.pool.Unavailable`.
    """
    async with (
        reports.turn((tenant.id, advertiser)),
        connection() as db,
        asyncio.timeout(settings.report_timeout),
        db.transaction(isolation="repeatable_read", readonly=True),
    ):
        return await read_summary(db, tenant, advertiser, filter_)


async def read_summary(db: Connection, tenant: Tenant, advertiser: UUID, filter_: Filter) -> Summary:
    asked = Asked(COST_REPORT, tenant, advertiser, filter_)
    fresh = await read_freshness(db, asked)
    report = asked.rows().table()
    rows = await db.fetch(f"{report.sql} LIMIT {MOST_ROWS}", *report.args)
    tops = breakdown(tenant.schema, advertiser, filter_, TOP)
    groups = await db.fetch(tops.sql, *tops.args)
    previous = await read_totals(db, tenant.schema, advertiser, before(filter_.range), filter_.offer)
    (total,) = (group for group in groups if group["kind"] is None)
    return Summary(
        filter=filter_,
        rows=[Line.of(tuple(row)) for row in rows],
        row_count=total["rows"],
        totals=figures_of(total),
        previous=previous,
        changes=changes(previous, figures_of(total)),
        days=await read_days(db, tenant.schema, advertiser, filter_),
        offers=[top_of(group) for group in groups if group["kind"] == "offer"],
        partners=[top_of(group) for group in groups if group["kind"] == "partner"],
        fresh=fresh,
    )


async def read_totals(
    db: Connection, schema: str, advertiser: UUID, range_: Range | None, offer: UUID | None
) -> Figures:
    if range_ is None:
        return Figures(Decimal(0), 0, 0, 0)
    query = totals(schema, advertiser, Filter(range_, offer))
    return figures_of(await db.fetchrow(query.sql, *query.args))


def figures_of(row: Any) -> Figures:
    return Figures(row["cost"], row["conversions"], row["clicks"], row["views"])


def top_of(row: Any) -> Top:
    return Top(row["id"], row["name"], row["os"], row["campaign"], figures_of(row))


def changes(old: Figures, new: Figures) -> dict[str, Change]:
    return {
        name: change(Decimal(getattr(old, name)), Decimal(getattr(new, name))) for name in Figures.__struct_fields__
    }


def change(old: Decimal, new: Decimal) -> Change:
    difference = new - old
    return Change(
        Decimal(exact(difference)), (difference / old * 100).quantize(ONE_PLACE, ROUND_HALF_EVEN) if old else None
    )
