"""The admin's pages."""

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.login import enter_admin, enter_portal
from tests.browser.page_watcher import PageWatcher, page_problems
from tests.support.people import PASSWORD, create_advertiser_user, create_staff_user
from tests.support.sandbox import MAY, SINGULAR, Sandbox, conversion_callback, offer_record
from tests.support.servers import Server
from tests.support.wait import wait_for_value

PAGES = [
    "/staff",
    "/staff/keys",
    "/staff/keys/new",
    "/staff/keys/new-ingest",
    "/staff/people",
    "/staff/people/staff/new",
    "/staff/people/logins/new",
    "/staff/singular",
    "/staff/advertisers",
    "/staff/advertisers/new",
    "/staff/advertisers/import",
    "/staff/offers",
    "/staff/offers/new",
    "/staff/partners",
    "/staff/partners/new",
    "/staff/intake",
    "/staff/intake/rejected",
    "/staff/corrections",
    "/staff/requests",
    "/staff/audit",
    "/staff/settings",
]


def a_sheet(*rows: str) -> FilePayload:
    text = "\n".join(["ConversionId,Status,RejectionReason", *rows])
    return {"name": "corrections.csv", "mimeType": "text/csv", "buffer": text.encode()}


def a_conversion(sandbox: Sandbox) -> str:
    """Ingests a Success of 60, and returns the id of the conversion."""
    offer = offer_record(sandbox, name="Chess")
    sandbox.send("offers", [offer])
    callback = conversion_callback(sandbox, offer["id"])
    sandbox.send("conversions", [callback])
    id_: str = callback["conversion"]["conversionId"]
    return id_


def choose_password(page: Page) -> None:
    for field in page.locator("main input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main").get_by_role("button").first.click()
    page.wait_for_url(lambda url: "/link/" not in url)


def downloaded(page: Page, button: str) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return Path(download.value.path()).read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("javascript", [True, False])
def test_an_advertiser_user_is_invited_and_creates_a_key(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, *, javascript: bool
) -> None:
    page = enter_admin(open_page(javascript=javascript), sandbox, server, "/staff/people", "manager")
    page.get_by_role("link", name="Invite advertiser user").first.click()
    page.get_by_label("Advertiser").select_option(str(sandbox.owner))
    page.get_by_label("Email").fill("dana@example.com")
    page.get_by_label("Name").fill("Dana Gray")
    page.get_by_role("button", name="Create invitation").click()
    link = page.locator("#link").inner_text()
    theirs = open_page(javascript=javascript)
    theirs.goto(link)
    choose_password(theirs)
    theirs.get_by_role("link", name="API keys").click()
    theirs.get_by_role("link", name="Create API key").first.click()
    theirs.get_by_label("Name").fill("Mine")
    theirs.get_by_label("Cost report", exact=True).check()
    theirs.get_by_role("button", name="Create API key").click()
    assert sandbox.get(token=theirs.locator("#key").inner_text(), **MAY).status_code == 200
    page.goto(f"http://app.{sandbox.tenant.slug}.localhost:{server.port}/staff/keys")
    expect(page.get_by_role("row", name="Mine")).to_contain_text("by dana@example.com")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_user_is_deactivated_and_activated_again(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, *, javascript: bool
) -> None:
    theirs = enter_portal(open_page(), sandbox, server, "/keys", email="dana@example.com")
    page = enter_admin(open_page(javascript=javascript), sandbox, server, "/staff/people", "manager")
    page.get_by_role("link", name="Manage dana@example.com").click()
    page.get_by_role("button", name="Deactivate").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
    expect(page.get_by_role("status")).to_contain_text("deactivated")
    theirs.reload()
    theirs.wait_for_url("**/sign-in**")
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_role("status")).to_contain_text("activated")


@pytest.mark.parametrize("javascript", [True, False])
def test_singular_is_disabled_and_enabled(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, *, javascript: bool
) -> None:
    page = enter_admin(open_page(javascript=javascript), sandbox, server, "/staff/singular", "manager")
    page.get_by_role("link", name="Open Owner").click()
    page.get_by_role("button", name="Disable Singular").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Disable Singular").click()
    expect(page.get_by_role("status")).to_contain_text("Singular is disabled")
    assert wait_for_value(lambda: sandbox.get(SINGULAR, **MAY).status_code, 403)
    page.get_by_role("button", name="Enable Singular").click()
    expect(page.get_by_role("status")).to_contain_text("Singular is enabled")
    assert wait_for_value(lambda: sandbox.get(SINGULAR, **MAY).status_code, 200)


@pytest.mark.parametrize("javascript", [True, False])
def test_conversions_are_corrected(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, *, javascript: bool
) -> None:
    id_, unknown = a_conversion(sandbox), str(uuid4())
    page = enter_admin(open_page(javascript=javascript), sandbox, server, "/staff/corrections", "manager")
    page.get_by_label("CSV file").set_input_files(a_sheet(f"{id_},Rejected,Twice", f"{unknown},Rejected,"))
    page.get_by_role("button", name="Preview changes").click()
    expect(page.get_by_role("heading", name="1 conversion to correct")).to_be_visible()
    assert len(sandbox.report()) == 1
    assert unknown in downloaded(page, "Download rows with errors")
    assert unknown in downloaded(page, "Download rows with errors"), "a file that comes does not end the page"
    page.get_by_role("button", name="Correct 1 conversion").click()
    expect(page.get_by_role("status")).to_contain_text("1 conversion was corrected")
    assert sandbox.report() == []
    page.reload()
    expect(page.get_by_text("1 row matches the current status and is skipped")).to_be_visible()


def test_a_key_is_found_by_its_advertiser(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = enter_admin(open_page(), sandbox, server, "/staff/keys", "viewer")
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_label("Advertiser").select_option(str(sandbox.rival))
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("Rival")
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("tbody tr")).to_have_count(3)


def test_everybody_can_use_the_pages(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    sandbox.set_advertiser(sandbox.owner, name="An advertiser with a name of some length GmbH & Co. KG")
    id_ = a_conversion(sandbox)
    create_advertiser_user(sandbox, email="dana@example.com")
    create_staff_user(sandbox, "viewer", email="somebody.with.a.long.address@subsidiary.example.com", totp_secret="x")
    page = enter_admin(open_page(), sandbox, server)
    origin = f"http://app.{sandbox.tenant.slug}.localhost:{server.port}"
    for path in [*PAGES, f"/staff/singular/{sandbox.owner}", f"/staff/advertisers/{sandbox.owner}"]:
        page.goto(origin + path)
        assert page_problems(page) == []
    page.goto(f"{origin}/staff/offers")
    page.get_by_role("link", name="Chess").click()
    assert page_problems(page) == []
    page.get_by_role("link", name="Move").click()
    page.get_by_label("Advertiser").select_option(str(sandbox.rival))
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("button", name="Move to Rival")).to_be_visible()
    assert page_problems(page) == []
    page.goto(f"{origin}/staff/people")
    page.get_by_role("link", name="Manage somebody").click()
    assert page_problems(page) == []
    page.get_by_role("button", name="Create link").click()
    assert page_problems(page) == []
    page.get_by_role("dialog").get_by_role("button", name="Create link").click()
    expect(page.get_by_role("heading", name="Password reset link")).to_be_visible()
    assert page_problems(page) == []
    page.goto(f"{origin}/staff/people/staff/new")
    page.get_by_label("Email").fill("dana@example")
    page.get_by_label("Name").fill(" ")
    page.get_by_role("button", name="Create invitation").click()
    assert page_problems(page) == []
    page.goto(f"{origin}/staff/corrections")
    page.get_by_label("CSV file").set_input_files(a_sheet(f"{id_},Rejected,Twice", "x,Rejected,"))
    page.get_by_role("button", name="Preview changes").click()
    expect(page.get_by_role("heading", name="1 conversion to correct")).to_be_visible()
    assert page_problems(page) == []
    page.get_by_role("button", name="Correct 1 conversion").click()
    expect(page.get_by_role("status")).to_contain_text("1 conversion was corrected")
    assert page_problems(page) == []
