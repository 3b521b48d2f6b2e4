"""The time buckets of a query: its hours, days, weeks and months in a time zone, clipped to its range."""

from calendar import monthrange
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from reporting.finality import Finality
from reporting.query.columns import TIME_GROUPS, Group, has_time
from reporting.query.identity import bucket_ends
from reporting.query.zones import hours_of_day, local_date, start_of_day
from reporting.ranges import DAY, HOUR, QUARTER, UNITS, BucketSpan, Range, Unit, bucket_spans

LENGTHS = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 28 * DAY}


class TimeBucket(msgspec.Struct, frozen=True):
    """`range` is clipped. `hour`, `day`, `week` and `month` are names of whole ones: with several time groups, a bucket
    is what is in the same period of each. `last_day` is the local day that contains the end of the range.
    """

    range: Range
    last_day: date
    hour: str | None = None
    day: date | None = None
    week: date | None = None
    month: date | None = None


def time_buckets(
    range_: Range, zone: ZoneInfo, groups: Collection[Group], since: datetime | None = None
) -> Iterator[TimeBucket]:
    """In order of time: those that end after `since`. Without a time group, the whole range is one bucket."""
    last_day = local_date(range_.end - QUARTER, zone)
    if not has_time(groups):
        yield TimeBucket(range_, last_day)
        return
    first = max(range_.start, since or range_.start)
    if first >= range_.end:
        return
    day = period_start(local_date(first, zone), groups)
    while day <= last_day:
        next_day = period_end(day, groups, last_day + DAY)
        start, end = start_of_day(day, zone), start_of_day(next_day, zone)
        pieces = hours_of_day(day, zone) if "hour" in groups else [(start, end, None)]
        for start, end, hour in pieces:
            clipped = Range(max(start, range_.start), min(end, range_.end))
            if clipped.start < clipped.end and end > first:
                last = min(next_day - DAY, last_day)
                yield TimeBucket(clipped, last, hour, day, monday(day), day.replace(day=1))
        day = next_day


def period_start(day: date, groups: Collection[Group]) -> date:
    """The first day of the days that belong to the same bucket as `day`."""
    if "hour" in groups or "day" in groups:
        return day
    starts = [monday(day) if group == "week" else day.replace(day=1) for group in groups if group in {"week", "month"}]
    return max(starts)


def period_end(day: date, groups: Collection[Group], limit: date) -> date:
    """The day after these days; at most `limit`, so that it is within the calendar."""
    if "hour" in groups or "day" in groups:
        return day + DAY
    days = [
        7 - day.weekday() if group == "week" else monthrange(day.year, day.month)[1] - day.day + 1
        for group in groups
        if group in {"week", "month"}
    ]
    return day + timedelta(days=min(*days, (limit - day).days))


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def estimated_buckets(range_: Range, groups: Collection[Group]) -> int:
    """Roughly how many time buckets the range has."""
    finest = next((group for group in TIME_GROUPS if group in groups), None)
    return 1 if finest is None else (range_.end - range_.start) // LENGTHS[finest] + 1


def spans_of(range_: Range) -> tuple[BucketSpan, ...]:
    length = range_.end - range_.start
    if length == HOUR and range_.start.minute == 0:
        return (BucketSpan("hour", range_.start, range_.end),)
    return bucket_spans(range_, "hour" if length <= HOUR else "day" if length <= 2 * DAY else "month")


def bucket_parameters(
    buckets: Sequence[TimeBucket], groups: Collection[Group], finality: Finality, now: datetime
) -> dict[str, object]:
    """Of sql/query.sql. The buckets are numbered from 0."""
    parameters: dict[str, object] = {
        "numbers": list(range(len(buckets))),
        "bucket_ends": [bucket_ends(bucket.range) for bucket in buckets],
        "states": [finality.state(bucket.last_day) for bucket in buckets],
        "begun": [bucket.range.start <= now for bucket in buckets],
    }
    for group in TIME_GROUPS:
        parameters[f"{group}s"] = [getattr(bucket, group) for bucket in buckets] if group in groups else []
    numbered = [(number, span) for number, bucket in enumerate(buckets) for span in spans_of(bucket.range)]
    for unit in UNITS:
        of_unit = [each for each in numbered if each[1].unit == unit]
        parameters |= span_parameters(unit, of_unit, join="partner" not in groups)
    parameters["as_of_numbers"] = parameters["numbers"]
    parameters["as_of_starts"] = [bucket.range.start for bucket in buckets]
    parameters["as_of_ends"] = [bucket.range.end for bucket in buckets]
    return parameters


def span_parameters(unit: Unit, numbered: Collection[tuple[int, BucketSpan]], *, join: bool) -> dict[str, object]:
    """Of sql/query.sql: the spans of the unit with the numbers of their time buckets.

    `join`: consecutive spans that are added become one without a number; such spans do not overlap, as time buckets do
    not. `UNIT_bounds` are the starts of all that were joined, and `UNIT_numbers` the numbers of their time buckets.
    """
    joined: list[list[tuple[int, BucketSpan]]] = []
    for number, span in sorted(numbered, key=lambda each: (each[1].sign, each[1].start)):
        previous = joined[-1][-1][1] if joined else None
        if join and previous and span.sign == previous.sign == 1 and span.start == previous.end:
            joined[-1].append((number, span))
        else:
            joined.append([(number, span)])
    several = [each for spans in joined if len(spans) > 1 for each in spans]
    return {
        f"{unit}_buckets": [spans[0][0] if len(spans) == 1 else None for spans in joined],
        f"{unit}_starts": [spans[0][1].start for spans in joined],
        f"{unit}_ends": [spans[-1][1].end for spans in joined],
        f"{unit}_signs": [spans[0][1].sign for spans in joined],
        f"{unit}_bounds": [span.start for _, span in several],
        f"{unit}_numbers": [number for number, _ in several],
    }
