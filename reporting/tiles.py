"""Tiling a range with the coarsest buckets: whole months, then whole days, then quarters of an hour at ragged ends."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import msgspec

from reporting.filters import Range

Unit = Literal["by_month", "by_day", "by_quarter"]


class Tile(msgspec.Struct, frozen=True):
    """Buckets of one table whose start is in [start, end). Dates for months and days, instants for quarters."""

    table: Unit
    start: date
    end: date


def tile(range_: Range, coarsest: Unit = "by_month") -> list[Tile]:
    """Tiles that cover the range exactly, each instant once."""
    if coarsest == "by_quarter":
        return [Tile("by_quarter", range_.start, range_.end)] if range_.start < range_.end else []
    finer: Unit = "by_quarter" if coarsest == "by_day" else "by_day"
    start, end = (ceil_day, floor_day) if coarsest == "by_day" else (ceil_month, floor_month)
    first, last = start(range_.start), end(range_.end)
    if first >= last:
        return tile(range_, finer)
    return [
        *tile(Range(range_.start, first), finer),
        Tile(coarsest, first.date(), last.date()),
        *tile(Range(last, range_.end), finer),
    ]


def floor_day(instant: datetime) -> datetime:
    return datetime.combine(instant.date(), time(), UTC)


def ceil_day(instant: datetime) -> datetime:
    floor = floor_day(instant)
    return floor if floor == instant else floor + timedelta(days=1)


def floor_month(instant: datetime) -> datetime:
    return floor_day(instant).replace(day=1)


def ceil_month(instant: datetime) -> datetime:
    floor = floor_month(instant)
    return floor if floor == instant else (floor + timedelta(days=31)).replace(day=1)
