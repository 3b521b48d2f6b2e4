"""Links in emails that stop them, as email programs and people use them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auth.users.realms import ADVERTISER
from auth.users.unsubscribe import unsubscribe_url
from saved_views.emails import send_saved_views
from tests.notifications.support import run_job, told
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.mail_server import MailServer, running_mail_server, text_of
from tests.support.people import HASHED, Browser, browser, create_advertiser_user, staff_browser
from tests.support.sandbox import Sandbox

NOW = datetime.now(UTC)
ANNA = "anna@example.com"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    with running_mail_server(monkeypatch) as server:
        yield server


@pytest.fixture
def anna(sandbox: Sandbox) -> Sandbox:
    create_advertiser_user(sandbox, email=ANNA, name="Anna")
    return sandbox


def email_program(sandbox: Sandbox) -> Browser:
    """Sends neither cookies nor an origin."""
    client = browser(sandbox)
    del client.headers["Origin"]
    return client


def link_in(mails: MailServer) -> str:
    """The path of the link in the head of the only email, whose text has it too."""
    (message,) = mails.to(ANNA)
    url = message["List-Unsubscribe"].strip("<>")
    assert url in text_of(message)
    return "/unsubscribe/" + str(url.partition("/unsubscribe/")[2])


def link_to(sandbox: Sandbox, emails: str = "notifications", email: str = ANNA) -> str:
    (row,) = execute("SELECT id FROM {s}.advertiser_login WHERE email = $1", email, schema=sandbox.tenant.schema)

    async def work() -> str:
        return unsubscribe_url(ADVERTISER, row["id"], HASHED[ADVERTISER.hasher], emails)

    return "/unsubscribe/" + run_in_tenant(sandbox.tenant.slug, work).partition("/unsubscribe/")[2]


def save_view(sandbox: Sandbox, email: str = ANNA, name: str = "Boots") -> int:
    (row,) = execute(
        """
        INSERT INTO {s}.saved_view (login, advertiser, name, query, schedule, sent_for)
        SELECT id, advertiser, $2, 'period=last_7_days', 'daily', '2025-01-01' FROM {s}.advertiser_login
        WHERE email = $1 RETURNING id
        """,
        email,
        name,
        schema=sandbox.tenant.schema,
    )
    return int(row["id"])


def schedules(sandbox: Sandbox) -> list[str]:
    rows = execute("SELECT schedule FROM {s}.saved_view ORDER BY id", schema=sandbox.tenant.schema)
    return [row["schedule"] for row in rows]


def choices(sandbox: Sandbox) -> list[dict[str, Any]]:
    return execute("SELECT * FROM {s}.notification_choice ORDER BY login, kind", schema=sandbox.tenant.schema)


def entries(sandbox: Sandbox) -> list[dict[str, Any]]:
    return execute(
        "SELECT * FROM {s}.audit_log WHERE after::text LIKE '%_emails%' ORDER BY id", schema=sandbox.tenant.schema
    )


def test_an_email_program_stops_emails_of_notifications(anna: Sandbox, mails: MailServer) -> None:
    execute(
        "UPDATE {s}.api_token SET expires_at = $1, created_at = $2",
        NOW + timedelta(days=5),
        NOW - timedelta(days=60),
        schema=anna.tenant.schema,
    )
    run_job(anna, NOW)
    path = link_in(mails)
    client = email_program(anna)
    page = Page(client.get(path).text)
    assert f"Notifications by email to {ANNA}" in page.text
    assert choices(anna) == []

    for _ in range(2):
        response = client.post(path, data=ONE_CLICK)
        assert response.status_code == 200
        assert "You will get no more of these emails." in Page(response.text).text
    assert {(each["portal"], each["email"]) for each in choices(anna)} == {(True, False)}
    execute("UPDATE {s}.api_token SET expires_at = $1", NOW + timedelta(hours=20), schema=anna.tenant.schema)
    assert run_job(anna, NOW)["emails_sent"] == 0
    assert [each["portal"] for each in told(anna)] == [True, True]
    (entry,) = entries(anna)
    assert (entry["actor"], entry["label"]) == (f"advertiser:{ANNA}", ANNA)
    log = Page(staff_browser(anna).get("/staff/audit").text)
    assert "stopped emails of notifications to user Anna" in log.text


def test_an_email_program_stops_emails_of_a_saved_view(anna: Sandbox, mails: MailServer) -> None:
    for name in "Boots", "Shoes":
        save_view(anna, name=name)
    execute("UPDATE {s}.saved_view SET schedule = 'never' WHERE name = 'Shoes'", schema=anna.tenant.schema)
    now = datetime(2025, 6, 2, 12, tzinfo=UTC)
    run_in_tenant(anna.tenant.slug, lambda: send_saved_views(anna.tenant, now))
    path = link_in(mails)
    execute("UPDATE {s}.saved_view SET schedule = 'weekly' WHERE name = 'Shoes'", schema=anna.tenant.schema)
    client = email_program(anna)
    assert f"The saved view “Boots” by email to {ANNA}" in Page(client.get(path).text).text
    assert schedules(anna) == ["daily", "weekly"]
    for _ in range(2):
        assert client.post(path, files={"List-Unsubscribe": (None, "One-Click")}).status_code == 200
    assert schedules(anna) == ["never", "weekly"]
    (entry,) = entries(anna)
    assert '"Boots"' in str(entry["before"])
    assert "stopped emails of a saved view to user Anna" in Page(staff_browser(anna).get("/staff/audit").text).text

    execute("DELETE FROM {s}.saved_view WHERE name = 'Boots'", schema=anna.tenant.schema)
    assert client.get(path).status_code == client.post(path).status_code == 404


def test_a_link_that_was_not_signed_for_this_does_nothing(anna: Sandbox) -> None:
    create_advertiser_user(anna, email="ben@example.com")
    view, other = save_view(anna), save_view(anna, "ben@example.com")
    link = link_to(anna)
    head, _, signature = link.rpartition(".")
    user, _, emails = head.removeprefix("/unsubscribe/").partition(".")
    forged = [
        f"/unsubscribe/{int(user) + 1}.{emails}.{signature}",
        f"/unsubscribe/{user}.view-{view}.{signature}",
        f"/unsubscribe/{user}.{emails}.{signature[:-1]}",
        f"/unsubscribe/{user}.{emails}.é",
        f"/unsubscribe/{user}.{emails}",
        f"/unsubscribe/{2**31}.{emails}.{signature}",
        "/unsubscribe/x",
        link_to(anna, f"view-{other}"),
        link_to(anna, "view-99999999999999999999"),
        link_to(anna, "view-"),
        link_to(anna, "else"),
    ]
    client = email_program(anna)
    for path in forged:
        assert client.get(path).status_code == 404, path
        assert client.post(path, data=ONE_CLICK).status_code == 404, path
    assert (choices(anna), schedules(anna), entries(anna)) == ([], ["daily", "daily"], [])


def test_a_link_of_another_tenant_does_nothing(anna: Sandbox, other_sandbox: Sandbox) -> None:
    create_advertiser_user(other_sandbox, email=ANNA)
    (row,) = execute("SELECT id FROM {s}.advertiser_login", schema=anna.tenant.schema)
    execute("UPDATE {s}.advertiser_login SET id = $1", row["id"], schema=other_sandbox.tenant.schema)
    client = email_program(other_sandbox)
    assert client.post(link_to(anna), data=ONE_CLICK).status_code == 404
    assert choices(other_sandbox) == []


@pytest.mark.parametrize("change", ["active = false", "password = 'another'", "password = NULL"])
def test_a_link_ends_with_the_password_and_the_account(anna: Sandbox, change: str) -> None:
    path = link_to(anna)
    execute(f"UPDATE {{s}}.advertiser_login SET {change}", schema=anna.tenant.schema)
    assert email_program(anna).post(path, data=ONE_CLICK).status_code == 404
    assert choices(anna) == []


def test_requests_are_limited(anna: Sandbox) -> None:
    client, path = email_program(anna), link_to(anna)
    assert [client.post(path).status_code for _ in range(21)] == [200] * 20 + [429]
    assert [client.post("/unsubscribe/x").status_code for _ in range(101)] == [404] * 100 + [429]


def test_other_forms_still_need_the_origin(anna: Sandbox) -> None:
    client, path = email_program(anna), link_to(anna)
    for other in "/sign-in", "/unsubscribe/x/y", "/x/unsubscribe/y", "/views", f"{path}/":
        assert client.post(other).status_code == 403, other
