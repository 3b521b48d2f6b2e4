"""The choices in a dashboard's query string, and the days that they mean."""

from datetime import UTC, date, datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest

from reporting.dashboard.choices import Choices, read_choices
from reporting.dashboard.periods import CUSTOM, LABELS, Comparison, Period
from web.problems import Problem

TODAY = date(2024, 3, 1)  # after a leap day
OFFER = "7df30136-ff83-4551-b877-fa0f0d8b8f72"
ALL = (
    f"date_from=2024-01-31&date_to=2024-02-29&offer_id={OFFER}&partner_id={OFFER}&os=IOS&campaign=A+%26+B&group=week"
    "&compare=custom&compare_from=2023-01-31&compare_to=2023-02-28&by=partner&sort=-cpa&days_sort=cost"
)


def parse(query: str, today: date = TODAY, *, staff: bool = False) -> Choices:
    return read_choices(parse_qsl(query, keep_blank_values=True), today, staff=staff)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2024-03-01", "2024-03-01"),
        ("yesterday", "2024-02-29", "2024-02-29"),
        ("last_7_days", "2024-02-24", "2024-03-01"),
        ("last_30_days", "2024-02-01", "2024-03-01"),
        ("last_90_days", "2023-12-03", "2024-03-01"),
        ("this_month", "2024-03-01", "2024-03-01"),
        ("last_month", "2024-02-01", "2024-02-29"),
        ("year_to_date", "2024-01-01", "2024-03-01"),
    ],
)
def test_a_preset_is_counted_from_today(name: str, first: str, last: str) -> None:
    period = parse(f"period={name}").period
    assert (str(period.first), str(period.last), period.name) == (first, last, name)
    assert name in LABELS
    assert parse(f"period={name.replace('_', '-')}").period == period  # as links had it


def test_the_default_is_the_last_30_days() -> None:
    assert parse("").period == parse("period=last_30_days").period
    assert parse(f"offerId={OFFER}").filters == {"offer_id": OFFER}


def test_two_dates_are_both_inclusive() -> None:
    period = parse("date_from=2024-01-31&date_to=2024-02-29&offer_id=").period
    assert period == Period(CUSTOM, date(2024, 1, 31), date(2024, 2, 29))
    assert str(period.range(ZoneInfo("UTC"))) == "2024-01-31T00:00:00Z/2024-03-01T00:00:00Z"
    assert str(period.range(ZoneInfo("Europe/Berlin"))) == "2024-01-30T23:00:00Z/2024-02-29T23:00:00Z"


@pytest.mark.parametrize("query", ["", "period=last_7_days", ALL])
def test_choices_round_trip_through_their_query(query: str) -> None:
    assert parse(parse(query).query()) == parse(query)


def test_staff_also_choose_an_advertiser_and_a_currency() -> None:
    choices = parse(f"{ALL}&advertiser_id={OFFER}&currency=eur", staff=True)
    assert (choices.filters["advertiser_id"], choices.currency) == (OFFER, "EUR")
    assert parse("", staff=True).by == "advertiser"
    for query in "advertiser_id=x", "currency=EUR", "by=advertiser":
        with pytest.raises(Problem):
            parse(query)


@pytest.mark.parametrize(("days", "bucket"), [(92, "day"), (93, "week"), (184, "week"), (185, "month")])
def test_long_periods_have_weeks_or_months(days: int, bucket: str) -> None:
    first = date(2023, 1, 1)
    last = date.fromordinal(first.toordinal() + days - 1)
    assert parse(f"date_from={first}&date_to={last}").bucket == bucket
    assert parse(f"date_from={first}&date_to={last}&group=day").bucket == "day"


@pytest.mark.parametrize(
    ("days", "compare", "expected"),
    [
        ("2024-02-01..2024-03-01", "previous", "2024-01-02..2024-01-31"),
        ("2024-02-10..2024-03-10", "month", "2024-01-10..2024-02-10"),
        ("2024-03-30..2024-03-31", "month", "2024-02-29..2024-02-29"),
        ("2024-02-01..2024-02-29", "month", "2024-01-01..2024-01-31"),
        ("2024-02-29..2024-03-01", "year", "2023-02-28..2023-03-01"),
        ("2024-01-01..2024-01-15", "month", "2023-12-01..2023-12-15"),
        ("2024-01-01..2024-01-15", "custom", "2023-12-17..2023-12-31"),
    ],
)
def test_days_are_compared_with(days: str, compare: str, expected: str) -> None:
    first, last = days.split("..")
    choices = parse(f"date_from={first}&date_to={last}&compare={compare}")
    assert choices.compared == tuple(map(date.fromisoformat, expected.split("..")))
    assert parse("compare=none").compared is None


def test_a_comparison_is_cut_at_the_same_local_time_across_a_clock_change() -> None:
    zone = ZoneInfo("Europe/Berlin")
    period = Period("today", date(2025, 3, 30), date(2025, 3, 30))  # summer time begins
    comparison = Comparison("previous", date(2025, 3, 29), date(2025, 3, 29))
    now = datetime(2025, 3, 30, 12, 20, tzinfo=UTC)  # 14:20 there
    cut = comparison.cut(period, now.astimezone(zone), None)
    assert cut.until == datetime(2025, 3, 29, 13, 15, tzinfo=UTC)
    thinned = comparison.cut(period, now.astimezone(zone), datetime(2025, 6, 1, tzinfo=UTC))
    assert thinned.until == datetime(2025, 3, 29, 13, tzinfo=UTC)
    assert comparison.cut(Period("x", date(2025, 3, 1), date(2025, 3, 1)), now.astimezone(zone), None) == comparison


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("period=fortnight", "period", "'fortnight' is not valid; valid values: today, yesterday, last_7_days"),
        ("period=today&date_from=2024-01-01&date_to=2024-01-02", "period", "cannot be combined with date_from"),
        ("period=today&period=today", "period", "is given twice"),
        ("period=custom", "date_from", "is required, such as 2024-01-22"),
        ("date_from=2024-01-01", "date_to", "is required, such as 2024-01-22"),
        ("date_from=2024-01-01&date_to=", "date_to", "is empty"),
        ("date_from=2024-01-01T10:00Z&date_to=2024-01-02", "date_from", "is not a date such as 2024-01-22"),
        ("date_from=2024-01-01&date_to=2024-02-30", "date_to", "is not a date that exists"),
        ("date_from=1999-01-01&date_to=2024-02-28", "date_from", "is not from 2000-01-01 to"),
        ("date_from=2024-01-02&date_to=2024-01-01", "date_from", "is after date_to"),
        ("date_from=2022-01-01&date_to=2024-01-02", "date_from", "is the first of 732 days; a page shows 731 at most"),
        ("compare=custom&compare_from=2024-01-01", "compare_to", "is required"),
        ("compare=never", "compare", "valid values: previous, month, year, custom, none"),
        ("period=today&offerId=7", "offer_id", "'7' is not a UUID"),
        ("os=BEOS", "os", "valid values: IOS, ANDROID, WEB"),
        ("group=hour", "group", "valid values: day, week, month"),
        ("by=app", "by", "valid values: offer, partner"),
        ("sort=-height", "sort", "valid values: name, cost"),
        ("from=2024-01-01", "from", "is not a parameter"),
        ("date_from=9999-12-31&date_to=9999-12-31", "date_from", "is not from 2000-01-01 to 9999-12-30"),
    ],
)
def test_invalid_choices_are_reported(query: str, field: str, says: str) -> None:
    with pytest.raises(Problem) as raised:
        parse(query)
    (error,) = [each for each in raised.value.errors or [] if each.field == field]
    assert says in error.message
