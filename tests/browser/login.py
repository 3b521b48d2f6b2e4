"""Signs users in on browser pages."""

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
    """The origin of the sandbox's app host."""
    return f"http://app.{sandbox.tenant.slug}.localhost:{server.port}"


def enter_portal(page: Page, sandbox: Sandbox, server: Server, path: str = "/", **columns: Any) -> Page:
    """Signs in as a new user of the sandbox's owner, or of `advertiser`."""
    return enter(
        page,
        app_of(sandbox, server),
        session_cookie(sandbox, ADVERTISER, create_advertiser_user(sandbox, **columns)),
        path,
    )


def enter_admin(
    page: Page, sandbox: Sandbox, server: Server, path: str = "/staff", role: str = "owner", **columns: Any
) -> Page:
    """Signs in as a new staff user."""
    return enter(
        page, app_of(sandbox, server), session_cookie(sandbox, STAFF, create_staff_user(sandbox, role, **columns)), path
    )


def enter_platform(page: Page, server: Server, role: str) -> Page:
    """Signs in as new platform staff."""
    cookie = session_cookie(None, PLATFORM, create_platform_staff(role))
    return enter(page, f"http://admin.localhost:{server.port}", cookie)


def enter(page: Page, origin: str, cookie: dict[str, str], path: str = "/") -> Page:
    """Sets the session's cookie without the login form, and opens the page."""
    for name, value in cookie.items():
        page.context.add_cookies([{"name": name, "value": value, "url": origin, "httpOnly": True, "sameSite": "Lax"}])
    page.goto(origin + path)
    return page


def sign_in(page: Page, url: str, email: str) -> Page:
    """Signs in with the login form that the URL redirects to."""
    page.goto(url)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button").first.click()
    page.wait_for_url(lambda url: "/sign-in" not in url)
    return page
