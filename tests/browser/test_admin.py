"""Piccolo Admin in a real browser: its script works with the content security policy, and it offers each role the
permitted actions.
"""

import re
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Locator, Page, expect

from auth.users.realms import STAFF
from tests.browser.login import app_of, enter, sign_in
from tests.browser.page_watcher import PageWatcher, accessibility_violations
from tests.support.api_key_cast import id_of
from tests.support.database import execute
from tests.support.people import PASSWORD, audit, create_staff_user, session_cookie
from tests.support.piccolo_admin import fill
from tests.support.sandbox import JSON, MAY, SINGULAR, Sandbox, offer_record
from tests.support.servers import Server
from tests.support.wait import wait_until

SCRIPT = '<img src=x onerror="document.title = 1"><script>document.title = 2</script>'


class Admin:
    """A browser page with Piccolo Admin, signed in."""

    def __init__(
        self, browser: PageWatcher, sandbox: Sandbox, server: Server, role: str = "owner", **options: Any
    ) -> None:
        self.url = f"{app_of(sandbox, server)}/admin/"
        self.email = create_staff_user(sandbox, role)
        self.page: Page = browser(**options)
        self.page.on("dialog", lambda dialog: dialog.accept())
        enter(self.page, app_of(sandbox, server), session_cookie(sandbox, STAFF, self.email), "/admin/")
        self.shows("Welcome to")

    def go(self, *parts: object) -> None:
        self.page.goto(self.url + "#/" + "".join(f"{part}/" for part in parts))

    def shows(self, heading: str) -> None:
        expect(self.page.get_by_role("heading", name=heading)).to_be_visible()

    def field(self, name: str) -> Locator:
        return self.page.locator(f"form [name={name}]")

    def button(self, name: str) -> Locator:
        """The button with this name in Piccolo's own tests."""
        return self.page.locator(f"[data-uitest={name}_button]")

    def save(self, name: str = "save") -> None:
        self.button(name).click()
        expect(self.page.get_by_text("Successfully")).to_be_visible()

    def told(self, text: str) -> None:
        expect(self.page.get_by_text(text)).to_be_visible()


@pytest.fixture
def full(sandbox: Sandbox) -> Sandbox:
    return fill(sandbox)


def test_singular_is_switched_on(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    sandbox.set_advertiser(sandbox.owner, singular_enabled=False)
    wait_until(lambda: sandbox.get(SINGULAR, **MAY).status_code == 403)
    admin = Admin(open_page, sandbox, server, "manager")
    expect(admin.page).to_have_title(f"{sandbox.tenant.name} — GoKart admin")
    admin.page.get_by_role("link", name="advertiser", exact=True).click()
    admin.page.get_by_role("link", name="Owner").click()
    admin.shows("Edit advertiser")
    admin.field("singular_enabled").select_option("true")
    admin.field("contact_email").fill("Anna@Example.com")
    admin.save()
    wait_until(lambda: sandbox.get(SINGULAR, **MAY).status_code == 200)
    entry = audit(sandbox)[-1]
    assert (entry["actor"], entry["subject"], entry["label"]) == (f"staff:{admin.email}", "advertiser", "Owner")
    assert msgspec.json.decode(entry["after"]) == {"singular_enabled": True, "contact_email": "anna@example.com"}


def test_every_table_is_listed_sorted_filtered_and_exported(
    open_page: PageWatcher, full: Sandbox, server: Server
) -> None:
    full.send("offers", [offer_record(full, name="=1+1")])
    formulas = 0
    admin = Admin(open_page, full, server)
    links = admin.page.locator(".sidebar_wrapper a[href^='#/']")
    expect(links).to_have_count(13)  # and the link Home
    for path in [link.get_attribute("href") for link in links.all()][1:]:
        admin.page.goto(f"{admin.url}{path}")
        expect(admin.page.get_by_text("Showing")).to_be_visible()
        admin.button("sort").click()
        admin.button("sort_form").click()
        admin.button("filter").click()
        admin.button("submit_filter").click()
        expect(admin.page.get_by_text("Showing")).to_be_visible()
        admin.button("filter").click()
        admin.button("csv").click()
        with admin.page.expect_download() as download:
            admin.button("download_csv").click()
        content = download.value.path().read_text()
        assert content.count("\n") >= 1
        assert not re.search(r'(^|[,\n])"=1', content)
        formulas += content.count('"\'=1+1"')
    assert formulas >= 2  # of the offer, and in the audit log


def test_tables_are_named_as_in_the_admin(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    admin = Admin(open_page, full, server)
    for name in "API key", "conversion", "intake reject", "request", "API key":
        admin.page.locator(".sidebar_wrapper").get_by_role("link", name=name, exact=True).click()
        expect(admin.page.locator("h1").get_by_text(name, exact=True)).to_be_visible()
    admin.go("api_token", id_of(full, full.owner_key))
    admin.shows("Edit API key")


def test_it_is_dark_where_the_system_is_unless_somebody_chooses_otherwise(
    open_page: PageWatcher, sandbox: Sandbox, server: Server
) -> None:
    page = Admin(open_page, sandbox, server, dark=True).page
    app = page.locator("#app > #app")
    expect(app).to_have_class("dark_mode")
    page.emulate_media(color_scheme="light")
    page.reload()
    expect(app).to_have_class("light_mode")
    page.locator("header, #nav").get_by_text("@").click()
    page.get_by_role("link", name="Dark Mode").last.click()  # the first match is the menu
    page.reload()
    expect(app).to_have_class("dark_mode")


def test_a_row_is_made_found_and_deleted(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    admin = Admin(open_page, sandbox, server, "manager")
    admin.go("offer")
    admin.page.get_by_role("link", name="Add Row").click()
    admin.page.reload(wait_until="networkidle")  # each of two responses resets the form
    admin.field("name").fill(SCRIPT)
    admin.page.locator(".key_search input[type=text]").click()
    admin.page.get_by_placeholder("Type here to filter").fill("Riv")
    admin.page.locator(".results_list").get_by_text("Rival").click()
    admin.field("os").select_option("IOS")
    expect(admin.page.locator("form [name=created_at]")).to_be_hidden()
    admin.save("create")
    admin.shows("Edit offer")  # instead of the form, whose second click would create another one
    title = admin.page.title()
    admin.go("offer")
    admin.page.get_by_role("link", name=SCRIPT).click()
    expect(admin.field("name")).to_have_value(SCRIPT)
    assert admin.page.title() == title
    (offer,) = execute("SELECT * FROM {s}.offer", schema=sandbox.tenant.schema)
    assert (offer["name"], offer["advertiser"], offer["os"]) == (SCRIPT, sandbox.rival, "IOS")
    admin.button("drop_down").click()
    admin.button("delete_row").click()
    admin.told("No results found")


def test_the_database_says_in_words_why_not(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    admin = Admin(open_page, full, server)
    admin.go("advertiser", full.owner)
    admin.button("drop_down").click()
    admin.button("delete_row").click()
    admin.told("refer to it, so it cannot be deleted")
    admin.field("currency").fill("EURO")
    admin.button("save").click()
    admin.told("Currency: String should have at most 3 characters")
    admin.go("advertiser")
    row = admin.page.locator("tr", has_text="Owner")
    row.get_by_role("link", name="More").click()
    with admin.page.expect_event("dialog", lambda dialog: "refer to it, so it cannot be deleted" in dialog.message):
        row.locator("[data-uitest=delete_row_button]").click()


NAMED = """{ resultTypes: ["violations"], preload: false, runOnly: [
    "label", "select-name", "link-name", "button-name", "aria-dialog-name"
] }"""


def test_an_api_key_is_created_and_shown_once(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    admin = Admin(open_page, sandbox, server, "manager")
    admin.go("api_token", "add")
    admin.page.wait_for_load_state("networkidle")  # each of two responses resets the form
    admin.field("name").fill("Warehouse")
    admin.page.locator(".key_search input[type=text]").first.click()
    admin.page.get_by_role("searchbox", name="Advertiser").fill("Own")
    admin.page.locator(".results_list").get_by_text("Owner").first.click()
    admin.page.locator("[data-uitest=scopes_array_widget] a").click()
    admin.page.get_by_role("combobox", name="Scopes").select_option("cost-report")
    assert accessibility_violations(admin.page, NAMED) == []
    admin.button("create").click()
    dialog = admin.page.get_by_role("dialog", name="Copy the API key now")
    key = dialog.locator("code").inner_text()
    assert accessibility_violations(admin.page, NAMED) == []
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    assert admin.page.evaluate("navigator.clipboard.readText()") == key
    dialog.get_by_role("button", name="Done").click()
    admin.shows("Edit API key")
    assert key not in admin.page.content()
    assert sandbox.get(JSON, token=key, **MAY).status_code == 200
    admin.page.get_by_role("link", name="Open this in Admin").click()
    admin.page.wait_for_url("**/staff/keys")


def test_several_rows_are_changed_at_once(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    admin = Admin(open_page, sandbox, server, "manager")
    admin.go("advertiser")
    admin.page.locator("th input[type=checkbox]").check()
    admin.page.get_by_role("link", name="Update 2 rows").click()
    choice = admin.page.locator("select[name=property]")
    assert "created_at" not in [
        option.get_attribute("value") for option in choice.locator("option:not([hidden])").all()
    ]
    choice.select_option("status")
    admin.field("status").select_option("paused")
    admin.page.get_by_role("button", name="Update").click()
    admin.told("Successfully updated rows")
    rows = execute("SELECT status FROM {s}.advertiser", schema=sandbox.tenant.schema)
    assert [row["status"] for row in rows] == ["paused", "paused"]


def test_what_may_not_be_done_is_not_offered(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    for role, table, row, may_change in [
        ("viewer", "advertiser", full.owner, []),
        ("owner", "audit_log", 1, []),
        ("manager", "staff", 1, []),
        (
            "manager",
            "api_token",
            id_of(full, full.owner_key),
            ["name", "networks", "rate", "burst", "concurrency", "expires_at", "revoked_at"],
        ),
    ]:
        admin = Admin(open_page, full, server, role)
        admin.go(table)
        expect(admin.page.get_by_text("Showing")).to_be_visible()
        expect(admin.page.get_by_role("link", name="Add Row")).to_be_visible(visible=bool(may_change))
        admin.page.locator("th input[type=checkbox]").check()
        expect(admin.page.get_by_role("link", name="Delete")).to_be_hidden()
        expect(admin.page.get_by_role("link", name="Update")).to_be_visible(visible=bool(may_change))
        admin.go(table, row)
        admin.shows("Edit")
        expect(admin.button("save")).to_be_visible(visible=bool(may_change))
        expect(admin.button("drop_down")).to_be_hidden()
        for name in may_change:
            expect(admin.page.locator(f"form [name={name}]:enabled")).to_have_count(1)
        expect(admin.page.locator("form [name]:enabled:not([name=''])")).to_have_count(len(may_change))
        if may_change:
            admin.field("name").fill("Reporting")
            admin.save()


def test_a_viewer_s_own_requests_are_refused(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    admin = Admin(open_page, sandbox, server, "viewer")
    status = admin.page.evaluate(
        """async (row) => {
            const token = document.cookie.match(/csrftoken=([^;]+)/)[1];
            const headers = { "X-CSRFToken": token, "Content-Type": "application/json" };
            const change = { method: "PATCH", headers, body: '{"name": "Mine"}' };
            return (await fetch(`./api/tables/advertiser/${row}/`, change)).status;
        }""",
        str(sandbox.owner),
    )
    assert status == 403


def test_a_session_that_ends_in_mid_work_is_taken_up_again(
    open_page: PageWatcher, sandbox: Sandbox, server: Server
) -> None:
    admin = Admin(open_page, sandbox, server)
    admin.go("advertiser", sandbox.owner)
    admin.shows("Edit advertiser")
    expect(admin.field("currency")).to_have_value("USD")
    admin.page.wait_for_load_state("networkidle")  # the form has received all responses
    execute("UPDATE {s}.session SET expires_at = now()", schema=sandbox.tenant.schema)
    admin.field("currency").fill("GBP")
    admin.button("save").click()
    admin.page.locator("input[name=username]").fill(admin.email)
    admin.page.locator("input[name=password]").fill("not this one")
    admin.button("login").click()
    admin.told("Problem logging in")
    admin.page.locator("input[name=password]").fill(PASSWORD)
    admin.button("login").click()
    admin.shows("Edit advertiser")
    admin.field("currency").fill("GBP")
    admin.save()
    expect(admin.page.locator("form [name=created_at]")).to_be_disabled()


def test_who_has_signed_out_sees_nothing_going_back(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    admin = Admin(open_page, sandbox, server)
    admin.go("advertiser")
    expect(admin.page.get_by_text("Rival")).to_be_visible()
    admin.button("nav_dropdown").click()
    expect(admin.page.get_by_text("Change Password")).to_be_hidden()
    admin.button("logout").click()
    admin.page.wait_for_url("**/staff/sign-in?next=/admin/")
    admin.page.go_back()
    admin.page.wait_for_load_state("networkidle")
    expect(admin.page.get_by_text("Rival")).to_be_hidden()
    admin.page.goto(admin.url)
    assert "/staff/sign-in" in admin.page.url


def test_two_tenants_in_one_browser(
    open_page: PageWatcher, sandbox: Sandbox, other_sandbox: Sandbox, server: Server
) -> None:
    here = Admin(open_page, sandbox, server)
    email = create_staff_user(other_sandbox, "viewer")
    there = here.page.context.new_page()
    sign_in(there, f"{app_of(other_sandbox, server)}/admin/", email)
    expect(there.get_by_role("heading", name=f"Welcome to {other_sandbox.tenant.name}")).to_be_visible()
    here.go("partner")
    expect(here.page.get_by_role("link", name=sandbox.tenant.name, exact=True)).to_be_visible()
    expect(here.page.get_by_role("link", name="Add Row")).to_be_visible()
    there.goto(there.url + "partner/")
    expect(there.get_by_role("link", name=other_sandbox.tenant.name, exact=True)).to_be_visible()
    expect(there.get_by_role("link", name="Add Row")).to_be_hidden()


def test_its_links_lead_to_the_admin(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    admin = Admin(open_page, sandbox, server)
    for name, path in [("API keys", "/staff/keys"), ("Users", "/staff/people"), ("Account", "/staff/account")]:
        admin.go()
        admin.page.get_by_role("link", name=name, exact=True).click()
        admin.page.wait_for_url(f"**{path}")
