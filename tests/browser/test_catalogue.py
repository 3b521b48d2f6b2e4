"""Advertisers, offers and partners in the staff's pages: setting one up, changing several, files, and searching."""

import pytest
from playwright.sync_api import FilePayload, Locator, expect

from tests.browser.login import app_of, enter_admin
from tests.browser.page_watcher import PageWatcher, page_problems
from tests.support.database import execute
from tests.support.sandbox import MAY, SINGULAR, Sandbox, conversion_callback, offer_record
from tests.support.servers import Server
from tests.support.wait import wait_for_value

MOST_CLICKS = 15


class Clicks:
    """Clicks elements and counts the clicks."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, target: Locator) -> None:
        self.count += 1
        target.click()


@pytest.mark.parametrize("javascript", [True, False])
def test_an_advertiser_is_set_up_in_few_clicks(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, *, javascript: bool
) -> None:
    """Two offers, a user, an ingest key, the first event, and Singular with its API key."""
    execute("UPDATE {s}.api_token SET revoked_at = now() WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
    page = enter_admin(open_page(javascript=javascript), sandbox, server, "/staff", "manager")
    main, click = page.locator("main"), Clicks()
    click(page.get_by_role("link", name="Advertisers", exact=True))
    click(main.get_by_role("link", name="Add advertiser"))
    main.get_by_label("Name", exact=True).fill("Brown Boots")
    click(main.get_by_role("button", name="Create advertiser"))
    advertiser = main.locator("code#id").inner_text()
    click(main.get_by_role("link", name="Add offer").first)
    main.get_by_label("Name", exact=True).fill("Chess")
    main.get_by_label("Campaign").fill("CHESS_1")
    main.get_by_label("Store ID").fill("com.chess")
    main.get_by_label("Operating system").select_option("ANDROID")
    click(main.get_by_role("button", name="Create and add another"))
    main.get_by_label("Name", exact=True).fill("Farm")
    click(main.get_by_role("button", name="Create offer"))
    expect(main.locator("#offers tr")).to_have_count(2)
    click(main.get_by_role("link", name="Invite user").first)
    main.get_by_label("Email").fill("anna@boots.example")
    main.get_by_label("Name").fill("Anna")
    click(main.get_by_role("button", name="Create invitation"))
    expect(main.locator("#link")).to_be_visible()
    click(main.get_by_role("link", name="Advertiser"))
    click(main.get_by_role("link", name="Create ingest key"))
    main.get_by_label("Name").fill("Tracker")
    click(main.get_by_role("button", name="Create API key"))
    ingest = main.locator("#key").inner_text()
    click(main.get_by_role("link", name="Done"))
    offer = offer_record(sandbox, id=main.locator("#offers th a").first.get_attribute("href").rpartition("/")[2])  # type: ignore[union-attr]
    callback = conversion_callback(sandbox, offer["id"], offerAdvertiserId=advertiser)
    assert sandbox.send("conversions", [callback], token=ingest)["accepted"] == 1
    click(main.get_by_role("button", name="Enable Singular"))
    click(main.get_by_role("link", name="create one"))
    main.get_by_label("Name").fill("Singular")
    click(main.get_by_role("button", name="Create API key"))
    key = main.locator("#key").inner_text()
    assert click.count <= MOST_CLICKS

    def costs() -> list[int]:
        response = sandbox.get(SINGULAR, token=key, **MAY)
        return [item["cost"] for item in response.json()["data"]["items"]] if response.status_code == 200 else []

    wait_for_value(costs, [60])
    page.goto(f"{app_of(sandbox, server)}/staff/advertisers/{advertiser}")
    expect(main.get_by_role("heading", name="Set up")).to_have_count(0)
    if javascript:
        assert page_problems(page) == []


@pytest.mark.parametrize("javascript", [True, False])
def test_several_offers_are_paused_after_a_preview(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, *, javascript: bool
) -> None:
    sandbox.send("offers", [offer_record(sandbox, name=name) for name in ("Chess", "Farm", "Quest")])
    page = enter_admin(open_page(javascript=javascript), sandbox, server, "/staff/offers", "manager")
    page.get_by_label("Select Chess").focus()
    page.keyboard.press("Space")
    page.get_by_label("Select Farm").check()
    page.get_by_role("button", name="Pause").press("Enter")
    expect(page.get_by_role("heading", name="Pause 2 offers?")).to_be_visible()
    expect(page.locator("main")).to_contain_text("counted as before")
    if javascript:
        assert page_problems(page) == []
    page.get_by_role("button", name="Pause 2 offers").click()
    expect(page.get_by_role("status")).to_contain_text("Paused.")
    expect(page.get_by_role("row", name="Chess")).to_contain_text("Paused")
    expect(page.get_by_role("row", name="Quest")).to_contain_text("Active")


def test_all_rows_of_a_page_are_selected_at_once(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    sandbox.send("offers", [offer_record(sandbox, name=f"Offer {n:02}") for n in range(52)])
    page = enter_admin(open_page(), sandbox, server, "/staff/offers", "manager")
    all_rows = page.get_by_label("Select all rows of this page")
    page.get_by_label("Select Offer 07").check()
    assert all_rows.evaluate("box => [box.checked, box.indeterminate]") == [False, True]
    all_rows.focus()
    page.keyboard.press("Space")
    expect(page.locator("#rows input:checked")).to_have_count(50)
    page.get_by_label("Select Offer 07").uncheck()
    expect(all_rows).not_to_be_checked()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="Pause 49 offers?")).to_be_visible()
    page.go_back()
    expect(page.locator("#rows input:checked")).to_have_count(49)
    assert all_rows.evaluate("box => box.indeterminate")
    all_rows.check()
    all_rows.uncheck()
    expect(page.locator("#rows input:checked")).to_have_count(0)
    assert page_problems(page) == []


@pytest.mark.parametrize("javascript", [True, False])
def test_a_file_of_offers_is_imported(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, *, javascript: bool
) -> None:
    page = enter_admin(open_page(javascript=javascript), sandbox, server, "/staff/offers/import", "manager")

    def choose(text: str) -> None:
        file: FilePayload = {"name": "offers.csv", "mimeType": "text/csv", "buffer": text.encode()}
        page.get_by_label("CSV file").set_input_files(file)
        page.get_by_role("button", name="Preview changes").click()

    choose(f"advertiser_id,name,os\n{sandbox.owner},Chess,IOS\n{sandbox.owner},,\n")
    expect(page.locator("#errors")).to_contain_text("name: Enter a name.")
    if javascript:
        assert page_problems(page) == []
    page.get_by_role("link", name="Import offers").click()
    choose(f"advertiser_id,name,os\n{sandbox.owner},Chess,IOS\n")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status")).to_contain_text("1 created, 0 changed.")
    page.get_by_role("link", name="View offers").click()
    expect(page.get_by_role("row", name="Chess")).to_contain_text("iOS")


def test_an_advertiser_is_found_among_many_in_a_form(open_page: PageWatcher, sandbox: Sandbox, server: Server) -> None:
    execute(
        "INSERT INTO {s}.advertiser (id, name) SELECT gen_random_uuid(), 'Boots ' || n FROM generate_series(1, 100) n",
        schema=sandbox.tenant.schema,
    )
    page = enter_admin(open_page(), sandbox, server, "/staff/offers/new", "manager")
    page.get_by_label("Advertiser").press_sequentially("riv")
    options = page.locator("#advertiser-options option")
    expect(options).to_have_count(1)
    with page.expect_response(lambda response: "options?advertiser=Rival" in response.url):
        page.get_by_label("Advertiser").fill(options.first.get_attribute("value") or "")
    expect(page.locator(".htmx-request")).to_have_count(0)  # it dims the field
    page.get_by_label("Name", exact=True).fill("Chess")
    assert page_problems(page) == []
    page.get_by_role("button", name="Create offer").click()
    expect(page.locator("main")).to_contain_text("Rival")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Name", exact=True).fill("Chess 2")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Change Chess?")).to_be_visible()
    assert page_problems(page) == []
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_role("heading", name="Chess 2")).to_be_visible()
