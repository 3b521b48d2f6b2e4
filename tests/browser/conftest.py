"""A real Chromium for the tests of this package, one in each test process."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.page_watcher import PageWatcher, launched_chromium

T = TypeVar("T")
expect.set_options(timeout=120_000)  # milliseconds; guards against a hang


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Ends with the package: while it is there, this thread counts as one in which an event loop runs.

    So asyncio.run, with which commands do their work, would refuse: meanwhile it works in a thread beside this one.
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
    """Opens watched pages: `open_page(width=PHONE, dark=True)`. Fails the test when one of them was in trouble."""
    watched = PageWatcher(chromium)
    yield watched
    watched.close()
    assert watched.trouble == []
