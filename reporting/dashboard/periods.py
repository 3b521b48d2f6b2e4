"""Which days a page shows: a named period or two dates, and maybe one offer. Whole UTC days, both ends inclusive."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from core.timestamps import midnight
from reporting.filters import DATE, Filter, collect, make_filter, query_pairs
from reporting.ranges import DAY, Range
from web.problems import FieldError, invalid_parameters
from web.requests import AnyRequest

NAMES = ("period", "date_from", "date_to", "offerId")
CUSTOM = "custom"
USUAL = "last-30-days"
MAX_DAYS = 731  # two years, one of which may be a leap year

Days = tuple[date, date]  # first and last


def ending_today(count: int) -> Callable[[date], Days]:
    return lambda today: (today - (count - 1) * DAY, today)


def last_month(today: date) -> Days:
    last = today.replace(day=1) - DAY
    return last.replace(day=1), last


# Each with the words for it and, of today, its days. What runs on ends with today.
PRESETS: Mapping[str, tuple[str, Callable[[date], Days]]] = {
    "today": ("Today", ending_today(1)),
    "yesterday": ("Yesterday", lambda today: (today - DAY, today - DAY)),
    "last-7-days": ("Last 7 days", ending_today(7)),
    "last-30-days": ("Last 30 days", ending_today(30)),
    "last-90-days": ("Last 90 days", ending_today(90)),
    "this-month": ("This month", lambda today: (today.replace(day=1), today)),
    "last-month": ("Last month", last_month),
    "year-to-date": ("Year to date", lambda today: (today.replace(month=1, day=1), today)),
}
LABELS: Mapping[str, str] = {name: label for name, (label, _) in PRESETS.items()}


class Period(msgspec.Struct, frozen=True):
    """`name` is that of a preset, or CUSTOM."""

    name: str
    first: date
    last: date
    offer: UUID | None = None

    @property
    def filter(self) -> Filter:
        start = midnight(self.first)
        return Filter(Range(start, midnight(self.last) + DAY), self.offer)

    @property
    def query(self) -> str:
        """The query string that asks for this period again. A preset's moves on with the days."""
        if self.name == CUSTOM:
            asked = {"date_from": str(self.first), "date_to": str(self.last)}
        else:
            asked = {"period": self.name}
        return urlencode(asked | ({"offerId": str(self.offer)} if self.offer else {}))


def read_period(request: AnyRequest, now: datetime) -> Period:
    """Of a page's query: `period` (a preset's name), or `date_from` and `date_to`; and `offerId`, where an empty one,
    which a form's “all offers” sends, is none. Without any of them, the last 30 days.

    Raises Problem 400 like the API, naming each field that is wrong.
    """
    return period_of(query_pairs(request.scope["query_string"]), now.date())


def period_of(pairs: Iterable[tuple[str, Any]], today: date) -> Period:
    """The same, of the query's names and values."""
    given = collect([pair for pair in pairs if pair[1].strip() or pair[0].lower() != "offerid"], NAMES)
    name = given.pop("period", None)
    dated = "date_from" in given or "date_to" in given
    if dated and name not in {None, CUSTOM}:
        raise invalid_parameters(FieldError("period", f"{name!r} goes without date_from and date_to"))
    if dated or name == CUSTOM:
        return custom(given)
    if name is not None and name not in PRESETS:
        raise invalid_parameters(FieldError("period", f"{name!r} is none of {', '.join([*PRESETS, CUSTOM])}"))
    first, last = PRESETS[name or USUAL][1](today)
    return Period(
        name or USUAL, first, last, make_filter(given | {"date_from": str(first), "date_to": str(last)}).offer
    )


def custom(given: dict[str, str]) -> Period:
    errors = [
        FieldError(field, f"{given[field]!r} is not a date such as 2024-01-22")
        for field in ("date_from", "date_to")
        if field in given and not DATE.fullmatch(given[field])
    ]
    if errors:
        raise invalid_parameters(*errors)
    filter_ = make_filter(given)
    days = (filter_.range.end - filter_.range.start) // DAY
    if days > MAX_DAYS:
        raise invalid_parameters(
            FieldError("date_from", f"is the first of {days} days; a page shows {MAX_DAYS} at most, the API any number")
        )
    return Period(CUSTOM, filter_.range.start.date(), (filter_.range.end - DAY).date(), filter_.offer)


def before(range_: Range) -> Range | None:
    """The range of the same length that ends where this one starts; None where the calendar does not reach so far."""
    length = range_.end - range_.start
    if range_.start - datetime.min.replace(tzinfo=UTC) < length:
        return None
    return Range(range_.start - length, range_.start)
