"""make screenshots saves each page in every layout."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.screenshot_tours import Shot, Tour
from tests.browser.screenshots import take
from tests.support.sandbox import Sandbox
from tests.support.servers import Server


def test_each_page_is_taken_light_and_dark_wide_and_of_a_phone(
    chromium: Browser, sandbox: Sandbox, server: Server, tmp_path: Path
) -> None:
    shot = Shot("errors", "/docs/singular", lambda page: page.get_by_role("link", name="Errors").click())
    take([Tour(sandbox.host, [shot])], chromium, server.port, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        f"errors-{manner}-{scheme}.webp" for manner in ("wide", "phone") for scheme in ("light", "dark")
    }
    assert all(file.read_bytes().startswith(b"RIFF") for file in tmp_path.iterdir())
