"""The periods of the dashboard."""

from datetime import UTC, date, datetime
from urllib.parse import parse_qsl
from uuid import UUID

import pytest

from reporting.dashboard.periods import CUSTOM, LABELS, Period, before, period_of
from reporting.dashboard.summary import read_summary
from tenants.tenant import current_tenant
from tests.support.app_calls import run_in_tenant
from tests.support.sandbox import Sandbox
from web.problems import Problem

TODAY = date(2024, 3, 1)  # after a leap day
OFFER = "7df30136-ff83-4551-b877-fa0f0d8b8f72"


def parse_period(query: str, today: date = TODAY) -> Period:
    return period_of(parse_qsl(query, keep_blank_values=True), today)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2024-03-01", "2024-03-01"),
        ("yesterday", "2024-02-29", "2024-02-29"),
        ("last-7-days", "2024-02-24", "2024-03-01"),
        ("last-30-days", "2024-02-01", "2024-03-01"),
        ("last-90-days", "2023-12-03", "2024-03-01"),
        ("this-month", "2024-03-01", "2024-03-01"),
        ("last-month", "2024-02-01", "2024-02-29"),
        ("year-to-date", "2024-01-01", "2024-03-01"),
    ],
)
def test_a_preset_is_counted_from_today(name: str, first: str, last: str) -> None:
    period = parse_period(f"period={name}")
    assert (str(period.first), str(period.last), period.name) == (first, last, name)
    assert name in LABELS


def test_the_default_is_the_last_30_days() -> None:
    assert parse_period("") == parse_period("period=last-30-days")
    assert parse_period(f"offerId={OFFER}").offer == UUID(OFFER)


def test_two_dates_are_both_inclusive() -> None:
    period = parse_period(f"date_from=2024-01-31&date_to=2024-02-29&offerId={OFFER}")
    assert period == Period(CUSTOM, date(2024, 1, 31), date(2024, 2, 29), UUID(OFFER))
    assert str(period.filter.range) == "2024-01-31T00:00:00Z/2024-03-01T00:00:00Z"
    assert parse_period("period=custom&date_from=2024-01-31&date_to=2024-02-29&offerId=").offer is None


@pytest.mark.parametrize(
    "query", ["period=last-7-days", "", f"offerId={OFFER}", f"date_from=2024-01-31&date_to=2024-02-29&offerId={OFFER}"]
)
def test_a_period_round_trips_through_its_query(query: str) -> None:
    assert parse_period(parse_period(query).query) == parse_period(query)


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("period=fortnight", "period", "'fortnight' is none of today, yesterday, last-7-days"),
        ("period=today&date_from=2024-01-01&date_to=2024-01-02", "period", "goes without date_from and date_to"),
        ("period=today&period=today", "period", "is given twice"),
        ("period=custom", "date_from", "is required, such as 2024-01-22"),
        ("date_from=2024-01-01", "date_to", "is required, such as 2024-01-22"),
        ("date_from=2024-01-01&date_to=", "date_to", "is empty"),
        ("date_from=2024-01-01T10:00Z&date_to=2024-01-02", "date_from", "is not a date such as 2024-01-22"),
        ("date_from=2024-01-01&date_to=2024-02-30", "date_to", "is not an ISO 8601 date"),
        ("date_from=2024-01-02&date_to=2024-01-01", "date_from", "is after date_to"),
        ("date_from=2022-01-01&date_to=2024-01-02", "date_from", "is the first of 732 days; a page shows 731 at most"),
        ("period=today&offerId=7", "offerId", "'7' is not a UUID"),
        ("from=2024-01-01", "from", "is not a parameter of this report"),
    ],
)
def test_invalid_periods_are_reported(query: str, field: str, says: str) -> None:
    with pytest.raises(Problem) as raised:
        parse_period(query)
    assert raised.value.status == 400
    (error,) = [error for error in raised.value.errors or () if error.field == field]
    assert says in error.message


def test_two_whole_years_are_not_too_many() -> None:
    assert parse_period("date_from=2023-03-02&date_to=2025-03-01").first == date(2023, 3, 2)


def test_the_period_before_is_as_long() -> None:
    assert str(before(parse_period("period=last-7-days").filter.range)) == "2024-02-17T00:00:00Z/2024-02-24T00:00:00Z"
    assert str(before(parse_period("period=today").filter.range)) == "2024-02-29T00:00:00Z/2024-03-01T00:00:00Z"


@pytest.mark.parametrize(
    "query", ["date_from=0001-01-01&date_to=0001-01-02", "date_from=9999-12-01&date_to=9999-12-30"]
)
def test_the_ends_of_time_are_shown_like_any_day(sandbox: Sandbox, query: str) -> None:
    period = parse_period(query)
    seen = run_in_tenant(sandbox.tenant.slug, lambda: read_summary(current_tenant(), sandbox.owner, period.filter))
    assert (seen.daily[0].day, seen.daily[-1].day) == (period.first, period.last)
    assert seen.daily[-1].provisional(datetime.now(UTC)) == (period.last.year == 9999)
