"""Trying the API on the page under /docs."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.browser.page_watcher import PHONE, WIDE, PageWatcher
from tests.support.sandbox import Sandbox
from tests.support.servers import Server


def test_a_key_alone_is_enough_to_try_a_call(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = open_page()
    page.goto(f"http://{sandbox.host}:{server.port}/")
    page.wait_for_url("**/docs")
    page.get_by_role("button", name="Authorize").click()
    page.get_by_role("dialog").or_(page.locator(".modal-ux")).get_by_role("textbox").fill(sandbox.owner_key)
    page.locator(".modal-ux").get_by_role("button", name="Apply credentials").click()
    page.locator(".modal-ux").get_by_role("button", name="Close").first.click()
    call = page.locator("#operations-Cost_report-getCostReportJson")
    call.get_by_role("button").first.click()
    call.get_by_role("button", name="Try it out").click()
    today = datetime.now(UTC).date()
    expect(call.locator("tr[data-param-name=date_to] input")).to_have_value(str(today))
    expect(call.locator("tr[data-param-name=offerId] input")).to_have_value("")
    call.get_by_role("button", name="Execute").click()
    expect(call.locator(".live-responses-table .response-col_status").nth(1)).to_have_text("200")


@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_every_call_of_the_api_can_be_tried(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, width: int
) -> None:
    page = open_page(width=width)
    page.goto(f"http://{sandbox.host}:{server.port}/docs")
    call = page.locator("#operations-Cost_report-getCostReportJson")
    call.get_by_role("button").first.click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").wait_for()
