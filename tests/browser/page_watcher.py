"""Watches pages in real browsers. Requests to other hosts, policy violations and uncaught errors fail the test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from web.pages.assets import PACKAGES

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE *.localhost",
)
PHONE, WIDE = 360, 1280
LAYOUTS = [(WIDE, False), (PHONE, True)]  # (width, dark)
TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) => console.error(
    `Content Security Policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`))"""


def executable() -> str:
    """The browser that the variable CHROMIUM names, or the first one on PATH."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "there is no Chromium or Chrome; type: make test, which installs one or says how to"
    return found


@contextmanager
def launched_chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        yield browser
        browser.close()


class PageWatcher:
    """Opens pages, each in a separate browser context: they share no cookies, cache or storage."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.trouble: list[str] = []

    def __call__(self, *, width: int = WIDE, dark: bool = False, javascript: bool = True) -> Page:
        """Opens a page; `page.context` opens more pages with the same cookies. The time zone is far from UTC, so that a
        local time would be noticed.
        """
        context = self.browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            locale="en-GB",
            timezone_id="Pacific/Auckland",
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(120_000)  # milliseconds; only guards against hangs
        context.add_init_script(TELL_VIOLATIONS)
        context.on("request", self.watch_request)
        context.on("console", self.watch_console)
        context.on("weberror", lambda error: self.trouble.append(f"uncaught: {error.error}"))
        return context.new_page()

    def watch_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in {"data", "blob"} and not (url.hostname or "").endswith(".localhost"):
            self.trouble.append(f"request to elsewhere: {request.url}")

    def watch_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            self.trouble.append(f"{message.page.url if message.page else 'a worker'}: {message.text}")

    def close(self) -> None:
        for context in self.browser.contexts:
            context.close()


AXE = (PACKAGES / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


ALL_RULES = "{ resultTypes: ['violations'], preload: false }"
LAYOUT_RULES = """{ resultTypes: ['violations'], preload: false, runOnly: [
    "color-contrast", "link-in-text-block", "scrollable-region-focusable", "aria-hidden-focus",
    "button-name", "link-name", "label", "nested-interactive"
] }"""  # the rules whose result depends on colours or on the width


def accessibility_violations(page: Page, options: str = ALL_RULES) -> list[str]:
    """The violations that axe-core finds on the page, one entry per element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate(f"axe.run({options}).then(({{ violations }}) => violations)")
    return [
        f"{rule['id']}: {rule['help']}: {' '.join(node['target'])}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def page_problems(page: Page) -> list[str]:
    """The accessibility violations and the overflow in each layout. Only the first layout is checked with all rules."""
    return [
        obstacle
        for width, options in zip(each_layout(page), [ALL_RULES, LAYOUT_RULES], strict=True)
        for obstacle in [*accessibility_violations(page, options), *overflow(page, width)]
    ]


def each_layout(page: Page) -> Iterator[int]:
    """Switches the page to each layout, and yields its width."""
    for width, dark in LAYOUTS:
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="dark" if dark else "light")
        yield width


def overflow(page: Page, width: int) -> list[str]:
    needed = page.evaluate("document.documentElement.scrollWidth")
    return [f"{needed} pixels on a screen of {width}"] if needed > width else []


def open_details(page: Page) -> None:
    for details in page.locator("details").all():
        details.evaluate("each => each.open = true")
