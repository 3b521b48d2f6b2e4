"""Signing in with a browser."""

from typing import Any

from playwright.sync_api import Page

from tests.people import PASSWORD, make_login, make_staff
from tests.places import Place
from tests.servers import Server


def enter_portal(page: Page, place: Place, server: Server, path: str = "/", **columns: Any) -> Page:
    """As a new person of the owner's (or of `advertiser`), by the sign-in page; then on to the path."""
    return enter(page, f"http://app.{place.tenant.slug}.localhost:{server.port}{path}", make_login(place, **columns))


def enter_desk(
    page: Page, place: Place, server: Server, path: str = "/staff", role: str = "owner", **columns: Any
) -> Page:
    """As a new member of the staff."""
    email = make_staff(place, role, **columns)
    return enter(page, f"http://app.{place.tenant.slug}.localhost:{server.port}{path}", email)


def enter(page: Page, url: str, email: str) -> Page:
    page.goto(url)
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button").first.click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page
