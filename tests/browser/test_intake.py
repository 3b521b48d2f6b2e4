"""The pages about intake in a browser: by keyboard, in each layout, and records that appear by themselves."""

from playwright.sync_api import expect

from tests.browser.login import app_of, enter_admin
from tests.browser.page_watcher import PageWatcher, page_problems
from tests.support.sandbox import Sandbox, event_record, offer_record
from tests.support.servers import Server


def test_rejected_records_are_replayed_by_keyboard(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    offer = offer_record(sandbox)
    sandbox.send("events", [event_record(offer["id"]), event_record(offer["id"]) | {"note": "x" * 300}])
    page = enter_admin(open_page(), sandbox, server, "/staff/intake", "manager")
    assert page_problems(page) == []
    page.locator("#senders a").first.click()
    expect(page.locator("#of-sender tr")).to_have_count(1)
    assert page_problems(page) == []
    page.goto(f"{app_of(sandbox, server)}/staff/intake/rejected")
    assert page_problems(page) == []
    page.locator("#causes a").press("Enter")
    expect(page.locator("#records tr")).to_have_count(2)
    assert page_problems(page) == []
    page.locator("#records a").first.press("Enter")
    page.get_by_role("textbox", name="Record").press("Control+End")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#payload-error")).to_contain_text("is not a known offer")
    assert page_problems(page) == []
    sandbox.send("offers", [offer])
    page.get_by_role("link", name="Records with this reason").press("Enter")
    page.get_by_role("button", name="Replay all").first.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Replay all").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("2 accepted")


def test_the_first_record_appears_by_itself(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    page = enter_admin(open_page(), sandbox, server, "/staff/keys/new-ingest", "manager")
    page.get_by_label("Name").fill("Tracker")
    page.get_by_role("button", name="Create").first.click()
    expect(page.locator("#first-record")).to_contain_text("Waiting for the first record")
    assert page_problems(page) == []
    token = page.locator("#key").inner_text()
    sandbox.send("events", [event_record("x")], token=token)
    expect(page.locator("#first-record")).to_contain_text("1 rejected", timeout=120_000)
    sandbox.send("offers", [offer_record(sandbox)], token=token)
    expect(page.locator("#first-record")).to_contain_text("1 accepted", timeout=120_000)
    assert page_problems(page) == []
