"""Errors as pages: readable by everybody, at any width, light and dark."""

from tests.browser.browsers import Watched, obstacles
from tests.places import Place
from tests.servers import Server


def test_it_says_what_is_wrong(a_browser: Watched, place: Place, server: Server) -> None:
    page = a_browser()
    answer = page.goto(f"http://app.{place.tenant.slug}.localhost:{server.port}/nothing")
    assert answer
    assert answer.status == 404
    assert answer.headers["x-request-id"] in page.locator("main").inner_text()
    assert place.tenant.name in page.title()
    assert obstacles(page) == []
