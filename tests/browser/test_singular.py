"""The Singular page and the API page."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.login import enter_portal
from tests.browser.page_watcher import PHONE, PageWatcher, accessibility_violations, open_details, page_problems
from tests.support.database import execute
from tests.support.sandbox import MAY, Sandbox, event_record, offer_record
from tests.support.servers import Server

PULLS = """
INSERT INTO {s}.singular_pull (at, advertiser, token, format, starts_at, ends_at, status, rows, milliseconds)
SELECT now() - n * interval '7 hours', advertiser, id, 'json', current_date - 7, current_date,
    (ARRAY[200, 304, 403, 500])[1 + n % 4], CASE WHEN n % 4 = 0 THEN n END, 12
FROM {s}.api_token, generate_series(0, 29) AS n WHERE advertiser = $1
"""


@pytest.mark.parametrize("javascript", [True, False])
def test_somebody_asks_for_singular(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, *, javascript: bool
) -> None:
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    page = enter_portal(open_page(javascript=javascript), sandbox, server, "/singular", email="dana@example.com")
    page.get_by_role("button", name="Request access").click()
    expect(page.get_by_role("status")).to_have_text(
        "Your request was sent to the staff. This page shows when Singular is enabled."
    )
    expect(page.locator(".steps")).to_contain_text("dana@example.com requested access on")
    expect(page.get_by_role("button", name="Request access")).to_have_count(0)
    assert accessibility_violations(page) == [] if javascript else True


def test_a_value_is_copied(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), sandbox, server, "/singular")
    page.locator("[data-copy=url]").click()
    expect(page.locator("[data-copy=url]")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"http://{sandbox.host}:{server.port}/api/v1/integrations/cost-report/singular/json"


def test_pulls_are_leafed_through(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    execute(PULLS, sandbox.owner, schema=sandbox.tenant.schema)
    page = enter_portal(open_page(), sandbox, server, "/singular")
    expect(page.locator("#request-rows tr")).to_have_count(25)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#request-rows tr")).to_have_count(5)
    page.get_by_role("link", name="Newer").click()
    expect(page.locator("#request-rows tr")).to_have_count(25)


@pytest.mark.parametrize("program", ["curl", "python", "sheets", "excel"])
def test_an_example_is_copied_whole(open_page: PageWatcher, sandbox: Sandbox, server: Server, program: str) -> None:
    page = enter_portal(open_page(), sandbox, server, "/api")
    page.locator(f"[data-copy={program}]").click()
    expect(page.locator(f"[data-copy={program}]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator(f"#{program}").text_content()


def test_the_script_for_sheets_fills_a_sheet(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    """Runs the script in the browser with stand-ins for Google's services; the report is the API's."""
    offer = offer_record(sandbox, name="=1+1")
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    page = enter_portal(open_page(), sandbox, server, "/api")
    script = page.locator("#sheets").text_content() or ""
    written: list[Any] = page.context.new_page().evaluate(
        """([script, report]) => {
            const requests = [], written = [];
            const response = { getContentText: () => report };
            const UrlFetchApp = { fetch: (url, { headers }) => (requests.push(url, headers), response) };
            const range = (...cells) => ({ setValues: (values) => written.push(cells, values) });
            const SpreadsheetApp = { getActiveSheet: () => ({ clearContents() {}, getRange: range }) };
            new Function("UrlFetchApp", "SpreadsheetApp", `${script}; importReport();`)(UrlFetchApp, SpreadsheetApp);
            return [...requests, ...written];
        }""",
        [
            script.replace("{your-token}", sandbox.owner_key),
            sandbox.get(**MAY).text,
        ],
    )
    url, headers, cells, values = written
    response = sandbox.http.get(url.partition(str(server.port))[2], headers={"Host": sandbox.host, **headers})
    assert response.status_code == 200
    assert cells == [1, 1, 2, 6]
    assert values[1] == ["'=1+1", f"'{sandbox.tenant.name}", 0, 1, 0, 0]


@pytest.mark.parametrize("path", ["/singular", "/api"])
def test_everybody_can_read_it(open_page: PageWatcher, sandbox: Sandbox, server: Server, path: str) -> None:
    sandbox.send("offers", [offer_record(sandbox, name="Half done", os="IOS", storeId="com.test")])
    execute(PULLS, sandbox.owner, schema=sandbox.tenant.schema)
    execute("UPDATE {s}.api_token SET burst = 50 WHERE advertiser = $1", sandbox.owner, schema=sandbox.tenant.schema)
    page = enter_portal(open_page(), sandbox, server, path)
    open_details(page)
    assert page_problems(page) == []


def test_everybody_can_read_that_there_is_nothing(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(width=PHONE), sandbox, server, "/singular")
    expect(page.get_by_text("No requests yet")).to_be_visible()
    assert accessibility_violations(page) == []
