"""The days that a page shows, and those that it compares them with. Local days of a time zone, both ends inclusive."""

from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from core.timestamps import quarter_of
from reporting.query.zones import instants, start_of_day
from reporting.ranges import DAY, Range

CUSTOM = "custom"
USUAL = "last_30_days"
FIRST_DAY = date(2000, 1, 1)
MAX_DAYS = 731  # two years, one of which may be a leap year

Days = tuple[date, date]  # first and last


def ending_today(count: int) -> Callable[[date], Days]:
    return lambda today: (today - (count - 1) * DAY, today)


def last_month(today: date) -> Days:
    last = today.replace(day=1) - DAY
    return last.replace(day=1), last


# The label of each period and, for a given today, its days. Current periods end today. Names are the API's.
PRESETS: Mapping[str, tuple[str, Callable[[date], Days]]] = {
    "today": ("Today", ending_today(1)),
    "yesterday": ("Yesterday", lambda today: (today - DAY, today - DAY)),
    "last_7_days": ("Last 7 days", ending_today(7)),
    "last_30_days": ("Last 30 days", ending_today(30)),
    "last_90_days": ("Last 90 days", ending_today(90)),
    "this_month": ("This month", lambda today: (today.replace(day=1), today)),
    "last_month": ("Last month", last_month),
    "year_to_date": ("Year to date", lambda today: (today.replace(month=1, day=1), today)),
}
LABELS: Mapping[str, str] = {name: label for name, (label, _) in PRESETS.items()}


class Period(msgspec.Struct, frozen=True):
    """`name` is that of a preset, or CUSTOM."""

    name: str
    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def range(self, zone: ZoneInfo) -> Range:
        return Range(start_of_day(self.first, zone), start_of_day(self.last + DAY, zone))


def preset_period(name: str, today: date) -> Period:
    return Period(name, *PRESETS[name][1](today))


def previous_period(period: Period) -> Days:
    """As many days just before."""
    return period.first - period.days * DAY, period.first - DAY


def same_days_months_ago(period: Period, months: int) -> Days:
    """Whole months are compared with whole months, however many days they have."""
    first, last = months_ago(period.first, months), months_ago(period.last, months)
    if period.first.day == 1 and (period.last + DAY).day == 1:
        last = last.replace(day=monthrange(last.year, last.month)[1])
    return first, last


def months_ago(day: date, months: int) -> date:
    """The same day of an earlier month, or its last day if it has no such day. Raises ValueError before the year 1."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


# The label of each comparison, and its days. Those of CUSTOM are chosen.
COMPARISONS: Mapping[str, tuple[str, Callable[[Period], Days] | None]] = {
    "previous": ("Previous period", previous_period),
    "month": ("Same days last month", lambda period: same_days_months_ago(period, 1)),
    "year": ("Same days last year", lambda period: same_days_months_ago(period, 12)),
    CUSTOM: ("Other days", None),
    "none": ("No comparison", None),
}


class Comparison(msgspec.Struct, frozen=True):
    """The days with which a period is compared. `until` is where they are cut, because the period has not ended: at the
    time of day that it is now. None if they are whole.
    """

    name: str
    first: date
    last: date
    until: datetime | None = None

    def range(self, zone: ZoneInfo) -> Range:
        whole = Period(self.name, self.first, self.last).range(zone)
        return Range(whole.start, self.until) if self.until else whole

    def cut(self, period: Period, now: datetime, kept_since: datetime | None) -> "Comparison":
        """With the same hours only, if the period contains `now`, which has the period's time zone. Before `kept_since`
        there are no quarters of an hour, and the cut is at a whole hour.
        """
        assert isinstance(now.tzinfo, ZoneInfo)
        day = self.first + (now.date() - period.first)
        if not (period.first <= now.date() <= period.last and day <= self.last):
            return self
        since_midnight = timedelta(hours=now.hour, minutes=now.minute)
        times = instants(datetime.combine(day, now.time()), now.tzinfo)
        cut = quarter_of(times[0] if times else start_of_day(day, now.tzinfo) + since_midnight)
        if kept_since and cut < kept_since:
            cut = cut.replace(minute=0)
        return msgspec.structs.replace(self, until=max(cut, start_of_day(self.first, now.tzinfo)))
