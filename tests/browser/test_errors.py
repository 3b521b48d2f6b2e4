"""Error pages are accessible at any width, light and dark."""

from tests.browser.page_watcher import PageWatcher, page_problems
from tests.support.sandbox import Sandbox
from tests.support.servers import Server


def test_it_says_what_is_wrong(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = open_page()
    response = page.goto(f"http://app.{sandbox.tenant.slug}.localhost:{server.port}/nothing")
    assert response
    assert response.status == 404
    assert response.headers["x-request-id"] in page.locator("main").inner_text()
    assert sandbox.tenant.name in page.title()
    assert page_problems(page) == []
