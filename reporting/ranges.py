"""Ranges of time, and how they are made up of buckets: months, days, hours and their quarters, added or subtracted."""

from datetime import MAXYEAR, UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import Literal, get_args

import msgspec

from core.timestamps import iso, midnight

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Unit = Literal["month", "day", "hour", "quarter"]

UNITS: tuple[Unit, ...] = get_args(Unit)
FINER: dict[Unit, Unit] = {"month": "day", "day": "hour", "hour": "quarter"}
LENGTHS: dict[Unit, timedelta] = {"day": DAY, "hour": HOUR, "quarter": QUARTER}

CALENDAR_END = datetime.max.replace(tzinfo=UTC)
LAST_MONTH = datetime(MAXYEAR, 12, 1, tzinfo=UTC)  # ends at CALENDAR_END, since the calendar has no next month


class Range(msgspec.Struct, frozen=True):
    """Half-open, in UTC. Both ends are starts of a quarter of an hour."""

    start: datetime
    end: datetime

    def __contains__(self, time: datetime) -> bool:
        return self.start <= time < self.end

    def __str__(self) -> str:
        return f"{iso(self.start)}/{iso(self.end)}"


class BucketSpan(msgspec.Struct, frozen=True):
    """The buckets of one unit that start in [start, end): dates for months and days, UTC times for hours and quarters.

    The sign is 1 if they are added, and -1 if they are subtracted.
    """

    unit: Unit
    start: date
    end: date
    sign: int = 1

    @property
    def buckets(self) -> int:
        if self.unit == "month":
            return (self.end.year - self.start.year) * 12 + self.end.month - self.start.month
        return (self.end - self.start) // LENGTHS[self.unit]


@lru_cache(4_096)
def bucket_spans(
    range_: Range, unit: Unit = "month", *, only_add: bool = False, sign: int = 1
) -> tuple[BucketSpan, ...]:
    """The fewest buckets of `unit` and finer units that make up the range exactly.

    A year without its first day is twelve months minus one day or, with `only_add`, eleven months and thirty days.
    """
    if range_.start >= range_.end:
        return ()
    if unit == "quarter":
        return (BucketSpan("quarter", range_.start, range_.end, sign),)
    finer = FINER[unit]
    only_finer = bucket_spans(range_, finer, only_add=only_add, sign=sign)
    if only_add:
        first, last = ceil(range_.start, unit), floor(range_.end, unit)
    else:
        first, last = nearest(range_.start, unit), nearest(range_.end, unit)
    if first >= last:
        return only_finer
    edge = partial(bucket_spans, unit=finer, only_add=only_add)
    spans = (
        *edge(Range(range_.start, first), sign=sign),
        *edge(Range(first, range_.start), sign=-sign),
        BucketSpan(unit, *((first, last) if unit == "hour" else (first.date(), last.date())), sign),
        *edge(Range(last, range_.end), sign=sign),
        *edge(Range(range_.end, last), sign=-sign),
    )
    return min(spans, only_finer, key=lambda chosen: sum(span.buckets for span in chosen))


def floor(instant: datetime, unit: Unit) -> datetime:
    if unit == "hour":
        return instant.replace(minute=0)
    return floor_month(instant) if unit == "month" else floor_day(instant)


def ceil(instant: datetime, unit: Unit) -> datetime:
    earlier = floor(instant, unit)
    if earlier == instant:
        return instant
    if unit != "month":
        return earlier + LENGTHS[unit]
    return CALENDAR_END if earlier == LAST_MONTH else floor_month(earlier + timedelta(days=31))


def nearest(instant: datetime, unit: Unit) -> datetime:
    earlier = floor(instant, unit)
    later = ceil(instant, unit)
    if later == CALENDAR_END:  # its bucket would not be whole
        return earlier
    return later if later - instant < instant - earlier else earlier


def floor_day(instant: datetime) -> datetime:
    return midnight(instant.date())


def ceil_day(instant: datetime) -> datetime:
    return ceil(instant, "day")


def floor_month(instant: datetime) -> datetime:
    return floor_day(instant).replace(day=1)


# Parameters of the statements in sql/


@lru_cache(4_096)
def single_month(range_: Range) -> date | None:
    """The first day of the month that the range is, if it is exactly one."""
    spans = bucket_spans(range_)
    single = len(spans) == 1 and spans[0].unit == "month" and spans[0].buckets == 1
    return spans[0].start if single else None


@lru_cache(4_096)
def metrics_parameters(range_: Range) -> dict[str, object]:
    """Of sql/metrics.sql: the starts, ends and signs of the range's spans, by unit."""
    spans = bucket_spans(range_)
    parameters: dict[str, object] = {}
    for unit in UNITS:
        of_unit = [span for span in spans if span.unit == unit]
        parameters[f"{unit}_starts"] = [span.start for span in of_unit]
        parameters[f"{unit}_ends"] = [span.end for span in of_unit]
        parameters[f"{unit}_signs"] = [span.sign for span in of_unit]
    return parameters


@lru_cache(4_096)
def daily_metrics_parameters(range_: Range) -> dict[str, object]:
    """Of sql/singular.sql: the whole days, and the quarters of a first or last day that is only partly in the range."""
    spans = bucket_spans(range_, "day", only_add=True)
    days = next((span for span in spans if span.unit == "day"), None)
    quarters = [span for span in spans if span.unit != "day"]  # hours are read as their quarters
    return {
        "from_day": range_.start.date(),
        "first_day": days.start if days else None,
        "end_day": days.end if days else None,
        "quarter_starts": [span.start for span in quarters],
        "quarter_ends": [span.end for span in quarters],
    }


@lru_cache(4_096)
def change_mark_parameters(range_: Range) -> dict[str, object]:
    """Of sql/validators_cte.sql. Changes are marked by day and by month; a month's version is not the sum of its
    days' versions, so that months are never made up by subtracting.
    """
    spans = bucket_spans(Range(floor_day(range_.start), ceil_day(range_.end)), only_add=True)
    parameters: dict[str, object] = {}
    for unit in ("month", "day"):
        of_unit = [span for span in spans if span.unit == unit]
        parameters[f"marked_{unit}_starts"] = [span.start for span in of_unit]
        parameters[f"marked_{unit}_ends"] = [span.end for span in of_unit]
    return parameters


def day_parameters(range_: Range) -> dict[str, object]:
    """The days that the range touches, as [first_day, end_day)."""
    return {"first_day": range_.start.date(), "end_day": ceil_day(range_.end).date()}
