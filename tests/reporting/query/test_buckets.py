"""Which rows of the roll-ups sql/query.sql reads for its time buckets."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from reporting.finality import Finality
from reporting.query.buckets import TimeBucket, bucket_parameters, spans_of, time_buckets
from reporting.query.columns import TIME_GROUPS, Group
from reporting.ranges import LENGTHS, QUARTER, UNITS, Range, Unit

NOW = datetime(2025, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"]
ranges = st.builds(
    lambda start, length: Range(start, start + length),
    st.integers(0, 96 * 800).map(lambda quarters: datetime(2023, 1, 1, tzinfo=UTC) + quarters * QUARTER),
    st.one_of(st.integers(1, 400), st.integers(1, 96 * 40)).map(lambda quarters: quarters * QUARTER),
)


@settings(derandomize=True, deadline=None)
@given(ranges, st.sampled_from(ZONES).map(ZoneInfo), st.sets(st.sampled_from(TIME_GROUPS)))
def test_joined_spans_read_each_bucket_for_the_same_time_buckets(
    range_: Range, zone: ZoneInfo, groups: set[Group]
) -> None:
    buckets = list(time_buckets(range_, zone, groups))
    parameters = bucket_parameters(buckets, groups, Finality.at(NOW, zone, 30), NOW)
    for unit in UNITS:
        assert read(unit, parameters) == needed(unit, buckets)


def test_the_days_of_a_month_are_read_at_once_unless_partners_are_told_apart() -> None:
    utc = ZoneInfo("UTC")
    month = Range(datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC))
    groups: dict[str, tuple[Group, ...]] = {"offers": ("day", "offer"), "pairs": ("day", "offer", "partner")}
    starts = {
        name: bucket_parameters(list(time_buckets(month, utc, of)), of, Finality.at(NOW, utc, 30), NOW)["day_starts"]
        for name, of in groups.items()
    }
    assert starts["offers"] == [date(2024, 6, 1)]
    assert starts["pairs"] == [date(2024, 6, day) for day in range(1, 31)]


def needed(unit: Unit, buckets: list[TimeBucket]) -> Counter[Any]:
    """How often each bucket is added to each time bucket, less how often it is subtracted."""
    found: Counter[Any] = Counter()
    for number, bucket in enumerate(buckets):
        for span in spans_of(bucket.range):
            if span.unit == unit:
                for start in starts_within(unit, span.start, span.end):
                    found[number, start] += span.sign
    return found


def read(unit: Unit, parameters: dict[str, Any]) -> Counter[Any]:
    """The same, as the statement reads them."""
    found: Counter[Any] = Counter()
    names = ("buckets", "starts", "ends", "signs")
    for number, start, end, sign in zip(*(parameters[f"{unit}_{name}"] for name in names), strict=True):
        for each in starts_within(unit, start, end):
            place = bisect_right(parameters[f"{unit}_bounds"], each) - 1
            found[parameters[f"{unit}_numbers"][place] if number is None else number, each] += sign
    return found


def starts_within(unit: Unit, start: date, end: date) -> Iterator[date]:
    while start < end:
        yield start
        start = (start + timedelta(31)).replace(day=1) if unit == "month" else start + LENGTHS[unit]
