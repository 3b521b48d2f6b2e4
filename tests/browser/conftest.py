"""Fixtures for the tests in Chromium. Each test process runs one browser."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.page_watcher import PageWatcher, launched_chromium

T = TypeVar("T")
expect.set_options(timeout=120_000)  # milliseconds; only guards against hangs


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Playwright runs an event loop in the tests' thread as long as the browser is open.

    asyncio.run fails there, so commands run it in another thread meanwhile. The fixture ends with the package.
    """
    run = asyncio.run

    def run_beside(main: Coroutine[Any, Any, T]) -> T:
        with ThreadPoolExecutor(1) as beside:
            return beside.submit(copy_context().run, run, main).result()

    with launched_chromium() as browser, pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "run", run_beside)
        yield browser


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[PageWatcher]:
    """Opens watched pages: `open_page(width=PHONE, dark=True)`. Fails the test if one of them had a problem."""
    watched = PageWatcher(chromium)
    yield watched
    watched.close()
    assert watched.trouble == []
