"""“View as advertiser” and the settings' logo and support contact, in a browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.login import enter_admin
from tests.browser.page_watcher import PageWatcher, page_problems
from tests.support.sandbox import Sandbox, event_record, offer_record
from tests.support.servers import Server

IMAGE = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89"
    b"\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82"
)


@pytest.mark.parametrize("javascript", [True, False])
def test_an_owner_sets_logo_and_contact_and_views_as_an_advertiser(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, *, javascript: bool
) -> None:
    offer = offer_record(sandbox, name="Brown Boots")
    sandbox.send("offers", [offer, offer_record(sandbox, os=None)])
    sandbox.send("events", [event_record(offer["id"]), {"id": "x"}])
    page = enter_admin(open_page(javascript=javascript), sandbox, server, "/staff/settings")
    page.get_by_label("Support email").fill("help@acorn.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    page.get_by_label("Image").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": IMAGE})
    page.get_by_role("button", name="Upload logo").click()
    expect(page.get_by_alt_text("Current logo")).to_be_visible()
    if javascript:
        assert page_problems(page) == []
    page.goto(page.url.replace("settings?done", f"advertisers/{sandbox.owner}"))
    page.get_by_role("button", name="View as advertiser").click()
    bar = page.get_by_role("complementary", name="View as advertiser")
    expect(bar).to_contain_text("Viewing Owner as an advertiser sees it")
    expect(page.get_by_role("link", name="help@acorn.example").first).to_be_visible()
    page.get_by_role("link", name="API keys").first.click()
    expect(bar).to_be_visible()
    if javascript:
        assert page_problems(page) == []
    bar.get_by_role("button", name="Stop").click()
    page.wait_for_url(f"**/staff/advertisers/{sandbox.owner}")
    page.goto(page.url.partition("/staff")[0] + "/staff")
    expect(page.get_by_role("link", name="1 rejected record is waiting")).to_be_visible()
    if javascript:
        assert page_problems(page) == []
