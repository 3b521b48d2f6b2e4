"""The platform admin: from the first owner, created at the command line, to a tenant that its own owner manages."""

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from settings import settings
from tests.browser.login import enter_platform, sign_in
from tests.browser.page_watcher import PageWatcher, page_problems
from tests.support.cli import gokart
from tests.support.people import PASSWORD, create_platform_staff
from tests.support.sandbox import Sandbox
from tests.support.servers import Server


def choose_password(page: Page) -> None:
    for field in page.locator("main input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main").get_by_role("button").first.click()
    page.wait_for_url(lambda url: "/link/" not in url)


@pytest.mark.usefixtures("sandbox")
def test_from_the_first_owner_of_all_to_a_tenants_own(open_page: PageWatcher, server: Server) -> None:
    slug, email = f"t{uuid4().hex[:12]}", f"{uuid4().hex[:12]}@gokart.example"
    printed = gokart("staff", "invite", "--platform", "--email", email, "--name", "Kim Lund", "--role", "owner")
    page = open_page()
    page.goto(printed.stdout.strip().replace(f":{settings.port}/", f":{server.port}/"))
    choose_password(page)

    page.get_by_role("link", name="New tenant").first.click()
    page.get_by_label("Display name").fill("Gravel Digital")
    page.get_by_label("Slug").fill("No slug")
    page.get_by_label("Owner name").fill("Nora Berg")
    page.get_by_label("Owner email").fill("nora@gravel.example")
    page.get_by_role("button", name="Create tenant").click()
    assert page.get_by_label("Slug").evaluate("field => field.validity.patternMismatch")
    page.get_by_label("Slug").fill(slug)
    page.get_by_role("button", name="Create tenant").click()
    expect(page.get_by_text("The tenant Gravel Digital was created.")).to_be_visible()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(rf"http://app\.{slug}\.localhost:{server.port}/staff/link/[\w-]+", link)
    page.get_by_role("link", name="Done").click()
    expect(page.get_by_role("row", name="Nora Berg")).to_contain_text("invited")

    owner = open_page()
    owner.goto(link)
    choose_password(owner)
    assert owner.url == f"http://app.{slug}.localhost:{server.port}/staff"
    expect(owner.get_by_role("banner")).to_contain_text("Gravel Digital")
    expect(owner.get_by_role("banner")).to_contain_text("Nora Berg")
    owner.get_by_role("button", name="Sign out", exact=True).click()
    owner.get_by_label("Email").fill("nora@gravel.example")
    owner.get_by_label("Password").fill(PASSWORD)
    owner.get_by_role("button", name="Sign in").click()
    owner.wait_for_url(lambda url: url.endswith("/staff"))

    page.reload()
    expect(page.get_by_role("row", name="Nora Berg")).to_contain_text("active")


@pytest.mark.parametrize("javascript", [True, False])
def test_suspending_asks_first(open_page: PageWatcher, sandbox: Sandbox, server: Server, javascript: bool) -> None:
    page = enter_platform(open_page(javascript=javascript), server, "manager")
    page.goto(f"http://admin.localhost:{server.port}/tenants/{sandbox.tenant.slug}")
    page.get_by_role("button", name="Suspend").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Suspend {sandbox.tenant.name}?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Suspend").click()
    dialog.get_by_role("button", name="Suspend").click()
    expect(page.get_by_role("status")).to_contain_text("The tenant is suspended")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_a_viewer_sees_no_button_that_would_refuse(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = sign_in(open_page(), f"http://admin.localhost:{server.port}/", create_platform_staff("viewer"))
    expect(page.get_by_role("heading", name="Tenants")).to_be_visible()
    expect(page.get_by_role("link", name="New tenant")).to_have_count(0)
    expect(page.get_by_role("link", name="Staff", exact=True)).to_have_count(0)
    page.goto(f"http://admin.localhost:{server.port}/tenants/{sandbox.tenant.slug}")
    expect(page.get_by_role("heading", name=sandbox.tenant.name)).to_be_visible()
    expect(page.locator("main").get_by_role("button")).to_have_count(0)


def test_nobody_is_kept_out_of_any_page(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = enter_platform(open_page(), server, "owner")
    paths = ["/", "/?text=nothing-like-this", "/new", f"/tenants/{sandbox.tenant.slug}", "/staff", "/audit", "/account"]
    for path in paths:
        page.goto(f"http://admin.localhost:{server.port}{path}")
        assert page_problems(page) == [], path
    page.goto(f"http://admin.localhost:{server.port}/staff")
    page.get_by_role("link", name="Manage").first.click()
    expect(page.get_by_role("heading", name="Security")).to_be_visible()
    assert page_problems(page) == []
    page.get_by_role("button", name="Create link").or_(page.get_by_role("button", name="Activate")).first.click()
    page.wait_for_load_state()
    assert page_problems(page) == []
