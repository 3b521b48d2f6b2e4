"""Metrics of each UTC day, and whether they are final."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import msgspec

from core.timestamps import midnight
from database.pool import Connection
from database.sql import SqlFile
from reporting.filters import Filter
from reporting.ranges import day_parameters

DAILY = SqlFile(Path(__file__).parent / "sql" / "daily.sql")
A_DAY = timedelta(days=1)
GRACE = timedelta(hours=24)


class DailyMetrics(msgspec.Struct, frozen=True):
    """One UTC day of an advertiser, or of one of its offers. `changed_at` is when its figures last changed, None where
    nothing was ever counted on it. A day without figures has zeros.
    """

    day: date
    cost: Decimal
    conversions: int
    clicks: int
    views: int
    changed_at: datetime | None

    @property
    def over_at(self) -> datetime:
        return midnight(self.day) + A_DAY

    @property
    def restated(self) -> bool:
        """Whether its figures changed 24 hours or more after the (UTC) day had ended: a conversion reported late,
        confirmed, corrected or rejected. Who pulled the day before that has other figures. What comes within the 24
        hours is the usual delay of reporting. History that was taken in later than that is restated, too: until then
        the reports said zero.
        """
        return self.changed_at is not None and self.changed_at >= self.over_at + GRACE

    def provisional(self, now: datetime) -> bool:
        """Whether the day is not over yet (or not begun), so that its figures are sure to be incomplete."""
        return now < self.over_at


async def read_daily(db: Connection, schema: str, advertiser: UUID, filter_: Filter) -> list[DailyMetrics]:
    """Each day of the filter's range, in order, with figures or without. The range must be of whole days."""
    query = DAILY.bind(schema, advertiser=advertiser, offer=filter_.offer, **day_parameters(filter_.range))
    counted = {row["day"]: DailyMetrics(*row) for row in await db.fetch(query.sql, *query.args)}
    first = filter_.range.start.date()
    days = [first + n * A_DAY for n in range((filter_.range.end - filter_.range.start) // A_DAY)]
    return [counted.get(day) or DailyMetrics(day, Decimal(0), 0, 0, 0, None) for day in days]
