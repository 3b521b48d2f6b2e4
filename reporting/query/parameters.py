"""The parameters of GET /api/v1/reports/query: `parse` checks them, and `Parameters.resolve` gives times their zone."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from core.time_zones import zone_of
from core.timestamps import DATE_TIME, midnight, quarter_of
from reporting.filters import DATE, LAST_DAY, LOST_PLUS
from reporting.list_parameters import ParameterReader, choice, choices, first_of, read_texts, read_uuids
from reporting.query.buckets import estimated_buckets
from reporting.query.columns import API_GROUPS, DEFAULT_METRICS, METRICS, TIME_GROUPS, Group, Metric, has_time
from reporting.query.statements import Order
from reporting.query.zones import instants, start_of_day
from reporting.ranges import DAY, QUARTER, Range
from web.problems import FieldError, invalid_parameters

FILTERS = ("offer_id", "partner_id", "os", "app", "campaign")
LISTS = ("group_by", "metrics", "sort", *FILTERS)
NAMES = ("date_from", "date_to", "period", "time_zone", *LISTS, "zeros", "limit", "as_of", "decimals", "format")
SYSTEMS = ("IOS", "ANDROID", "WEB")
PERIODS = ("today", "yesterday", "last_N_days", "this_month", "last_month")
LAST_DAYS = re.compile(r"last_(\d{1,5})_days")
MAX_LAST_DAYS = 9_999
LATEST_END = midnight(LAST_DAY) + DAY  # within the calendar in UTC too
MAX_ZEROS = 100_000  # time buckets: 11 years of hours
MAX_LIMIT = 2**31 - 1


class Parameters(msgspec.Struct, frozen=True):
    """Checked, except for times and the time zone, whose default is the advertiser's. `filters` has the filters that
    are given. `as_of` and `format` are None if they are not given.
    """

    date_from: str | None
    date_to: str | None
    period: str | None
    time_zone: str | None
    groups: tuple[Group, ...]
    metrics: tuple[Metric, ...]
    filters: dict[str, tuple[str, ...]]
    zeros: bool
    sort: tuple[Order, ...]
    limit: int | None
    as_of: str | None
    decimals_as_text: bool
    format: str | None

    def resolve(self, default_zone: str, now: datetime) -> tuple[ZoneInfo, Range]:
        """Raises Problem 400."""
        try:
            zone = zone_of(self.time_zone or default_zone)
        except ValueError as error:
            raise invalid_parameters(FieldError("time_zone", str(error))) from error
        if self.period:
            return zone, days_of_zone(*period_days(self.period, now.astimezone(zone).date()), zone)
        errors, times = [], []
        for name, text in ("date_from", self.date_from), ("date_to", self.date_to):
            assert text is not None
            try:
                times.append(read_end(text, zone) if name == "date_to" else read_start(text, zone))
            except ValueError as error:
                errors.append(FieldError(name, str(error)))
            except OverflowError:
                errors.append(FieldError(name, f"{text!r} is not from 0001-01-02 to {LAST_DAY - DAY}"))
        if errors:
            raise invalid_parameters(*errors)
        (first, start), (last, end) = times
        if first > last:
            raise invalid_parameters(FieldError("date_from", f"is after date_to: {self.date_from} > {self.date_to}"))
        range_ = Range(start, end)
        if self.zeros and estimated_buckets(range_, self.groups) > MAX_ZEROS:
            raise invalid_parameters(
                FieldError("zeros", f"adds at most {MAX_ZEROS} rows: choose a shorter range or a coarser group of time")
            )
        return zone, range_


def parse(pairs: Iterable[tuple[str, str]], formats: Sequence[str]) -> Parameters:
    """From the pairs of the query string. `formats` are the valid ones. Raises Problem 400, which names each invalid
    parameter.
    """
    parameters = ParameterReader(pairs, NAMES, LISTS)
    read, one_of = parameters.read, parameters.one_of
    groups = read("group_by", lambda values: choices(values, API_GROUPS), ())
    metrics = read("metrics", lambda values: choices(values, METRICS), DEFAULT_METRICS)
    parsed = Parameters(
        date_from=read("date_from", first_of),
        date_to=read("date_to", first_of),
        period=read("period", lambda values: read_period(values[0])),
        time_zone=read("time_zone", lambda values: zone_of(values[0]).key),
        groups=groups,
        metrics=metrics,
        filters={name: values for name in FILTERS if (values := read(name, FILTER_READERS[name]))},
        zeros=one_of("zeros", ("true", "false"), "false") == "true",
        sort=read("sort", lambda values: read_sort(values, (*groups, *METRICS)), ()),
        limit=read("limit", lambda values: read_limit(values[0])),
        as_of=read("as_of", first_of),
        decimals_as_text=one_of("decimals", ("number", "string"), "number") == "string",
        format=one_of("format", formats),
    )
    parameters.errors += missing(parsed, parameters.given)
    parameters.check()
    return parsed


def missing(parameters: Parameters, given: dict[str, list[str]]) -> list[FieldError]:
    """What is wrong with the parameters as a whole."""
    errors = []
    for name in ("date_from", "date_to"):
        if "period" in given and name in given:
            errors.append(FieldError(name, "cannot be combined with period"))
        elif "period" not in given and name not in given:
            errors.append(FieldError(name, "is required, such as 2024-01-22, unless period is given"))
    if parameters.zeros and not has_time(parameters.groups):
        errors.append(FieldError("zeros", f"needs a time group in group_by: {', '.join(TIME_GROUPS)}"))
    return errors


def read_sort(values: list[str], valid: Sequence[str]) -> tuple[Order, ...]:
    items = [item.strip() for value in values for item in value.split(",")]
    keys = choices([item.removeprefix("-") for item in items], valid)
    return tuple(Order(key, item.startswith("-")) for key, item in zip(keys, items, strict=True))  # type: ignore[arg-type]


def read_limit(text: str) -> int:
    if not re.fullmatch(r"\d{1,10}", text, re.ASCII) or not 1 <= int(text) <= MAX_LIMIT:
        raise ValueError(f"{text!r} is not a whole number from 1 to {MAX_LIMIT}")
    return int(text)


def read_systems(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(choice(text, SYSTEMS) for text in read_texts(values)))


FILTER_READERS = {
    "offer_id": read_uuids,
    "partner_id": read_uuids,
    "os": read_systems,
    "app": read_texts,
    "campaign": read_texts,
}


def read_period(text: str) -> str:
    period = text.lower()
    days = LAST_DAYS.fullmatch(period)
    if days and not 1 <= int(days[1]) <= MAX_LAST_DAYS:
        raise ValueError(f"{text!r} is not valid: N is a whole number from 1 to {MAX_LAST_DAYS}")
    if not days and period not in PERIODS:
        raise ValueError(f"{text!r} is not valid; valid values: {', '.join(PERIODS)}")
    return period


def period_days(period: str, today: date) -> tuple[date, date]:
    """The first and the last day."""
    if days := LAST_DAYS.fullmatch(period):
        return today - timedelta(days=int(days[1]) - 1), today
    first_of_month = today.replace(day=1)
    match period:
        case "today":
            return today, today
        case "yesterday":
            return today - DAY, today - DAY
        case "this_month":
            return first_of_month, today
    return (first_of_month - DAY).replace(day=1), first_of_month - DAY


def days_of_zone(first: date, last: date, zone: ZoneInfo) -> Range:
    return Range(start_of_day(first, zone), start_of_day(last + DAY, zone))


def read_start(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first instant of the report, and the start of its quarter of an hour. Of a repeated local time, the first.

    Raises ValueError, and OverflowError for a time outside of the years 1 to 9999 in UTC.
    """
    local, instant = read_local(text, zone)
    if instant is None:
        instant = (whole_day if local.time() == time() else existing)(local, zone)[0]
    return instant, quarter_of(instant)


def read_end(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The last instant of the report, and the end of its quarter of an hour. Of a repeated local time, the second.
    Midnight means the whole day, since clients write dates that way. Raises as `read_start`.
    """
    local, instant = read_local(text, zone)
    if local.time() == time():
        end = whole_day(local, zone)[1]
        if end > LATEST_END:
            raise OverflowError
        return end - timedelta(microseconds=1), end
    instant = instant or existing(local, zone)[-1]
    end = quarter_of(instant) + QUARTER
    if end > LATEST_END:
        raise OverflowError
    return instant, end


def whole_day(local: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The start and end of the local day. Raises ValueError if the zone skips it."""
    start, end = start_of_day(local.date(), zone), start_of_day(local.date() + DAY, zone)
    if start == end:
        raise ValueError(f"{local.date()} does not exist in {zone.key}: clocks are put forward over it")
    return start, end


def existing(local: datetime, zone: ZoneInfo) -> list[datetime]:
    """When clocks show this time. Raises ValueError if they never do."""
    times = instants(local, zone)
    if not times:
        raise ValueError(f"{local.isoformat()} does not exist in {zone.key}: clocks are put forward over it")
    return times


def read_local(text: str, zone: ZoneInfo) -> tuple[datetime, datetime | None]:
    """The local time without an offset, and the instant if the text has an offset."""
    try:
        if DATE.fullmatch(text):
            return within_calendar(datetime.combine(date.fromisoformat(text), time())), None
        plus = LOST_PLUS.sub(r"+\1", text)  # a + that was not written as %2B in the URL
        given = datetime.fromisoformat(plus.upper() if DATE_TIME.match(plus) else "")
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not an ISO 8601 date (2024-01-22) or date-time (2024-01-22T10:15) that exists"
        ) from error
    if given.tzinfo is None:
        return within_calendar(given), None
    return within_calendar(given.astimezone(zone).replace(tzinfo=None)), given.astimezone(UTC)


def within_calendar(local: datetime) -> datetime:
    if local.date() > LAST_DAY:
        raise OverflowError
    return local
