"""Notifications by email, through a real mail server."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from notifications.emails import send_notifications
from tests.notifications.support import run_job, told
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.mail_server import MailServer, locked_tables, running_mail_server, text_of
from tests.support.people import create_advertiser_user
from tests.support.sandbox import Sandbox

NOW = datetime.now(UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with running_mail_server(monkeypatch) as server:
        yield server


@pytest.fixture
def expiring(sandbox: Sandbox) -> Sandbox:
    """Two keys of the owner expire in five days."""
    sandbox.create_api_key("singular")
    execute(
        "UPDATE {s}.api_token SET expires_at = $2, created_at = $3, name = 'Key ' || id WHERE advertiser = $1",
        sandbox.owner,
        NOW + 5 * DAY,
        NOW - 60 * DAY,
        schema=sandbox.tenant.schema,
    )
    return sandbox


def choose(sandbox: Sandbox, who: str, kind: str, **where: bool) -> None:
    execute(
        """
        INSERT INTO {s}.notification_choice (login, kind, portal, email)
        SELECT id, $2, $3, $4 FROM {s}.advertiser_login WHERE email = $1
        """,
        who,
        kind,
        where["portal"],
        where["email"],
        schema=sandbox.tenant.schema,
    )


def test_all_that_is_new_is_in_one_email(expiring: Sandbox, mails: MailServer) -> None:
    anna, ben = create_advertiser_user(expiring, name="Anna"), create_advertiser_user(expiring)
    assert run_job(expiring, NOW) == {"notifications_created": 4, "emails_sent": 2}
    (message,), (_,) = mails.to(anna), mails.to(ben)
    assert message["Subject"] == f"{expiring.tenant.name}: 2 notifications"
    text = text_of(message)
    assert text.startswith("Hello Anna,\n\nAPI key “Key ")
    assert text.count("expires in less than 7 days\nThe key gokart_") == 2
    site = f"http://app.{expiring.tenant.slug}.localhost:"
    assert site in text
    assert text.rstrip().endswith("/notifications")
    assert run_job(expiring, NOW + HOUR) == {"notifications_created": 0, "emails_sent": 0}
    assert len(mails.mails) == 2


def test_what_a_mail_server_did_not_take_is_sent_later(expiring: Sandbox, mails: MailServer) -> None:
    anna = create_advertiser_user(expiring)
    mails.away = True
    for hours in range(3):
        assert run_job(expiring, NOW + hours * HOUR)["emails_sent"] == 0
    mails.away = False
    assert run_job(expiring, NOW + 4 * HOUR)["emails_sent"] == 1
    assert len(mails.to(anna)) == 1
    assert all(each["sent_at"] == NOW + 4 * HOUR for each in told(expiring))


def test_a_refused_address_does_not_stop_the_others(expiring: Sandbox, mails: MailServer) -> None:
    nobody = create_advertiser_user(expiring, email="nobody@example.com")
    anna = create_advertiser_user(expiring)
    assert run_job(expiring, NOW)["emails_sent"] == 1
    assert len(mails.to(anna)) == 1
    assert [each["sent_at"] for each in told(expiring, nobody)] == [None, None]
    run_job(expiring, NOW + 15 * DAY)  # given up
    assert [each["sent_at"] for each in told(expiring, nobody)] == [None, None]


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", ["450 try again later", "550 refused", ""])
def test_one_email_that_is_not_taken_does_not_stop_the_others(
    expiring: Sandbox, mails: MailServer, command: str, reply: str
) -> None:
    unlucky, anna, ben = (create_advertiser_user(expiring) for _ in range(3))
    mails.replies[command] = [reply]
    assert run_job(expiring, NOW)["emails_sent"] == 2
    assert (len(mails.to(unlucky)), len(mails.to(anna)), len(mails.to(ben))) == (0, 1, 1)
    assert run_job(expiring, NOW + HOUR)["emails_sent"] == 1
    assert (len(mails.to(unlucky)), len(mails.to(anna)), len(mails.to(ben))) == (1, 1, 1)


def test_emails_that_break_the_connection_do_not_keep_the_others_waiting(expiring: Sandbox, mails: MailServer) -> None:
    users = [create_advertiser_user(expiring) for _ in range(5)]
    mails.replies["DATA"] = [""] * 3
    assert run_job(expiring, NOW)["emails_sent"] == 0  # the server seems to be away
    mails.replies["DATA"] = ["250 OK"] * 2 + [""] * 3
    assert run_job(expiring, NOW + HOUR)["emails_sent"] == 2
    assert [len({each["sent_at"] for each in told(expiring, user)}) for user in users] == [1] * 5
    assert [told(expiring, user)[0]["sent_at"] is not None for user in users] == [False] * 3 + [True] * 2


def test_nothing_is_locked_while_an_email_is_sent(expiring: Sandbox, mails: MailServer) -> None:
    create_advertiser_user(expiring)
    locked = []
    mails.while_sending = lambda: locked.append(locked_tables(expiring.tenant.schema))
    assert run_job(expiring, NOW)["emails_sent"] == 1
    assert locked == [[]]


def test_what_a_process_that_died_was_sending_is_sent_after_the_lease(expiring: Sandbox, mails: MailServer) -> None:
    anna = create_advertiser_user(expiring)
    mails.away = True
    run_job(expiring, NOW)
    mails.away = False
    claim = "UPDATE {s}.notification SET claimed_until = now() + $1::interval"
    execute(claim, timedelta(minutes=10), schema=expiring.tenant.schema)
    assert run_job(expiring, NOW + HOUR)["emails_sent"] == 0
    execute(claim, timedelta(0), schema=expiring.tenant.schema)
    assert run_job(expiring, NOW + 2 * HOUR)["emails_sent"] == 1
    assert len(mails.to(anna)) == 1


def test_two_workers_send_one_email(expiring: Sandbox, mails: MailServer) -> None:
    anna = create_advertiser_user(expiring)
    mails.away = True
    run_job(expiring, NOW)
    mails.away = False

    async def work() -> int:
        return sum(await asyncio.gather(*[send_notifications(expiring.tenant, NOW) for _ in range(4)]))

    assert run_in_tenant(expiring.tenant.slug, work) == 1
    assert len(mails.to(anna)) == 1


@pytest.mark.parametrize("portal", [True, False])
@pytest.mark.parametrize("email", [True, False])
def test_each_user_chooses_where(expiring: Sandbox, mails: MailServer, portal: bool, email: bool) -> None:
    anna, ben = create_advertiser_user(expiring), create_advertiser_user(expiring)
    choose(expiring, anna, "key", portal=portal, email=email)
    run_job(expiring, NOW)
    assert len(mails.to(anna)) == email
    assert [each["portal"] for each in told(expiring, anna)] == [portal] * (2 if portal or email else 0)
    assert len(mails.to(ben)) == 1


def test_an_email_has_nothing_that_the_user_may_not_see_any_more(expiring: Sandbox, mails: MailServer) -> None:
    anna = create_advertiser_user(expiring)
    mails.away = True
    run_job(expiring, NOW)
    execute(
        "UPDATE {s}.notification SET kind = 'spend', title = 'Costs' WHERE id = (SELECT min(id) FROM {s}.notification)",
        schema=expiring.tenant.schema,
    )
    execute("UPDATE {s}.advertiser_login SET scopes = '{singular}'", schema=expiring.tenant.schema)
    mails.away = False
    run_job(expiring, NOW + HOUR)
    texts = [text_of(message) for message in mails.to(anna)]
    assert len(texts) == 1
    assert "Costs" not in texts[0]
    assert "API key “Key " in texts[0]


@pytest.mark.parametrize("change", ["active = false", "password = NULL"])
def test_users_who_cannot_sign_in_get_no_email(expiring: Sandbox, mails: MailServer, change: str) -> None:
    anna = create_advertiser_user(expiring)
    mails.away = True
    run_job(expiring, NOW)
    mails.away = False
    execute(f"UPDATE {{s}}.advertiser_login SET {change} WHERE email = $1", anna, schema=expiring.tenant.schema)
    run_job(expiring, NOW + HOUR)
    assert mails.mails == []


def test_a_server_without_email_sends_none_of_it_later(expiring: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    create_advertiser_user(expiring)
    assert run_job(expiring, NOW)["notifications_created"] == 2
    with running_mail_server(monkeypatch) as mails:
        assert run_job(expiring, NOW + HOUR)["emails_sent"] == 0
        assert mails.mails == []
