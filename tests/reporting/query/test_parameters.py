"""Every parameter's invalid values are a 400 that names the parameter and its valid values."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from reporting.query.columns import API_GROUPS, METRICS
from reporting.query.formats import FORMATS
from reporting.query.parameters import NAMES, Parameters, parse
from tests.support.sandbox import Sandbox
from web.problems import Problem

PATH = "/api/v1/reports/query"
MAY = "date_from=2025-05-01&date_to=2025-05-31"
NOW = datetime(2025, 3, 31, 3, tzinfo=UTC)  # 30 March in New York

INVALID = [
    # of the range
    ("", "date_from", "is required"),
    ("date_from=2025-05-01", "date_to", "is required"),
    ("date_from=2025-02-30&date_to=2025-05-31", "date_from", "ISO 8601"),
    ("date_from=2025-05-01&date_to=yesterday", "date_to", "ISO 8601"),
    ("date_from=2025-05-02&date_to=2025-05-01", "date_from", "is after date_to"),
    ("date_from=2025-05-02&date_to=9999-12-31", "date_to", "9999-12-29"),
    ("date_from=2025-05-02&date_to=9999-12-30&time_zone=America/New_York", "date_to", "9999-12-29"),
    ("date_from=2025-05-02&date_to=9999-12-30T23:30&time_zone=America/New_York", "date_to", "9999-12-29"),
    ("date_from=0001-01-01&date_to=2025-05-01&time_zone=Asia/Kolkata", "date_from", "0001-01-02"),
    ("date_from=0001-01-01T00:30%2B01:00&date_to=2025-05-01", "date_from", "0001-01-02"),
    ("date_from=2025-03-09T02:30&date_to=2025-05-01&time_zone=America/New_York", "date_from", "does not exist"),
    ("date_from=2025-03-01&date_to=2025-03-30T02:59:59&time_zone=Europe/Berlin", "date_to", "does not exist"),
    ("date_from=2011-12-30&date_to=2025-05-01&time_zone=Pacific/Apia", "date_from", "does not exist"),
    (f"{MAY}&period=today", "date_from", "cannot be combined with period"),
    ("period=tomorrow", "period", "last_N_days"),
    ("period=last_0_days", "period", "from 1 to 9999"),
    ("period=last_N_days", "period", "valid values: today"),
    (f"{MAY}&time_zone=Mars/Olympus", "time_zone", "IANA name"),
    (f"{MAY}&time_zone=../../etc/passwd", "time_zone", "IANA name"),
    # of lists
    (f"{MAY}&group_by=day,year", "group_by", ", ".join(API_GROUPS)),
    (f"{MAY}&group_by=day&group_by=Day", "group_by", "names day twice"),
    (f"{MAY}&group_by=day,,offer", "group_by", "''"),
    (f"{MAY}&metrics=revenue", "metrics", ", ".join(METRICS)),
    (f"{MAY}&metrics=cost,cost", "metrics", "twice"),
    (f"{MAY}&group_by=day&sort=offer", "sort", f"valid values: day, {', '.join(METRICS)}"),
    (f"{MAY}&sort=cost,-cost", "sort", "names cost twice"),
    (f"{MAY}&sort=--cost", "sort", "valid values"),
    # of filters
    (f"{MAY}&offer_id=7", "offer_id", "is not a UUID"),
    (f"{MAY}&partner_id=3fa85f64-5717-4562-b3fc-2c963f66afa6,", "partner_id", "empty"),
    (f"{MAY}&os=IOS,SYMBIAN", "os", "IOS, ANDROID, WEB"),
    (f"{MAY}&app=%22Chess", "app", "comma-separated"),
    (f"{MAY}&app=a,,b", "app", "empty"),
    (f"{MAY}&campaign=%00", "campaign", "null character"),
    # of the others
    (f"{MAY}&zeros=true", "zeros", "hour, day, week, month"),
    ("date_from=0001-01-01&date_to=2025-05-31&group_by=hour&zeros=true", "zeros", "at most 100000 rows"),
    (f"{MAY}&group_by=day&zeros=yes", "zeros", "true, false"),
    (f"{MAY}&limit=0", "limit", "from 1 to"),
    (f"{MAY}&limit=ten", "limit", "from 1 to"),
    (f"{MAY}&limit=99999999999", "limit", "from 1 to"),
    (f"{MAY}&decimals=float", "decimals", "number, string"),
    (f"{MAY}&format=xml", "format", ", ".join(FORMATS)),
    (f"{MAY}&offerId=7", "offerId", f"valid parameters: {', '.join(NAMES)}"),
    *((f"{MAY}&{name}=", name, "is empty") for name in NAMES),
    # of the staff's pages
    (f"{MAY}&group_by=advertiser", "group_by", "'advertiser' is not valid"),
    (f"{MAY}&sort=advertiser", "sort", "'advertiser' is not valid"),
    (f"{MAY}&advertiser_id=3fa85f64-5717-4562-b3fc-2c963f66afa6", "advertiser_id", "is not a parameter"),
    (f"{MAY}&currency=USD", "currency", "is not a parameter"),
    (f"{MAY}&limit=1&LIMIT=2", "limit", "is given twice"),
]


@pytest.mark.parametrize(("query", "field", "message"), INVALID)
def test_an_invalid_value_is_a_400_that_names_it(
    sandbox_of_module: Sandbox, query: str, field: str, message: str
) -> None:
    response = sandbox_of_module.request("GET", f"{PATH}?{query}", token=sandbox_of_module.owner_key)
    assert response.status_code == 400, response.text
    problem = response.json()
    assert problem["title"] == "Invalid filter parameters provided."
    errors = [error for error in problem["errors"] if error["field"] == field]
    assert any(message in error["message"] for error in errors), problem


def test_all_invalid_parameters_are_named(sandbox_of_module: Sandbox) -> None:
    query = urlencode({"date_from": "2025-05-01", "group_by": "year", "limit": "0", "time_zone": "Moon"})
    response = sandbox_of_module.request("GET", f"{PATH}?{query}", token=sandbox_of_module.owner_key)
    fields = {error["field"] for error in response.json()["errors"]}
    assert fields == {"date_to", "group_by", "limit", "time_zone"}


def parsed(**values: str) -> Parameters:
    return parse(values.items(), list(FORMATS))


def range_of(zone: str, **values: str) -> str:
    return str(parsed(**values).resolve(zone, NOW)[1])


def test_names_and_values_are_case_insensitive() -> None:
    parameters = parse(
        [("GROUP_BY", "Day,OFFER"), ("Period", "Today"), ("Metrics", "COSTPERCLICK"), ("Format", "CSV"), ("os", "ios")],
        list(FORMATS),
    )
    assert parameters.groups == ("day", "offer")
    assert parameters.metrics == ("costPerClick",)
    assert (parameters.period, parameters.format, parameters.filters) == ("today", "csv", {"os": ("IOS",)})
    assert parsed(date_from="2025-05-01", date_to="2025-05-01", time_zone="europe/berlin").time_zone == "Europe/Berlin"


def test_lists_may_be_repeated_or_separated_by_commas() -> None:
    parameters = parse(
        [
            ("period", "today"),
            ("group_by", "day"),
            ("group_by", "offer , partner"),
            ("app", 'a, "b,c",d'),
            ("app", "a"),
        ],
        list(FORMATS),
    )
    assert parameters.groups == ("day", "offer", "partner")
    assert parameters.filters == {"app": ("a", "b,c", "d")}


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("today", date(2025, 3, 30), date(2025, 3, 30)),
        ("yesterday", date(2025, 3, 29), date(2025, 3, 29)),
        ("last_1_days", date(2025, 3, 30), date(2025, 3, 30)),
        ("last_30_days", date(2025, 3, 1), date(2025, 3, 30)),
        ("this_month", date(2025, 3, 1), date(2025, 3, 30)),
        ("last_month", date(2025, 2, 1), date(2025, 2, 28)),
    ],
)
def test_periods_are_of_the_local_day(period: str, first: date, last: date) -> None:
    zone = ZoneInfo("America/New_York")
    ends = [datetime.combine(day, datetime.min.time(), zone) for day in (first, last + timedelta(days=1))]
    expected = "/".join(f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for end in ends)
    assert range_of("America/New_York", period=period) == expected


@pytest.mark.parametrize(
    ("zone", "date_from", "date_to", "expected"),
    [
        ("UTC", "2025-05-01", "2025-05-31", "2025-05-01T00:00:00Z/2025-06-01T00:00:00Z"),
        ("Asia/Kolkata", "2025-05-01", "2025-05-01T00:00", "2025-04-30T18:30:00Z/2025-05-01T18:30:00Z"),
        ("Asia/Kathmandu", "2025-05-01T10:20", "2025-05-01T10:40", "2025-05-01T04:30:00Z/2025-05-01T05:00:00Z"),
        # 23 and 25 hours
        ("Europe/Berlin", "2025-03-30", "2025-03-30", "2025-03-29T23:00:00Z/2025-03-30T22:00:00Z"),
        ("Europe/Berlin", "2025-10-26", "2025-10-26", "2025-10-25T22:00:00Z/2025-10-26T23:00:00Z"),
        # A repeated hour: the first of it, the second of it, or the one with the offset.
        ("Europe/Berlin", "2025-10-26T02:30", "2025-10-26T02:30", "2025-10-26T00:30:00Z/2025-10-26T01:45:00Z"),
        (
            "Europe/Berlin",
            "2025-10-26T02:30+01:00",
            "2025-10-26T02:30+01:00",
            "2025-10-26T01:30:00Z/2025-10-26T01:45:00Z",
        ),
        ("Australia/Lord_Howe", "2025-04-06", "2025-04-06", "2025-04-05T13:00:00Z/2025-04-06T13:30:00Z"),
        # Midnight does not exist, or the day does not.
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T00:00", "2018-11-04T03:00:00Z/2018-11-05T02:00:00Z"),
        ("Pacific/Apia", "2011-12-29", "2011-12-31", "2011-12-29T10:00:00Z/2011-12-31T10:00:00Z"),
        # An offset: midnight of the zone means the day, any other time the quarter of an hour.
        ("America/New_York", "2025-05-01T04:00Z", "2025-05-02T04:00:00Z", "2025-05-01T04:00:00Z/2025-05-03T04:00:00Z"),
        ("America/New_York", "2025-05-01T00:00Z", "2025-05-02T00:00:00Z", "2025-05-01T00:00:00Z/2025-05-02T00:15:00Z"),
        ("UTC", "2025-05-01T02:00 02:00", "2025-05-01", "2025-05-01T00:00:00Z/2025-05-02T00:00:00Z"),
        ("UTC", "0001-01-01", "9999-12-30", "0001-01-01T00:00:00Z/9999-12-31T00:00:00Z"),
    ],
)
def test_times_are_local(zone: str, date_from: str, date_to: str, expected: str) -> None:
    assert range_of(zone, date_from=date_from, date_to=date_to) == expected
    assert range_of("UTC", date_from=date_from, date_to=date_to, time_zone=zone) == expected


def test_an_unknown_parameter_is_named_as_it_was_sent() -> None:
    with pytest.raises(Problem) as caught:
        parse([("period", "today"), ("Offerid", "x")], list(FORMATS))
    assert caught.value.errors is not None
    assert [error.field for error in caught.value.errors] == ["Offerid"]
