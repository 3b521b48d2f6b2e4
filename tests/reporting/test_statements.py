"""The statements that each report sends, as committed in snapshots/."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from auth.users.realms import ADVERTISER
from reporting.ranges import Range, change_mark_parameters
from reporting.read import VALIDATORS, VALIDATORS_OF_MONTH
from tests.support.asgi import recorded_request
from tests.support.database import execute
from tests.support.people import create_advertiser_user, session_cookie
from tests.support.sandbox import CSV, JSON, MAY, SINGULAR, SINGULAR_CSV, Sandbox, event_record, offer_record
from tests.support.statements import assert_snapshot

SNAPSHOTS = Path(__file__).parent / "snapshots"
ONE_WEEK = {"date_from": "2025-05-19", "date_to": "2025-05-25"}
IN_NEW_YORK = {"date_from": "2025-01-01T00:00-05:00", "date_to": "2025-12-31T23:59-05:00"}


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    """The owner has one offer with a click on 19 May 2025."""
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    return sandbox


def test_the_cost_report_of_a_month_reads_no_other_table_of_figures(filled: Sandbox) -> None:
    response, statements = recorded_request(filled, "GET", JSON, params=MAY)
    assert response.json()["data"][0]["totalClicks"] == 1
    assert_snapshot(SNAPSHOTS / "cost_report_of_month.sql", statements, filled)


@pytest.mark.parametrize("range_", [ONE_WEEK, IN_NEW_YORK], ids=["week", "year in New York"])
def test_the_cost_report_is_one_statement_for_any_other_range(filled: Sandbox, range_: dict[str, str]) -> None:
    response, statements = recorded_request(filled, "GET", JSON, params=range_)
    assert response.json()["data"][0]["totalClicks"] == 1
    assert_snapshot(SNAPSHOTS / "cost_report.sql", statements, filled)


def test_one_offer_in_a_month_is_the_statement_for_one_offer(filled: Sandbox) -> None:
    offer = filled.report(**MAY)[0]["offerId"]
    response, statements = recorded_request(filled, "GET", JSON, params={**MAY, "offerId": offer})
    assert response.json()["data"][0]["totalClicks"] == 1
    assert_snapshot(SNAPSHOTS / "cost_report_of_offer.sql", statements, filled)


@pytest.mark.parametrize(("range_", "file"), [(MAY, "validators_of_month.sql"), (ONE_WEEK, "validators.sql")])
def test_a_cached_report_reads_the_validators(filled: Sandbox, range_: dict[str, str], file: str) -> None:
    response, statements = recorded_request(filled, "GET", JSON, params=range_, repeat=True)
    assert response.json()["data"][0]["totalClicks"] == 1
    assert_snapshot(SNAPSHOTS / file, statements, filled)


def test_a_month_has_the_same_validators_in_both_statements(sandbox: Sandbox) -> None:
    offers = [offer_record(sandbox) for _ in range(3)]
    sandbox.send("offers", offers)
    for offer in (offers[0], offers[0], offers[1]):
        sandbox.send("events", [event_record(offer["id"])])
    month = Range(datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC))
    schema, advertiser = sandbox.tenant.schema, sandbox.owner
    any_range = VALIDATORS.bind(schema, advertiser=advertiser, offer=None, **change_mark_parameters(month))
    of_month = VALIDATORS_OF_MONTH.bind(schema, advertiser=advertiser, month=month.start.date())
    (row,) = execute(any_range.sql, *any_range.args)
    assert row["state"].count(",") == 2
    assert execute(of_month.sql, *of_month.args) == [row]


@pytest.mark.parametrize("path", [JSON, CSV, SINGULAR, SINGULAR_CSV])
def test_a_304_reads_the_validators(filled: Sandbox, path: str) -> None:
    etag = filled.get(path, **MAY).headers["etag"]
    response, statements = recorded_request(filled, "GET", path, params=MAY, headers={"If-None-Match": etag})
    assert response.status_code == 304
    assert_snapshot(SNAPSHOTS / "validators_of_month.sql", statements, filled)


def test_csv_is_a_copy_in_one_snapshot(filled: Sandbox) -> None:
    """COPY has no parameters: the values are in the statement."""
    response, statements = recorded_request(filled, "GET", CSV, params=MAY)
    assert len(response.text.splitlines()) == 2
    assert_snapshot(SNAPSHOTS / "cost_report_csv.sql", statements, filled)


def test_a_week_of_singular_is_one_statement(filled: Sandbox) -> None:
    response, statements = recorded_request(filled, "GET", SINGULAR, params=ONE_WEEK)
    assert len(response.json()["data"]["items"]) == 1
    assert_snapshot(SNAPSHOTS / "singular.sql", statements, filled)


def test_a_month_of_singular_is_streamed_in_parts(filled: Sandbox) -> None:
    """The first day, which is empty; the next day with data; four more days, and then no day has data."""
    response, statements = recorded_request(filled, "GET", SINGULAR, params=MAY)
    assert len(response.json()["data"]["items"]) == 1
    assert_snapshot(SNAPSHOTS / "singular_stream.sql", statements, filled)


def test_the_dashboard_is_read_in_one_snapshot(filled: Sandbox) -> None:
    user = create_advertiser_user(filled)
    cookies = session_cookie(filled, ADVERTISER, user)
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    response, statements = recorded_request(filled, "GET", "/", params=MAY, site="app", headers=headers)
    assert response.status_code == 200
    begin = next(n for n, statement in enumerate(statements) if statement.startswith("BEGIN"))
    end = next(n for n, statement in enumerate(statements) if n > begin and statement.startswith("COMMIT"))
    assert_snapshot(SNAPSHOTS / "dashboard.sql", statements[begin : end + 1], filled)
