"""Conversions, changes, team and the reminder of keys: by keyboard, on a phone, in dark mode and without JavaScript."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.login import enter_portal
from tests.browser.page_watcher import PHONE, PageWatcher, page_problems
from tests.support.database import execute
from tests.support.people import create_advertiser_user
from tests.support.sandbox import Sandbox, conversion_callback, offer_record
from tests.support.servers import Server

ALL = ["cost-report", "singular", "conversions"]
DAY = "2025-11-03"
LONG = "=<b>\u202e" + "W" * 480


@pytest.fixture
def changed(sandbox: Sandbox) -> Sandbox:
    """A sandbox in which a conversion of 3 November 2025 was rejected later. Its offer has a hostile name."""
    offer = offer_record(sandbox, name=LONG)
    sandbox.send("offers", [offer])
    callback = conversion_callback(sandbox, offer["id"], userCompletedAt=f"{DAY}T10:00:00Z", revenue=60)
    sandbox.send("conversions", [callback])
    rejected = callback["conversion"] | {"status": "Rejected", "rejectionReason": "Duplicate account"}
    sandbox.send("conversions", [callback | {"sentAt": "2025-11-20T00:00:00Z", "conversion": rejected}])
    return sandbox


def press_on(page: Page, name: str, **options: Any) -> None:
    """Follows a link by keyboard."""
    page.locator("main").get_by_role("link", name=name, **options).first.focus()
    page.keyboard.press("Enter")


@pytest.mark.parametrize("javascript", [True, False])
def test_why_a_day_changed_takes_two_clicks(
    open_page: PageWatcher, changed: Sandbox, server: Server, javascript: bool
) -> None:
    page = enter_portal(open_page(javascript=javascript), changed, server, "/changes", scopes=ALL)
    press_on(page, "Mon 3 Nov 2025")
    expect(page.locator("h1")).to_have_text("What changed Mon 3 Nov 2025")
    expect(page.locator("#conversions tr").first).to_contain_text("Success → Rejected")
    expect(page.locator("#changes tr").first).to_contain_text("60.00 → 0.00")
    press_on(page, "…")
    expect(page.locator("#history tr")).to_have_count(2)
    expect(page.locator("#history tr").first).to_contain_text("Duplicate account")


def test_pages_of_conversions_and_changes_are_accessible_and_fit(
    open_page: PageWatcher, changed: Sandbox, server: Server
) -> None:
    page = enter_portal(open_page(), changed, server, f"/conversions?date_from={DAY}&date_to={DAY}", scopes=ALL)
    assert page_problems(page) == []
    conversion = page.locator("#conversions a").first.get_attribute("href")
    for path in (conversion, "/changes", f"/changes?date={DAY}", "/conversions?date_from=x", "/changes?date=x"):
        page.goto(page.url.split("/conv")[0].split("/changes")[0] + str(path))
        assert page_problems(page) == [], path


def test_conversions_are_filtered_by_keyboard(open_page: PageWatcher, changed: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(width=PHONE), changed, server, "/conversions")
    page.get_by_label("Start date").fill(DAY)
    page.get_by_label("Start date").press("Enter")
    expect(page.locator("#conversions tr")).to_have_count(1)
    page.get_by_label("Status").select_option("Success")
    page.get_by_role("button", name="Apply").press("Enter")
    expect(page.get_by_text("No conversions", exact=True)).to_be_visible()
    expect(page.get_by_label("Start date")).to_have_value(DAY)


def test_an_administrator_invites_a_colleague_by_keyboard(
    open_page: PageWatcher, sandbox: Sandbox, server: Server
) -> None:
    colleague = create_advertiser_user(sandbox, name=LONG[4:180])
    page = enter_portal(open_page(), sandbox, server, "/team", admin=True, scopes=ALL)
    assert page_problems(page) == []
    press_on(page, "Invite colleague")
    page.get_by_label("Email").fill("new@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type("New Colleague")
    assert page_problems(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("#link")).to_contain_text("/link/")
    page.get_by_role("link", name="Done").press("Enter")
    press_on(page, f"Manage {colleague}")
    assert page_problems(page) == []
    page.get_by_label("Administrator").check()
    page.get_by_role("button", name="Save").press("Enter")
    expect(page.get_by_role("status").last).to_contain_text("The permissions were changed")
    expect(page.get_by_label("Administrator")).to_be_checked()
    page.get_by_role("button", name="Remove").first.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Remove").press("Enter")
    expect(page.locator("#team tr")).to_have_count(2)


def test_other_users_see_the_team(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    create_advertiser_user(sandbox, admin=True, name="Ada Admin")
    page = enter_portal(open_page(width=PHONE), sandbox, server, "/team")
    expect(page.locator("main")).to_contain_text("Your administrator is Ada Admin")
    assert page_problems(page) == []


@pytest.mark.parametrize("javascript", [True, False])
def test_the_reminder_moves_nothing_and_is_dismissed_by_keyboard(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, javascript: bool
) -> None:
    page = enter_portal(open_page(width=PHONE, javascript=javascript), sandbox, server, "/api")
    before = page.locator("h1").bounding_box()
    execute("UPDATE {s}.api_token SET expires_at = now() + interval '3 days'", schema=sandbox.tenant.schema)
    page.reload()
    reminder = page.get_by_role("complementary", name="Reminder")
    box = reminder.bounding_box()
    assert box
    assert box["height"] < 60, "one line"
    assert page.locator("h1").bounding_box() == before
    if javascript:
        assert page_problems(page) == []
    reminder.get_by_role("button", name="Dismiss").focus()
    page.keyboard.press("Enter")
    expect(reminder).to_have_count(0)
    expect(page.locator("h1")).to_be_visible()
    assert page.url.endswith("/api")
