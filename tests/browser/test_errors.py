"""Errors as pages: readable by everybody, at any width, light and dark."""

import pytest

from tests.browser.browsers import PHONE, WIDE, Watched, barriers
from tests.places import Place
from tests.servers import Server


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, WIDE])
def test_it_says_what_is_wrong(a_browser: Watched, place: Place, server: Server, width: int, *, dark: bool) -> None:
    page = a_browser(width=width, dark=dark)
    answer = page.goto(f"http://app.{place.tenant.slug}.localhost:{server.port}/nothing")
    assert answer
    assert answer.status == 404
    assert answer.headers["x-request-id"] in page.locator("main").inner_text()
    assert place.tenant.name in page.title()
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
