"""Real browsers, watched: what a page does that none of ours may do is trouble, and fails the test that opened it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from web.pages.assets import PACKAGES

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
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
LAYOUTS = [(WIDE, False), (PHONE, True)]  # width, dark: each of both once
TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) => console.error(
    `Content Security Policy: ${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`))"""


def executable() -> str:
    """The browser of the variable CHROMIUM, else the first that is there."""
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
    """Opens pages, each in a browser of its own: no cookie, no cache, no storage is shared between two."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.trouble: list[str] = []

    def __call__(self, *, width: int = WIDE, dark: bool = False, javascript: bool = True) -> Page:
        """A page; `page.context` opens further ones beside it. Its clock is far from UTC: a local time would show."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            locale="en-GB",
            timezone_id="Pacific/Auckland",
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(120_000)  # milliseconds; guards against a hang
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
] }"""  # those whose result depends on colours, or on what is shown at one width only


def accessibility_violations(page: Page, options: str = ALL_RULES) -> list[str]:
    """What axe-core finds on the page that keeps people out, an entry for each sandbox."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = page.evaluate(f"axe.run({options}).then(({{ violations }}) => violations)")
    return [
        f"{rule['id']}: {rule['help']}: {' '.join(node['target'])}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def page_problems(page: Page) -> list[str]:
    """The violations in each layout, all rules in the first of them, and what overflows the screen."""
    return [
        obstacle
        for width, options in zip(each_layout(page), [ALL_RULES, LAYOUT_RULES], strict=True)
        for obstacle in [*accessibility_violations(page, options), *overflow(page, width)]
    ]


def each_layout(page: Page) -> Iterator[int]:
    """Its width, once the page is in it."""
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
