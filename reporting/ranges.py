"""Tiling a range with few buckets: whole months, whole days and quarters of an hour, added or taken away."""

from datetime import MAXYEAR, UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import Literal

import msgspec

from core.timestamps import midnight
from reporting.filters import DAY, QUARTER, Range

Unit = Literal["by_month", "by_day", "by_quarter"]

END = datetime.max.replace(tzinfo=UTC)
LAST_MONTH = datetime(MAXYEAR, 12, 1, tzinfo=UTC)  # ends with END: the calendar has no start of a next one


class Tile(msgspec.Struct, frozen=True):
    """Buckets of one table whose start is in [start, end). Dates for months and days, instants for quarters. With
    `minus` they are taken away from those of the other tiles.
    """

    table: Unit
    start: date
    end: date
    minus: bool = False

    @property
    def buckets(self) -> int:
        if self.table == "by_month":
            return (self.end.year - self.start.year) * 12 + self.end.month - self.start.month
        return (self.end - self.start) // (DAY if self.table == "by_day" else QUARTER)


@lru_cache(4_096)
def tile(range_: Range, unit: Unit = "by_month", *, only_add: bool = False, minus: bool = False) -> tuple[Tile, ...]:
    """The fewest buckets, of `unit` and finer, that make up the range exactly: a year without its first day is twelve
    months minus a day; with `only_add`, eleven months and thirty days.
    """
    if range_.start >= range_.end:
        return ()
    if unit == "by_quarter":
        return (Tile("by_quarter", range_.start, range_.end, minus),)
    finer: Unit = "by_quarter" if unit == "by_day" else "by_day"
    without = tile(range_, finer, only_add=only_add, minus=minus)
    if only_add:
        first, last = ceil(range_.start, unit), floor(range_.end, unit)
    else:
        first, last = nearest(range_.start, unit), nearest(range_.end, unit)
    if first >= last:
        return without
    edge = partial(tile, unit=finer, only_add=only_add)
    tiles = (
        *edge(Range(range_.start, first), minus=minus),
        *edge(Range(first, range_.start), minus=not minus),
        Tile(unit, first.date(), last.date(), minus),
        *edge(Range(last, range_.end), minus=minus),
        *edge(Range(range_.end, last), minus=not minus),
    )
    return min(tiles, without, key=lambda chosen: sum(each.buckets for each in chosen))


def floor(instant: datetime, unit: Unit) -> datetime:
    return floor_month(instant) if unit == "by_month" else floor_day(instant)


def ceil(instant: datetime, unit: Unit) -> datetime:
    earlier = floor(instant, unit)
    if earlier == instant:
        return instant
    if unit == "by_day":
        return earlier + DAY
    return END if earlier == LAST_MONTH else floor_month(earlier + timedelta(days=31))


def nearest(instant: datetime, unit: Unit) -> datetime:
    earlier = floor(instant, unit)
    later = ceil(instant, unit)
    if later == END:  # no bucket of it would be whole
        return earlier
    return later if later - instant < instant - earlier else earlier


def floor_day(instant: datetime) -> datetime:
    return midnight(instant.date())


def ceil_day(instant: datetime) -> datetime:
    return ceil(instant, "by_day")


def floor_month(instant: datetime) -> datetime:
    return floor_day(instant).replace(day=1)
