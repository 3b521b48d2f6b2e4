"""make screenshots: screenshots of the demo's pages, light and dark, on a wide screen and on a phone."""

import re
from base64 import b64decode
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser.page_watcher import PageWatcher, launched_chromium
from tests.browser.screenshot_tours import Tour, tours
from tests.support.processes import ROOT
from tests.support.servers import run_cli, running_server

WIDTHS = {"wide": 1280, "phone": 390}
TALLEST = 2400  # pixels; longer pages are cut off
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"  # charts are drawn
QUALITY = 75  # a third of the size of a PNG, with sharp text


def take(tours: list[Tour], browser: Browser, port: int, folder: Path) -> None:
    """Saves NAME-WIDTH-SCHEME.webp for each shot in each layout. Fails if a page had a problem."""
    folder.mkdir(parents=True, exist_ok=True)
    watched = PageWatcher(browser)
    for tour, (manner, width), dark in product(tours, WIDTHS.items(), [False, True]):
        page = watched(width=width, dark=dark)
        page.goto(f"http://{tour.host}:{port}{tour.door}")
        tour.enter(page)
        for shot in tour.shots:
            page.goto(f"http://{tour.host}:{port}{shot.path}")
            if "#" in shot.path:
                page.reload()  # a change of the fragment loads no page to wait for
            shot.act(page)
            page.wait_for_load_state("networkidle")
            (folder / f"{shot.name}-{manner}-{'dark' if dark else 'light'}.webp").write_bytes(picture(page))
        watched.close()
    assert watched.trouble == []


def picture(page: Page) -> bytes:
    """Takes a screenshot as WebP, which only the browser's own protocol supports. The window is as high as the page, so
    that what stays at the window's bottom is at the page's.
    """
    protocol = page.context.new_cdp_session(page)
    size = protocol.send("Page.getLayoutMetrics")["cssContentSize"]
    window = page.viewport_size
    assert window
    height = min(size["height"], TALLEST)
    page.set_viewport_size({"width": window["width"], "height": height})
    page.evaluate(TWO_FRAMES)
    clip = {"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1}
    result = protocol.send(
        "Page.captureScreenshot", {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True, "clip": clip}
    )
    page.set_viewport_size(window)
    return b64decode(result["data"])


def main() -> None:
    data = ROOT / ".data" / "screenshots"
    data.mkdir(parents=True, exist_ok=True)
    password = re.search(r"(?m)^ +Password +(\S+)", run_cli("demo", "--no-serve", GOKART_DATA_DIR=str(data)))
    assert password, "the demo prints it"
    with running_server(data, GOKART_DATA_DIR=str(data)) as server, launched_chromium() as browser:
        take(tours(password[1]), browser, server.port, ROOT / "docs" / "screenshots")


if __name__ == "__main__":
    main()
