"""Login and logout in a browser."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.login import app_of, sign_in
from tests.browser.page_watcher import PageWatcher, page_problems
from tests.support.database import execute
from tests.support.people import PASSWORD, browser, create_advertiser_user, create_staff_user
from tests.support.sandbox import Sandbox
from tests.support.servers import Server


def sign_in_to_portal(page: Page, sandbox: Sandbox, server: Server, path: str = "/") -> Page:
    return sign_in(page, app_of(sandbox, server) + path, create_advertiser_user(sandbox))


def test_after_signing_out_the_back_button_shows_nothing(
    open_page: PageWatcher, sandbox: Sandbox, server: Server
) -> None:
    page = sign_in_to_portal(open_page(), sandbox, server, "/account")
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert [cookie["name"] for cookie in page.context.cookies()] == ["gokart_advertiser_device"]


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_a_session_that_is_over_leads_to_signing_in_and_back(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, how: str
) -> None:
    page = sign_in_to_portal(open_page(), sandbox, server)
    ending = {"expired": "UPDATE {s}.session SET expires_at = now()", "revoked": "DELETE FROM {s}.session"}
    execute(ending[how], schema=sandbox.tenant.schema)
    page.get_by_role("link", name="API keys").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Email").fill(create_advertiser_user(sandbox))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{app_of(sandbox, server)}/keys")


def test_a_session_ended_from_elsewhere_is_over(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    email = create_advertiser_user(sandbox)
    pages = [sign_in(open_page(), f"{app_of(sandbox, server)}/account", email) for _ in range(2)]
    pages[0].reload()
    pages[0].get_by_role("button", name="Sign out all other sessions").click()
    expect(pages[0].get_by_role("status")).to_contain_text("signed out")
    pages[1].reload()
    expect(pages[1].get_by_role("heading", name="Sign in")).to_be_visible()


def test_two_tenants_in_one_browser_are_two_worlds(
    open_page: PageWatcher, sandbox: Sandbox, other_sandbox: Sandbox, server: Server
) -> None:
    page = sign_in_to_portal(open_page(), sandbox, server, "/account")
    other = sign_in(page.context.new_page(), f"{app_of(other_sandbox, server)}/staff", create_staff_user(other_sandbox))
    page.reload()
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
    expect(other.locator("header")).to_contain_text(other_sandbox.tenant.name)
    page.goto(f"{app_of(other_sandbox, server)}/account")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    other.goto(f"{app_of(other_sandbox, server)}/staff")
    other.get_by_role("button", name="Sign out", exact=True).click()
    page.goto(f"{app_of(sandbox, server)}/account")
    expect(page.get_by_role("heading", name="Account")).to_be_visible()


def test_without_javascript_one_gets_in_too(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = sign_in_to_portal(open_page(javascript=False), sandbox, server, "/account")
    expect(page.get_by_role("heading", name="Account")).to_be_visible()


def test_a_form_on_another_tenants_page_does_nothing(
    open_page: PageWatcher, sandbox: Sandbox, other_sandbox: Sandbox, server: Server
) -> None:
    """The two hosts are same-site, so the browser sends the cookie along."""
    page = sign_in_to_portal(open_page(), sandbox, server)
    evil = page.context.new_page()
    form = f'<form method="post" action="{app_of(sandbox, server)}/sign-out"><button>Win</button></form>'
    host = f"{app_of(other_sandbox, server)}/prize"
    evil.route(host, lambda route: route.fulfill(body=form, content_type="text/html"))
    evil.goto(host)
    evil.get_by_role("button", name="Win").click()
    expect(evil.get_by_role("heading", name="Access denied")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()


def test_nothing_keeps_anybody_out(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = open_page()
    for path in ("/sign-in", "/forgot", "/link/unknown", "/nothing"):
        page.goto(app_of(sandbox, server) + path)
        assert page_problems(page) == [], path
    sign_in_to_portal(page, sandbox, server, "/account")
    for path in ("/account", "/account/two-step"):
        page.goto(app_of(sandbox, server) + path)
        assert page_problems(page) == [], path


def test_a_planted_cookie_is_no_way_in(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = open_page()
    url = app_of(sandbox, server)
    page.context.add_cookies([{"name": "gokart_advertiser", "value": "planted", "url": url}])
    sign_in_to_portal(page, sandbox, server)
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "gokart_advertiser"]
    assert cookie["value"] != "planted"
    assert cookie["httpOnly"]
    assert browser(sandbox, cookies={"gokart_advertiser": "planted"}).get("/account").status_code == 303
