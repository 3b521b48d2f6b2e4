"""A browser with somebody signed in."""

from typing import Any

from playwright.sync_api import Page

from auth.users.realms import ADVERTISER, PLATFORM, STAFF
from tests.support.people import (
    PASSWORD,
    create_advertiser_user,
    create_platform_staff,
    create_staff_user,
    session_cookie,
)
from tests.support.sandbox import Sandbox
from tests.support.servers import Server


def app_of(sandbox: Sandbox, server: Server) -> str:
    """Its origin."""
    return f"http://app.{sandbox.tenant.slug}.localhost:{server.port}"


def enter_portal(page: Page, sandbox: Sandbox, server: Server, path: str = "/", **columns: Any) -> Page:
    """As a new person of the owner's (or of `advertiser`)."""
    return enter(
        page,
        app_of(sandbox, server),
        session_cookie(sandbox, ADVERTISER, create_advertiser_user(sandbox, **columns)),
        path,
    )


def enter_admin(
    page: Page, sandbox: Sandbox, server: Server, path: str = "/staff", role: str = "owner", **columns: Any
) -> Page:
    """As a new member of the staff."""
    return enter(
        page, app_of(sandbox, server), session_cookie(sandbox, STAFF, create_staff_user(sandbox, role, **columns)), path
    )


def enter_platform(page: Page, server: Server, role: str) -> Page:
    """As a new member of the platform's staff."""
    cookie = session_cookie(None, PLATFORM, create_platform_staff(role))
    return enter(page, f"http://admin.localhost:{server.port}", cookie)


def enter(page: Page, origin: str, cookie: dict[str, str], path: str = "/") -> Page:
    """Past the form, with the session's cookie."""
    for name, value in cookie.items():
        page.context.add_cookies([{"name": name, "value": value, "url": origin, "httpOnly": True, "sameSite": "Lax"}])
    page.goto(origin + path)
    return page


def sign_in(page: Page, url: str, email: str) -> Page:
    """By the form that the URL leads to."""
    page.goto(url)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button").first.click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page
