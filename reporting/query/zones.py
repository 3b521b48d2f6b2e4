"""Where local days and hours of a time zone begin in UTC.

Every instant here is in UTC and the start of a quarter of an hour. Offsets with minutes or seconds that are not
multiples of 15 minutes are from long before any data: what begins within a quarter begins with it.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from core.timestamps import midnight, quarter_of
from reporting.ranges import DAY, HOUR, QUARTER


def instants(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """When clocks in the zone show this time, which has no offset: never, once or twice. In order.

    Raises OverflowError outside of the years 1 to 9999 in UTC.
    """
    candidates = [local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    return sorted({each for each in candidates if each.astimezone(zone).replace(tzinfo=None, fold=0) == local})


@lru_cache(65_536)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of the local day. A day that the zone skips begins with the day after. Raises OverflowError."""
    local = datetime.combine(day, time())
    if found := instants(local, zone):
        return quarter_of(found[0])
    # Midnight does not exist: the day begins when clocks are put forward, between these two.
    instant, latest = sorted(local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    instant = quarter_of(instant)
    while instant < latest and instant.astimezone(zone).date() < day:
        instant += QUARTER
    return instant


def local_date(instant: datetime, zone: ZoneInfo) -> date:
    """The day that `start_of_day` says the instant is in: also while clocks show the day before once more."""
    day = instant.astimezone(zone).date()
    while start_of_day(day + DAY, zone) <= instant:
        day += DAY
    return day


def hours_of_day(day: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime, str]]:
    """The start, end and name of each hour of the local day. The name is the local time at the start, with its offset.

    An hour ends when clocks show the next one, or are changed.
    """
    start, end = start_of_day(day, zone), start_of_day(day + DAY, zone)
    for first, last in pairwise([*hour_starts(start, end, zone), end]):
        yield first, last, name_of_hour(first, zone)


def hour_starts(instant: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Of the hours in [instant, end), where the first one begins."""
    previous = None
    while instant < end:
        local = instant.astimezone(zone)
        current = local.hour, local.utcoffset()
        if current != previous:
            yield instant
            previous = current
        whole = local.minute == 0 and (instant + HOUR).astimezone(zone).utcoffset() == current[1]
        instant += HOUR if whole else QUARTER


def name_of_hour(instant: datetime, zone: ZoneInfo) -> str:
    """ISO 8601 of the start of an hour, such as 2025-03-30T03:00:00+02:00."""
    return instant.astimezone(zone).isoformat(timespec="seconds")


def utc_midnight_before(instant: datetime) -> datetime:
    return midnight(instant.date())
