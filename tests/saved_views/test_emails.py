"""Saved views by email, through a real mail server."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from saved_views import emails
from saved_views.emails import describe_view, send_saved_views
from saved_views.service import due_day, settled_choices
from tenants.tenant import Tenant
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.mail_server import MailServer, locked_tables, running_mail_server, text_of
from tests.support.people import create_advertiser_user
from tests.support.sandbox import Sandbox, conversion_callback, offer_record

MONDAY = datetime(2025, 6, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANNA = "anna@example.com"


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with running_mail_server(monkeypatch) as server:
        yield server


@pytest.fixture
def anna(sandbox: Sandbox) -> Sandbox:
    """A user of the owner, who has a conversion on each of 40 days until Monday."""
    create_advertiser_user(sandbox, email=ANNA, name="Anna")
    offers = [offer_record(sandbox, name="=Boots", os="IOS"), offer_record(sandbox, sandbox.rival, name="Rivals")]
    sandbox.send("offers", offers)
    sandbox.send(
        "conversions",
        [
            conversion_callback(
                sandbox, offer["id"], userCompletedAt=(MONDAY + 12 * HOUR - n * DAY).isoformat(), revenue="10.5"
            )
            for offer in offers
            for n in range(40)
        ],
    )
    return sandbox


def save(sandbox: Sandbox, schedule: str, query: str = "period=last_7_days", **columns: Any) -> None:
    values = {"schedule": schedule, "query": query, "name": "Boots", "sent_for": MONDAY.date() - 40 * DAY} | columns
    execute(
        f"""
        INSERT INTO {{s}}.saved_view (login, advertiser, {", ".join(values)})
        SELECT id, advertiser, {", ".join(f"${n}" for n in range(2, len(values) + 2))}
        FROM {{s}}.advertiser_login WHERE email = $1
        """,
        ANNA,
        *values.values(),
        schema=sandbox.tenant.schema,
    )


def run_job(sandbox: Sandbox, now: datetime) -> Mapping[str, int]:
    return run_in_tenant(sandbox.tenant.slug, lambda: send_saved_views(sandbox.tenant, now))


def file_of(message: EmailMessage) -> tuple[str | None, str]:
    (file,) = message.iter_attachments()
    content = file.get_payload(decode=True)
    assert isinstance(content, bytes)
    return file.get_filename(), content.decode("utf-8-sig")


def test_an_email_has_totals_rows_a_link_and_the_file(anna: Sandbox, mails: MailServer) -> None:
    save(anna, "weekly")
    run_job(anna, MONDAY + 7 * HOUR)
    (message,) = mails.to(ANNA)
    assert message["Subject"] == f"{anna.tenant.name}: Boots"
    text = text_of(message)
    assert text.startswith(
        "Hello Anna,\n\nBoots: Owner, 26 May \N{EN DASH} 1 Jun 2025 (UTC)\n\nCost, USD: 73.50 (No change from"
    )
    assert "Compared with: previous 7 days." in text
    assert "=Boots · iOS: 73.50 USD, 7 conversions" in text
    assert "Rivals" not in text
    assert "On the page “Dashboard”: http" in text
    assert "/?date_from=2025-05-26&date_to=2025-06-01" in text
    assert text.rstrip().endswith("/views")
    name, rows = file_of(message)
    assert name == "gokart_offers_2025-05-26_2025-06-01.csv"
    header, row = rows.splitlines()
    assert header.startswith("id,offerId,offerName,os,campaign,cost,")
    assert ",'=Boots,IOS,,73.5,7,0,0," in row


def test_each_period_is_sent_once(anna: Sandbox, mails: MailServer) -> None:
    for schedule in "daily", "weekly", "monthly", "never":
        save(anna, schedule, name=schedule.title())
    for hours in range(0, 24 * 35, 6):  # until 6 July
        run_job(anna, MONDAY + hours * HOUR)
    subjects = [message["Subject"].partition(": ")[2] for message in mails.to(ANNA)]
    # The first ones are for 1 June, before 06:00 on Monday, 2 June.
    assert {name: subjects.count(name) for name in set(subjects)} == {"Daily": 36, "Weekly": 6, "Monthly": 2}


def test_two_workers_send_one_email(anna: Sandbox, mails: MailServer) -> None:
    save(anna, "daily")

    async def work() -> int:
        runs = [send_saved_views(anna.tenant, MONDAY + 7 * HOUR) for _ in range(3)]
        return sum(counts["views_sent"] for counts in await asyncio.gather(*runs))

    assert run_in_tenant(anna.tenant.slug, work) == 1
    assert len(mails.mails) == 1


def test_what_a_mail_server_did_not_take_is_sent_later(anna: Sandbox, mails: MailServer) -> None:
    save(anna, "daily")
    mails.away = True
    assert run_job(anna, MONDAY + 7 * HOUR) == {"views_sent": 0}
    mails.away = False
    assert run_job(anna, MONDAY + 8 * HOUR) == {"views_sent": 1}
    assert len(mails.mails) == 1


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", ["450 try again later", "550 refused", ""])
def test_one_email_that_is_not_taken_does_not_stop_the_others(
    anna: Sandbox, mails: MailServer, command: str, reply: str
) -> None:
    for name in "Unlucky", "Boots", "Shoes":
        save(anna, "daily", name=name)
    mails.replies[command] = [reply]
    assert run_job(anna, MONDAY + 7 * HOUR) == {"views_sent": 2}
    refused = command != "MAIL" and reply.startswith("5")
    assert run_job(anna, MONDAY + 8 * HOUR) == {"views_sent": 0 if refused else 1}
    subjects = [message["Subject"].partition(": ")[2] for message in mails.mails]
    assert subjects == ["Boots", "Shoes"] + ([] if refused else ["Unlucky"])
    assert run_job(anna, MONDAY + 31 * HOUR) == {"views_sent": 3}


def test_nothing_is_locked_while_an_email_is_sent(anna: Sandbox, mails: MailServer) -> None:
    save(anna, "daily")
    locked = []
    mails.while_sending = lambda: locked.append(locked_tables(anna.tenant.schema))
    assert run_job(anna, MONDAY + 7 * HOUR) == {"views_sent": 1}
    assert locked == [[]]


def test_what_a_process_that_died_was_sending_is_sent_after_the_lease(anna: Sandbox, mails: MailServer) -> None:
    save(anna, "daily")
    claim = "UPDATE {s}.saved_view SET claimed_until = now() + $1::interval"
    execute(claim, timedelta(minutes=10), schema=anna.tenant.schema)
    assert run_job(anna, MONDAY + 7 * HOUR) == {"views_sent": 0}
    execute(claim, timedelta(0), schema=anna.tenant.schema)
    assert run_job(anna, MONDAY + 8 * HOUR) == {"views_sent": 1}
    assert len(mails.mails) == 1


def test_a_view_that_cannot_be_read_does_not_stop_the_others(
    anna: Sandbox, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "Slow", "Boots":
        save(anna, "daily", name=name)

    async def read(tenant: Tenant, row: Any, *others: Any) -> Any:
        if row["name"] == "Slow":
            raise TimeoutError("too slow")
        return await describe_view(tenant, row, *others)

    monkeypatch.setattr(emails, "describe_view", read)
    with pytest.raises(TimeoutError, match="too slow"):
        run_job(anna, MONDAY + 7 * HOUR)
    (message,) = mails.mails
    assert message["Subject"].endswith(": Boots")
    monkeypatch.undo()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {s}.advertiser_login SET active = false",
        "UPDATE {s}.advertiser_login SET scopes = '{singular}'",
        "UPDATE {s}.advertiser_login SET password = NULL",
        "UPDATE {s}.advertiser_login SET advertiser = (SELECT id FROM {s}.advertiser WHERE name = 'Rival')",
        "DELETE FROM {s}.advertiser_login",
        "UPDATE {s}.advertiser SET status = 'paused'",
    ],
)
def test_users_who_may_no_longer_see_the_figures_get_no_email(anna: Sandbox, mails: MailServer, change: str) -> None:
    save(anna, "daily")
    execute(change, schema=anna.tenant.schema)
    assert run_job(anna, MONDAY + 7 * HOUR) == {"views_sent": 0}
    assert mails.mails == []


def test_an_email_without_figures_says_so(anna: Sandbox, mails: MailServer) -> None:
    save(anna, "daily", "period=last_7_days&os=WEB")
    run_job(anna, MONDAY + 7 * HOUR)
    (message,) = mails.mails
    assert "There were no views, clicks or conversions on these days." in text_of(message)
    assert list(message.iter_attachments()) == []


def test_a_view_that_the_dashboard_refuses_says_why(anna: Sandbox, mails: MailServer) -> None:
    save(anna, "daily", "period=last_7_days&former=1")
    for hours in 7, 8:
        run_job(anna, MONDAY + hours * HOUR)
    (message,) = mails.mails
    assert "The view “Boots” cannot be shown: former: " in text_of(message)


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", date(2025, 5, 3), date(2025, 6, 1)),
        ("period=today", date(2025, 6, 1), date(2025, 6, 1)),
        ("period=yesterday", date(2025, 6, 1), date(2025, 6, 1)),
        ("period=last_7_days", date(2025, 5, 26), date(2025, 6, 1)),
        ("period=this_month", date(2025, 6, 1), date(2025, 6, 1)),
        ("period=last_month", date(2025, 5, 1), date(2025, 5, 31)),
        ("date_from=2025-01-01&date_to=2025-01-31", date(2025, 1, 1), date(2025, 1, 31)),
    ],
)
def test_relative_periods_stay_relative_and_have_ended(query: str, first: date, last: date) -> None:
    period = settled_choices(query, MONDAY.date()).period
    assert (period.first, period.last) == (first, last)


def test_this_month_on_the_first_is_the_month_that_has_ended() -> None:
    period = settled_choices("period=this_month", date(2025, 6, 1)).period
    assert (period.first, period.last) == (date(2025, 5, 1), date(2025, 5, 31))


@pytest.mark.parametrize(
    ("schedule", "zone", "now", "day"),
    [
        ("daily", "UTC", MONDAY + 6 * HOUR, date(2025, 6, 2)),
        ("daily", "UTC", MONDAY + 5 * HOUR, date(2025, 6, 1)),
        ("daily", "America/New_York", MONDAY + 9 * HOUR, date(2025, 6, 1)),
        ("daily", "America/New_York", MONDAY + 10 * HOUR, date(2025, 6, 2)),
        ("weekly", "Asia/Tokyo", MONDAY - 4 * HOUR, date(2025, 5, 26)),
        ("weekly", "Asia/Tokyo", MONDAY - 3 * HOUR, date(2025, 6, 2)),
        ("weekly", "UTC", MONDAY + 6 * DAY, date(2025, 6, 2)),
        ("monthly", "UTC", MONDAY + 6 * DAY, date(2025, 6, 1)),
    ],
)
def test_a_day_has_ended_in_the_time_zone_of_the_advertiser(schedule: Any, zone: str, now: datetime, day: date) -> None:
    assert due_day(schedule, zone, now) == day
