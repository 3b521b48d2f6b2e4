"""The staff's spend page: yesterday by advertiser in one click, awkward names, and no JavaScript."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.browser.login import app_of, enter_admin
from tests.browser.page_watcher import PageWatcher, accessibility_violations, each_layout, open_details, overflow
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.servers import Server

LONG = "W" * 500
RIGHT_TO_LEFT = "\u05de\u05d1\u05e6\u05e2 <b>\u202e"


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    """Offers of both advertisers with figures yesterday, one with a name of 500 characters."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    mine, theirs = (
        offer_record(sandbox, name=LONG, campaignName=LONG),
        offer_record(sandbox, sandbox.rival, name=RIGHT_TO_LEFT),
    )
    sandbox.send("offers", [mine, theirs])
    sandbox.send(
        "conversions", [conversion_callback(sandbox, mine["id"], revenue="0.000001", userCompletedAt=yesterday)]
    )
    sandbox.send("events", [event_record(theirs["id"], occurredAt=yesterday)])
    sandbox.set_advertiser(sandbox.rival, name='=HYPERLINK("x") "Rival"')
    return sandbox


def test_yesterday_s_spend_by_advertiser_is_one_click(open_page: PageWatcher, filled: Sandbox, server: Server) -> None:
    page = enter_admin(open_page(), filled, server, role="viewer")
    page.get_by_role("link", name="Yesterday").click()
    page.wait_for_url("**/staff?period=yesterday")
    expect(page.locator("#rows tr")).to_have_count(2)
    expect(page.locator("#rows th").first).to_contain_text("Owner")
    expect(page.locator("#rows data").first).to_have_attribute("title", "0.000001 USD")
    page.locator("#rows").get_by_role("link", name="Owner", exact=True).click()
    expect(page.locator("#advertiser_id option:checked")).to_have_text("Owner")
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page.locator("#tasks")).to_be_visible()


def test_everybody_can_read_it(open_page: PageWatcher, filled: Sandbox, server: Server) -> None:
    page = enter_admin(open_page(), filled, server, role="viewer")
    for width in each_layout(page):
        page.goto(f"{app_of(filled, server)}/staff?period=yesterday&by=offer_partner")
        open_details(page)
        assert accessibility_violations(page) + overflow(page, width) == []


def test_it_works_without_javascript(open_page: PageWatcher, filled: Sandbox, server: Server) -> None:
    page = enter_admin(open_page(javascript=False), filled, server, role="viewer")
    page.get_by_role("link", name="Yesterday").click()
    page.get_by_label("Advertiser", exact=True).select_option(label="Owner")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#rows tr")).to_have_count(1)
    page.locator("#days-details summary").click()
    expect(page.locator("#days tr")).to_have_count(1)
    page.get_by_role("link", name="Cost, USD").last.click()
    expect(page.locator("#rows tr")).to_have_count(1)
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("link", name="Excel").first).to_be_visible()
