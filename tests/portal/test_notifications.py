"""GET /notifications and its forms."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, advertiser_browser, create_advertiser_user
from tests.support.sandbox import Sandbox

NOW = datetime.now(UTC).replace(microsecond=0)
SCRIPT = "<script>alert('x')</script>\"'"


def notify(sandbox: Sandbox, who: str, number: int = 1, **columns: Any) -> None:
    """Adds so many notifications to a user, each an hour older than the one before."""
    for n in range(number):
        values: dict[str, Any] = {
            "created_at": NOW - timedelta(hours=n),
            "portal": True,
            "email": False,
            "kind": "key",
            "subject": f"{n} {columns.get('title', '')}"[:100],
            "title": f"Notification {n}",
            "text": "What happened",
            "path": "/keys",
        } | columns
        execute(
            f"""
            INSERT INTO {{s}}.notification (login, advertiser, {", ".join(values)})
            SELECT id, advertiser, {", ".join(f"${n}" for n in range(2, len(values) + 2))}
            FROM {{s}}.advertiser_login WHERE email = $1
            """,
            who,
            *values.values(),
            schema=sandbox.tenant.schema,
        )


def signed_in(sandbox: Sandbox, advertiser: UUID | None = None, **columns: Any) -> Browser:
    return advertiser_browser(sandbox, advertiser, email="anna@example.com", **columns)


def page_of(client: Browser, path: str = "/notifications") -> Page:
    response = client.get(path)
    assert response.status_code == 200, response.text
    return Page(response.text)


def badge(page: Page) -> str:
    return next(each.text for each in page.all("a") if each.text.startswith("Notifications"))


def test_a_user_without_notifications_is_told_so(sandbox: Sandbox) -> None:
    page = page_of(signed_in(sandbox))
    assert "No notifications" in page.text
    assert badge(page) == "Notifications"
    assert page.all("form", action="/notifications/read") == []


def test_kinds_that_the_user_may_no_longer_see_are_not_shown(sandbox: Sandbox) -> None:
    client = signed_in(sandbox, scopes=["singular"])
    for kind in "spend", "singular", "key":
        notify(sandbox, "anna@example.com", kind=kind, title=kind.title())
    page = page_of(client)
    assert badge(page) == "Notifications 2"
    assert sorted(row[2].split()[0] for row in page.rows("notifications")) == ["Key", "Singular"]


def test_unread_notifications_are_counted_on_every_page(sandbox: Sandbox) -> None:
    client = signed_in(sandbox)
    create_advertiser_user(sandbox, email="ben@example.com")
    notify(sandbox, "anna@example.com", 2)
    notify(sandbox, "anna@example.com", title="By email only", portal=False)
    notify(sandbox, "ben@example.com", title="Bens")
    for path in "/notifications", "/account", "/keys":
        assert badge(page_of(client, path)) == "Notifications 2"
    page = page_of(client)
    assert [row[2] for row in page.rows("notifications")] == [f"Notification {n} What happened" for n in (0, 1)]
    assert page.rows("notifications")[0][:2] == [f"{NOW:%Y-%m-%d %H:%M} UTC", "Expiring API key New"]
    notify(sandbox, "anna@example.com", 120, title="Many")
    assert badge(page_of(client)) == "Notifications 99+"


def test_one_and_all_can_be_marked_as_read(sandbox: Sandbox) -> None:
    client = signed_in(sandbox)
    create_advertiser_user(sandbox, email="ben@example.com")
    for who in "anna", "ben":
        notify(sandbox, f"{who}@example.com", 3)
    first = page_of(client).all("input", name="id")[0].attributes["value"]
    response = client.post("/notifications/read", data={"id": first})
    assert (response.status_code, response.headers["Location"]) == (303, "/notifications")
    assert badge(page_of(client)) == "Notifications 2"
    response = client.post("/notifications/read")
    assert response.headers["Location"] == "/notifications?done=read"
    page = page_of(client, "/notifications?done=read")
    assert badge(page) == "Notifications"
    assert "All notifications are marked as read." in page.text
    assert len(page.rows("notifications")) == 3
    (left,) = execute("SELECT count(*) FROM {s}.notification WHERE read_at IS NULL", schema=sandbox.tenant.schema)
    assert left["count"] == 3


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "1.5"])
def test_an_unknown_notification_is_not_marked(sandbox: Sandbox, number: str) -> None:
    client = signed_in(sandbox)
    notify(sandbox, "anna@example.com")
    assert client.post("/notifications/read", data={"id": number}).status_code == 303
    assert badge(page_of(client)) == "Notifications 1"


def test_another_users_notification_is_not_marked(sandbox: Sandbox) -> None:
    client = signed_in(sandbox)
    create_advertiser_user(sandbox, email="ben@example.com")
    notify(sandbox, "ben@example.com")
    (theirs,) = execute("SELECT id FROM {s}.notification", schema=sandbox.tenant.schema)
    client.post("/notifications/read", data={"id": str(theirs["id"])})
    (row,) = execute("SELECT read_at FROM {s}.notification", schema=sandbox.tenant.schema)
    assert row["read_at"] is None


def test_notifications_of_a_former_advertiser_are_not_shown(sandbox: Sandbox) -> None:
    client = signed_in(sandbox)
    notify(sandbox, "anna@example.com")
    execute("UPDATE {s}.advertiser_login SET advertiser = $1", sandbox.rival, schema=sandbox.tenant.schema)
    page = page_of(client)
    assert (badge(page), page.all("tbody", id="notifications")) == ("Notifications", [])


def test_the_list_has_pages(sandbox: Sandbox) -> None:
    client = signed_in(sandbox)
    notify(sandbox, "anna@example.com", 30)
    first = page_of(client)
    second = page_of(client, first.one("a", rel="next").attributes["href"])
    shown = [row[2].split()[1] for page in (first, second) for row in page.rows("notifications")]
    assert shown == [str(n) for n in range(30)]
    assert second.all("a", rel="next") == []
    back = page_of(client, second.one("a", rel="prev").attributes["href"])
    assert back.rows("notifications") == first.rows("notifications")


def test_stored_text_is_escaped(sandbox: Sandbox) -> None:
    client = signed_in(sandbox)
    notify(sandbox, "anna@example.com", title=SCRIPT + "\u202e" + "x" * 200, text=SCRIPT)
    response = client.get("/notifications")
    assert response.status_code == 200
    assert SCRIPT not in response.text


def ticked(page: Page, name: str) -> set[str]:
    return {box.attributes["value"] for box in page.all("input", name=name) if "checked" in box.attributes}


def test_each_kind_is_optional_per_user_and_channel(sandbox: Sandbox) -> None:
    client, ben = signed_in(sandbox), advertiser_browser(sandbox)
    everything = {"key", "singular", "data", "spend", "final-day"}
    page = page_of(client)
    assert (ticked(page, "portal"), ticked(page, "email")) == (everything, everything)
    response = client.post("/notifications/choices", data={"portal": ["key", "spend"], "email": ["data", "nonsense"]})
    assert (response.status_code, response.headers["Location"]) == (303, "/notifications?done=saved")
    page = page_of(client, "/notifications?done=saved")
    assert "Your settings were saved." in page.text
    assert (ticked(page, "portal"), ticked(page, "email")) == ({"key", "spend"}, {"data"})
    assert ticked(page_of(ben), "email") == everything
    client.post("/notifications/choices", data={"email": ["key"]})
    page = page_of(client)
    assert (ticked(page, "portal"), ticked(page, "email")) == (set(), {"key"})


def test_kinds_without_the_permission_are_not_offered(sandbox: Sandbox) -> None:
    client = signed_in(sandbox, scopes=["singular"])
    assert ticked(page_of(client), "portal") == {"key", "singular"}
    client.post("/notifications/choices", data={"portal": ["spend"]})
    rows = execute("SELECT kind FROM {s}.notification_choice ORDER BY kind", schema=sandbox.tenant.schema)
    assert [row["kind"] for row in rows] == ["key", "singular"]


def test_without_a_mail_server_the_page_says_so(sandbox: Sandbox) -> None:
    assert "This server sends no email." in page_of(signed_in(sandbox)).text


def test_kinds_that_were_switched_off_are_not_sent_by_email(sandbox: Sandbox) -> None:
    client = signed_in(sandbox)
    notify(sandbox, "anna@example.com", email=True)
    notify(sandbox, "anna@example.com", email=True, kind="spend")
    client.post("/notifications/choices", data={"email": ["spend"]})
    rows = execute("SELECT kind FROM {s}.notification WHERE email", schema=sandbox.tenant.schema)
    assert [row["kind"] for row in rows] == ["spend"]
