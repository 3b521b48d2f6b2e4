"""Trying the API on the page under /docs."""

import pytest

from tests.browser.page_watcher import PHONE, WIDE, PageWatcher
from tests.support.sandbox import Sandbox
from tests.support.servers import Server


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
