"""The page under /docs that tries the API, in a real browser."""

import pytest

from tests.browser.browsers import PHONE, WIDE, Watched
from tests.support.sandbox import Sandbox
from tests.support.servers import Server


@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_every_call_of_the_api_can_be_tried(a_browser: Watched, sandbox: Sandbox, server: Server, width: int) -> None:
    page = a_browser(width=width)
    page.goto(f"http://{sandbox.host}:{server.port}/docs")
    call = page.locator("#operations-Cost_report-getCostReportJson")
    call.get_by_role("button").first.click()
    call.get_by_role("button", name="Try it out").click()
    call.get_by_role("button", name="Execute").wait_for()
