"""What a dashboard shows: every choice is in its query string, so that a link or a saved view has them all."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec

from reporting.dashboard.periods import (
    COMPARISONS,
    CUSTOM,
    FIRST_DAY,
    LABELS,
    MAX_DAYS,
    PRESETS,
    USUAL,
    Comparison,
    Days,
    Period,
    preset_period,
    previous_period,
)
from reporting.filters import DATE, LAST_DAY
from reporting.list_parameters import ParameterReader, choice, first_of, read_uuids
from reporting.query.columns import Group, Metric
from reporting.query.parameters import SYSTEMS, Parameters
from reporting.query.statements import Order
from web.problems import FieldError

BucketLength = Literal["day", "week", "month"]

DESCENDING = "-"  # before the name of a sort order
BUCKETS: tuple[BucketLength, ...] = ("day", "week", "month")
# The tables: their label, and the groups of their rows. The first group is the one that they are sorted by.
BREAKDOWNS: Mapping[str, tuple[str, tuple[Group, ...]]] = {
    "advertiser": ("Advertisers", ("advertiser",)),
    "offer": ("Offers", ("offer", "os", "campaign")),
    "partner": ("Partners", ("partner",)),
    "offer_partner": ("Offers and partners", ("offer", "os", "campaign", "partner")),
    "campaign": ("Campaigns", ("campaign",)),
    "os": ("OS", ("os",)),
}
# The sort orders of tables, and the metric; None: the name.
SORTS: Mapping[str, Metric | None] = {
    "name": None,
    "cost": "cost",
    "conversions": "conversions",
    "clicks": "clicks",
    "views": "views",
    "cpa": "costPerConversion",
    "rate": "conversionRate",
}
METRICS: tuple[Metric, ...] = ("cost", "conversions", "clicks", "views", "costPerConversion", "conversionRate")
FILTERS = ("offer_id", "partner_id", "os", "campaign")
STAFF_FILTERS = ("advertiser_id", *FILTERS)
DATES = ("date_from", "date_to")
PERIOD = ("period", *DATES)
COMPARED_DATES = ("compare_from", "compare_to")
COMPARED = ("compare", *COMPARED_DATES)
NAMES = (*PERIOD, *FILTERS, "group", *COMPARED, "by", "sort", "days_sort")
STAFF_NAMES = (*NAMES, "advertiser_id", "currency")
OLD_NAMES = {"offerid": "offer_id"}  # in links from before there were more filters


class Choices(msgspec.Struct, frozen=True):
    """`given` are the parameters of the query string, without empty ones. `by` is a key of BREAKDOWNS, `sort` one of
    SORTS. `days_sort` is the order of the table of days: whether it is descending, and a key of SORTS; its name is the
    day. `compared` are the days to compare with, or None.
    """

    given: Mapping[str, str]
    period: Period
    bucket: BucketLength
    filters: Mapping[str, str]
    comparison: str
    compared: Days | None
    by: str
    sort: str
    descending: bool
    days_sort: tuple[bool, str]
    currency: str | None
    staff: bool = False

    def query(self, **changes: str) -> str:
        """The query string with other choices; an empty one is the usual choice."""
        return urlencode({name: value for name, value in {**self.given, **changes}.items() if value})

    def with_days(self, first: date, last: date, **changes: str) -> str:
        """The same with fixed days, so that the link shows the same days tomorrow."""
        return self.query(period="", date_from=str(first), date_to=str(last), **changes)

    @property
    def sort_key(self) -> str:
        return DESCENDING * self.descending + self.sort

    @property
    def groups(self) -> tuple[Group, ...]:
        groups = BREAKDOWNS[self.by][1]
        return (*groups, "advertiser") if self.staff and "offer" in groups else groups

    @property
    def order(self) -> tuple[Order, ...]:
        """Of the table's rows. Ties are in order of their groups."""
        metric = SORTS[self.sort]
        if metric is None:
            return (Order(self.groups[0], self.descending),)
        return (Order(metric, self.descending), *([Order("clicks", descending=True)] if metric == "cost" else []))

    def comparison_of(self, zone: ZoneInfo, now: datetime, kept_since: datetime | None) -> Comparison | None:
        if self.compared is None:
            return None
        return Comparison(self.comparison, *self.compared).cut(self.period, now.astimezone(zone), kept_since)

    def parameters(
        self, groups: tuple[Group, ...] = (), order: tuple[Order, ...] = (), limit: int | None = None
    ) -> Parameters:
        """Of the query for the page's figures."""
        return Parameters(
            date_from=str(self.period.first),
            date_to=str(self.period.last),
            period=None,
            time_zone=None,
            groups=groups,
            metrics=METRICS,
            filters={name: (value,) for name, value in self.filters.items()},
            zeros=False,
            sort=order,
            limit=limit,
            as_of=None,
            decimals_as_text=False,
            format=None,
        )


def read_choices(pairs: Iterable[tuple[str, Any]], today: date, *, staff: bool = False) -> Choices:
    """From the pairs of the query string. Empty values, which forms send for “all”, count as left out.

    Raises Problem 400, which names each invalid parameter.
    """
    usable = [
        (OLD_NAMES.get(name.lower(), name), value) for name, value in pairs if value.strip() or name.lower() in DATES
    ]
    reader = ParameterReader(usable, STAFF_NAMES if staff else NAMES, ())
    by = reader.one_of("by", [name for name in BREAKDOWNS if staff or name != "advertiser"])
    period = read_period(reader, today)
    descending, sort = reader.read("sort", lambda values: read_sort(values[0]), (True, "cost"))
    comparison = reader.one_of("compare", list(COMPARISONS), "previous")
    choices = Choices(
        given={
            name: values[0]
            for name, values in reader.given.items()
            if comparison == CUSTOM or name not in COMPARED_DATES
        },
        period=period,
        bucket=reader.one_of("group", BUCKETS, usual_bucket(period)),
        filters=read_filters(reader, STAFF_FILTERS if staff else FILTERS),
        comparison=comparison,
        compared=read_compared(reader, comparison, period),
        by=by or ("advertiser" if staff else "offer"),
        sort=sort,
        descending=descending,
        days_sort=reader.read("days_sort", lambda values: read_sort(values[0]), (True, "name")),
        currency=reader.read("currency", lambda values: read_currency(values[0])),
        staff=staff,
    )
    reader.check()
    return choices


def read_period(reader: ParameterReader, today: date) -> Period:
    """A preset, or two dates; the last 30 days if the query has neither. Adds errors to the reader."""
    name = reader.read("period", lambda values: read_preset(values[0]))
    usual = preset_period(USUAL, today)
    dated = any(each in reader.given for each in DATES) or any(each.field in DATES for each in reader.errors)
    if dated and name not in {None, CUSTOM}:
        reader.errors.append(FieldError("period", f"{name!r} cannot be combined with date_from and date_to"))
    if not dated and name != CUSTOM:
        return preset_period(name or USUAL, today)
    days = read_days(reader, *DATES)
    return Period(CUSTOM, *days) if days else usual


def read_days(reader: ParameterReader, first_name: str, last_name: str) -> Days | None:
    """None, with an error, unless both dates are there."""
    wrong = {error.field for error in reader.errors}
    first, last = (reader.read(name, lambda values: read_day(values[0])) for name in (first_name, last_name))
    for name in first_name, last_name:
        if name not in reader.given and name not in wrong:
            reader.errors.append(FieldError(name, "is required, such as 2024-01-22"))
    if first is None or last is None:
        return None
    if first > last:
        reader.errors.append(FieldError(first_name, f"is after {last_name}: {first} > {last}"))
    elif (last - first).days >= MAX_DAYS:
        days = (last - first).days + 1
        reader.errors.append(
            FieldError(first_name, f"is the first of {days} days; a page shows {MAX_DAYS} at most, the API any number")
        )
    else:
        return first, last
    return None


def read_day(text: str) -> date:
    if not DATE.fullmatch(text):
        raise ValueError(f"{text!r} is not a date such as 2024-01-22")
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date that exists") from error
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"{text!r} is not from {FIRST_DAY} to {LAST_DAY}")
    return day


def read_compared(reader: ParameterReader, comparison: str, period: Period) -> Days | None:
    """None: there is no comparison. The days of CUSTOM are those of the previous period until others are chosen."""
    days_of = COMPARISONS[comparison][1]
    if comparison == CUSTOM:
        chosen = any(name in reader.given for name in COMPARED_DATES)
        return read_days(reader, *COMPARED_DATES) if chosen else previous_period(period)
    return days_of(period) if days_of else None


def read_preset(text: str) -> str:
    name = text.lower().replace("-", "_")
    if name not in {*PRESETS, CUSTOM}:
        raise ValueError(f"{text!r} is not valid; valid values: {', '.join([*LABELS, CUSTOM])}")
    return name


def read_sort(text: str) -> tuple[bool, str]:
    """Whether it is descending, and the key of SORTS."""
    return text.startswith(DESCENDING), choice(text.removeprefix(DESCENDING), list(SORTS))


def read_filters(reader: ParameterReader, names: tuple[str, ...]) -> dict[str, str]:
    values = {
        name: reader.read(name, first_of)
        if name == "campaign"
        else reader.one_of(name, SYSTEMS)
        if name == "os"
        else reader.read(name, lambda given: read_uuids(given)[0])
        for name in names
    }
    return {name: value for name, value in values.items() if value is not None}


def read_currency(text: str) -> str:
    if not (len(text) == 3 and text.isascii() and text.isalpha()):
        raise ValueError(f"{text!r} is not an ISO 4217 code such as USD")
    return text.upper()


def usual_bucket(period: Period) -> BucketLength:
    if period.days <= 92:
        return "day"
    return "week" if period.days <= 184 else "month"
