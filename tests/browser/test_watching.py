"""The page watcher notices every forbidden action, so a browser test that passes proves that there was none."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.page_watcher import PageWatcher
from tests.support.sandbox import Sandbox
from tests.support.servers import Server


@pytest.fixture
def watched(chromium: Browser) -> Iterator[PageWatcher]:
    """A page watcher without the check at the end."""
    watched = PageWatcher(chromium)
    yield watched
    watched.close()


@pytest.fixture
def url(sandbox: Sandbox, server: Server) -> str:
    return f"http://{sandbox.host}:{server.port}"


def test_a_request_to_elsewhere(watched: PageWatcher, url: str) -> None:
    page = watched()
    page.goto(f"{url}/healthz")
    page.evaluate("fetch('https://getgokart.ai/').catch(() => {})")
    assert watched.trouble == ["request to elsewhere: https://getgokart.ai/"]


@pytest.mark.parametrize("javascript", [True, False])
def test_what_the_policy_forbids(watched: PageWatcher, url: str, *, javascript: bool) -> None:
    page = watched(javascript=javascript)
    page.goto(f"{url}/docs/errors")
    assert watched.trouble == []
    with page.expect_console_message():
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')")
    assert "Content Security Policy" in watched.trouble[0]


def test_an_uncaught_error(watched: PageWatcher, url: str) -> None:
    page = watched()
    page.goto(f"{url}/healthz")
    with page.expect_event("pageerror"):
        page.evaluate("setTimeout(() => { throw new Error('lost') })")
    assert watched.trouble == ["uncaught: lost"]
