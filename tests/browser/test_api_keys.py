"""Users of an advertiser create, rotate and revoke API keys."""

import json
import re
import shlex
import subprocess

import pytest
from playwright.sync_api import Error, Page, expect

from auth.scopes import ADVERTISER_SCOPES
from tests.browser.login import app_of, enter_portal, sign_in
from tests.browser.page_watcher import PHONE, PageWatcher, page_problems
from tests.support.database import execute
from tests.support.people import create_advertiser_user
from tests.support.sandbox import MAY, Sandbox, conversion_callback, offer_record
from tests.support.servers import Server
from tests.support.wait import wait_for_value

TOKEN = re.compile(r"gokart_[0-9A-Za-z]{39}")


def tab_to(page: Page, name: str) -> None:
    """Moves the focus with the keyboard to the element with this name."""
    focused = "document.activeElement.labels?.[0]?.innerText ?? document.activeElement.innerText"
    for _ in range(60):
        page.keyboard.press("Tab")
        if (page.evaluate(focused) or "").strip() == name:
            return
    raise AssertionError(f"{name} is not reached")


def make(page: Page, name: str = "Nightly import", *scopes: str) -> str:
    """Creates an API key with the form. Returns the token that the page shows."""
    page.get_by_role("link", name="Create API key").first.click()
    page.get_by_label("Name").fill(name)
    for scope in scopes or ("Cost report", "Singular"):
        page.get_by_label(scope, exact=True).check()
    page.get_by_role("button", name="Create API key").click()
    expect(page.get_by_role("heading", name="Your new API key")).to_be_visible()
    return page.locator("#key").inner_text()


def test_from_signing_in_to_a_report_by_keyboard_alone(
    open_page: PageWatcher, sandbox: Sandbox, server: Server
) -> None:
    offer = offer_record(sandbox, name="Chess")
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])
    page = sign_in(open_page(), app_of(sandbox, server), create_advertiser_user(sandbox))
    tab_to(page, "API keys")
    page.keyboard.press("Enter")
    page.wait_for_url("**/keys")
    tab_to(page, "Create API key")
    page.keyboard.press("Enter")
    page.wait_for_url("**/keys/new")
    tab_to(page, "Name")
    page.keyboard.type("Nightly import")
    tab_to(page, "Cost report")
    page.keyboard.press("Space")
    tab_to(page, "Create API key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Your new API key")).to_be_visible()
    tab_to(page, "Copy")
    page.keyboard.press("Enter")
    expect(page.locator("[data-copy=key]")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert TOKEN.fullmatch(copied)
    assert sandbox.get(token=copied, **MAY).json()["data"][0]["offerName"] == "Chess"


def test_the_line_for_the_terminal_is_copied_and_works(
    open_page: PageWatcher, sandbox: Sandbox, server: Server
) -> None:
    page = enter_portal(open_page(), sandbox, server, "/keys")
    make(page)
    page.locator("[data-copy=curl]").click()
    expect(page.locator("[data-copy=curl]")).to_have_text("Copied")
    line = page.evaluate("navigator.clipboard.readText()")
    done = subprocess.run([*shlex.split(line), "-sS"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"data": []}


def test_reloading_the_page_shows_the_key_no_more_and_makes_no_other(
    open_page: PageWatcher, sandbox: Sandbox, server: Server
) -> None:
    page = enter_portal(open_page(), sandbox, server, "/keys")
    make(page)
    page.reload()
    expect(page.get_by_text("no second key was created")).to_be_visible()
    assert not TOKEN.search(page.content())
    assert len(execute("SELECT FROM {s}.api_token WHERE name = 'Nightly import'", schema=sandbox.tenant.schema)) == 1


def test_after_signing_out_the_back_button_does_not_show_it(
    open_page: PageWatcher, sandbox: Sandbox, server: Server
) -> None:
    page = enter_portal(open_page(), sandbox, server, "/keys")
    make(page)
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/sign-in")
    with pytest.raises(Error, match="ERR_CACHE_MISS"):  # not cached: needs the form again
        page.go_back()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_key_is_rotated_and_the_old_one_revoked(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, *, javascript: bool
) -> None:
    page = enter_portal(open_page(javascript=javascript), sandbox, server, "/keys")
    old = make(page)
    page.get_by_role("link", name="Done").click()
    page.get_by_role("link", name="Rotate Nightly import").click()
    page.get_by_label("After 24 hours").check()
    page.get_by_role("button", name="Rotate API key").click()
    expect(page.get_by_text("The old key works until")).to_be_visible()
    new = page.locator("#key").inner_text()
    assert new != old
    assert {sandbox.get(token=token, **MAY).status_code for token in (old, new)} == {200}
    page.get_by_role("link", name="Done").click()
    row = page.get_by_role("row", name=f"{old[:11]}…{old[-4:]} ").filter(has_text="Rotated")
    row.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke API key").click()
    expect(page.get_by_role("status")).to_contain_text("The API key was revoked")
    assert wait_for_value(lambda: sandbox.get(token=old, **MAY).status_code, 401)
    assert sandbox.get(token=new, **MAY).status_code == 200


def test_without_javascript_an_error_is_told_at_its_field(
    open_page: PageWatcher, sandbox: Sandbox, server: Server
) -> None:
    page = enter_portal(open_page(javascript=False), sandbox, server, "/keys/new")
    page.get_by_label("Name").fill("Nightly import")
    page.get_by_label("Allowed IPs").fill("10.0.0.1/8")
    page.get_by_role("button", name="Create API key").click()
    expect(page.get_by_label("Allowed IPs")).to_have_accessible_description(re.compile(r"Did you mean 10\.0\.0\.0/8\?"))
    expect(page.get_by_label("Name")).to_have_value("Nightly import")


def test_the_last_day_is_asked_for_where_it_is_to_be_chosen(
    open_page: PageWatcher, sandbox: Sandbox, server: Server
) -> None:
    page = enter_portal(open_page(javascript=False), sandbox, server, "/keys/new")
    expect(page.get_by_label("Expires on")).to_be_hidden()
    page.get_by_label("Expires", exact=True).select_option("Custom date")
    page.get_by_label("Expires on").fill("2020-01-01")


def test_on_a_phone_nothing_of_a_key_is_out_of_sight(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(width=PHONE), sandbox, server, "/keys", scopes=list(ADVERTISER_SCOPES))
    row = page.locator("tbody tr").first
    for part in [
        *row.locator("td").all(),
        row.get_by_role("link", name="Rotate"),
        row.get_by_role("link", name="Revoke"),
    ]:
        box = part.bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= PHONE
    assert row.get_by_role("cell").count() == 6, "still a table for screen readers"


REQUESTS = """
INSERT INTO {s}.request_log (at, token, advertiser, endpoint, status, rows, sent, milliseconds, address)
SELECT now(), id, advertiser, '/api/v1/reports/query', 503, 1, 9, 9, '192.0.2.1' FROM {s}.api_token WHERE name = 'test'
"""  # by the owner, the rival and the sender


def test_everybody_can_use_the_pages(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    execute(REQUESTS, schema=sandbox.tenant.schema)
    page = enter_portal(open_page(), sandbox, server, "/keys")
    assert page_problems(page) == []
    page.get_by_role("link", name="View requests").click()
    expect(page.get_by_role("row")).to_have_count(2)
    assert page_problems(page) == []
    page.go_back()
    page.get_by_role("link", name="Create API key").first.click()
    assert page_problems(page) == []
    page.get_by_label("Name").fill("x" * 200)
    page.get_by_label("Allowed IPs").fill("everywhere")
    page.get_by_label("Expires", exact=True).select_option("Custom date")
    page.get_by_role("button", name="Create API key").click()
    expect(page.locator(".alert.danger")).to_contain_text("The API key was not created")
    assert page_problems(page) == []
    page.get_by_label("Allowed IPs").fill("2001:db8::/32")
    page.get_by_label("Expires", exact=True).select_option("Never")
    page.get_by_label("Singular", exact=True).check()
    page.get_by_role("button", name="Create API key").click()
    expect(page.get_by_role("heading", name="Your new API key")).to_be_visible()
    assert page_problems(page) == []
    execute("UPDATE {s}.api_token SET expires_at = now() + interval '1 day'", schema=sandbox.tenant.schema)
    page.goto(page.url.replace("/new", ""))
    assert page_problems(page) == []
    page.get_by_role("link", name="Rotate x").click()
    assert page_problems(page) == []
    page.get_by_role("button", name="Rotate API key").click()
    assert page_problems(page) == []
    page.get_by_role("link", name="Done").click()
    assert page_problems(page) == []
    page.get_by_role("link", name="Revoke x").last.click()
    assert page_problems(page) == []
