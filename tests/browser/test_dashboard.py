"""The dashboard: its chart, changing the period without a page load, no JavaScript, a phone, and dark mode."""

import csv
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.login import app_of, enter_portal
from tests.browser.page_watcher import PHONE, PageWatcher, accessibility_violations, each_layout, open_details, overflow
from tests.support.database import execute
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.servers import Server
from tests.support.wait import wait_until

DRAWN = "Chart.getChart(document.querySelector('canvas'))"
SHIFTS = """new Promise((resolve) => new PerformanceObserver((list, observer) => {
    observer.disconnect(); resolve(list.getEntries().map((entry) =>
        [entry.value, entry.sources.map(({node}) => node?.outerHTML?.slice(0, 100))]));
}).observe({type: 'layout-shift', buffered: true}) ?? setTimeout(() => resolve([]), 300))"""


@pytest.fixture
def full(sandbox: Sandbox) -> Sandbox:
    """A sandbox with two offers and figures on each of the last 40 days, including today."""
    first, second = (
        offer_record(sandbox, name="First", os="IOS", campaignName="ONE"),
        offer_record(sandbox, name="Second"),
    )
    partner = {"id": str(uuid4()), "name": "Playdeck"}
    sandbox.send("offers", [first, second])
    sandbox.send("partners", [partner])
    now = datetime.now(UTC)
    days = [now - timedelta(days=n) for n in range(40)]
    sandbox.send(
        "conversions",
        [
            conversion_callback(
                sandbox, first["id"], revenue=str(10 + n), userCompletedAt=day.isoformat(), sent_at=now.isoformat()
            )
            for n, day in enumerate(days)
        ],
    )
    sandbox.send("events", [event_record(second["id"], occurredAt=day.isoformat()) for day in days])
    return sandbox


def test_the_chart_has_the_figures_of_the_table(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    drawn = figures(page)
    costs = page.locator("#days tr td:nth-child(2)").all_text_contents()
    assert drawn == [float(cost) for cost in reversed(costs)]
    assert len(drawn) == 30
    assert ink(page) > 1000
    name = page.locator("canvas").get_attribute("aria-label") or ""
    assert f" Cost, USD: highest {max(drawn):.2f} on " in name


def test_another_figure_can_be_shown_and_is_kept(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    page.get_by_text("Clicks", exact=True).nth(1).click()
    assert set(figures(page)) == {1}
    assert " Clicks: highest 1 on " in (page.locator("canvas").get_attribute("aria-label") or "")
    page.reload()
    expect(page.get_by_label("Clicks", exact=True)).to_be_checked()
    assert set(figures(page)) == {1}


def test_a_figure_is_chosen_by_keyboard(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    page.locator("#metric-cost").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Conversions", exact=True)).to_be_checked()
    assert set(figures(page)) == {1}


def test_a_day_s_figures_are_told_where_one_points(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    box = page.locator("canvas").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] / 2)
    wait_until(lambda: page.evaluate(f"{DRAWN}.tooltip.opacity > 0"))
    tooltip = page.evaluate(f"(({{title, body, footer}}) => [title, body[0].lines, footer])({DRAWN}.tooltip)")
    cells = page.locator("#days tr").first.locator("th, td").all_text_contents()
    day, cost, conversions, clicks, views, *_ = (text.strip() for text in cells)
    (title,), lines, footer = tooltip
    assert (title, footer) == (day, ["Not over yet"])
    assert lines[0] == f"Cost, USD: {cost}"
    assert lines[1].startswith("Previous 30 days, until the same hour: ")
    assert lines[2:5] == [f"Conversions: {conversions}", f"Clicks: {clicks}", f"Views: {views}"]


def test_many_days_are_a_line(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server, "/?period=last_90_days")
    assert page.evaluate(f"{DRAWN}.getDatasetMeta(0).type") == "line"
    assert len(figures(page)) == 90
    assert ink(page) > 1000


def test_other_days_come_without_a_new_page(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    page.evaluate("window.stayed = true")
    page.get_by_role("link", name="Last 7 days").click()
    page.wait_for_url("**/?period=last_7_days")
    expect(page.get_by_role("link", name="Last 7 days")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("link", name="Last 7 days")).to_be_focused()
    wait_until(lambda: len(figures(page)) == 7)
    expect(page.locator("#shown")).to_contain_text("Shown: ")
    page.get_by_label("Offer", exact=True).focus()
    page.get_by_label("Offer", exact=True).select_option(label="Second")
    page.wait_for_url("**/?period=last_7_days&offer_id=*")
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page.get_by_label("Offer", exact=True)).to_be_focused()
    assert page.evaluate("window.stayed")
    page.go_back()
    expect(page.locator("#rows tr")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/\?period=last_7_days$"))
    assert len(figures(page)) == 7
    page.go_back()
    expect(page.locator("#days tr")).to_have_count(30)
    assert len(figures(page)) == 30


def test_an_offer_leads_to_its_own_figures(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    page.locator("#rows").get_by_role("link", name="First").click()
    expect(page.locator("#offer_id option:checked")).to_have_text("First · iOS · ONE")
    expect(page.get_by_role("link", name="Partners", exact=True)).to_have_attribute("aria-current", "true")


def test_a_table_is_sorted_without_a_new_page(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    page.evaluate("window.stayed = true")
    expect(page.locator("#rows th").first).to_contain_text("First")
    page.locator("#sort-0").click()
    page.wait_for_url("**/?sort=name")
    page.locator("#sort-0").press("Enter")
    expect(page.locator("#rows th").first).to_contain_text("Second")
    assert page.evaluate("window.stayed")


def test_other_days_are_compared_with(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server, "/?period=last_7_days")
    page.get_by_label("Compare with").select_option(label="Other days")
    page.wait_for_url("**/?period=last_7_days&compare=custom")
    expect(page.get_by_label("Compare from")).to_be_visible()
    page.get_by_label("Compare with").select_option(label="No comparison")
    page.wait_for_url("**/?period=last_7_days&compare=none")
    expect(page.locator(".change")).to_have_count(0)


def test_dates_that_make_no_sense_are_said_in_place(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    page.evaluate("window.stayed = true")
    page.get_by_label("Start date").fill("2026-03-02")
    page.get_by_label("End date").fill("2026-03-01")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#date_from-error")).to_contain_text("Is after the end date")
    expect(page.get_by_label("Start date")).to_have_value("2026-03-02")
    assert accessibility_violations(page) == []
    page.get_by_role("link", name="Last 7 days").click()
    wait_until(lambda: len(figures(page)) == 7)
    assert page.evaluate("window.stayed")


def test_it_works_without_javascript(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(javascript=False), full, server)
    expect(page.locator("canvas")).to_be_hidden()
    page.locator("#days-details summary").click()
    expect(page.locator("#days tr")).to_have_count(30)
    page.get_by_role("link", name="Last 7 days").click()
    expect(page.locator("#days tr")).to_have_count(7)
    page.get_by_label("Offer", exact=True).select_option(label="Second")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page.locator("#days tr")).to_have_count(7)
    page.get_by_label("Start date").fill("2026-03-02")
    page.get_by_label("End date").fill("2026-03-01")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#date_from-error")).to_be_visible()


def test_what_is_seen_can_be_exported(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server, "/?period=last_7_days")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as begun:
        page.get_by_role("link", name="CSV for spreadsheets").first.click()
    assert begun.value.suggested_filename.startswith("gokart_offers_")
    lines = list(csv.DictReader(begun.value.path().read_text(encoding="utf-8-sig").splitlines()))
    assert sum(float(line["cost"]) for line in lines) == sum(figures(page))
    page.get_by_text("The same rows from the API").first.click()
    assert accessibility_violations(page) == []
    page.locator("#export").get_by_role("button", name="Copy").nth(1).click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith('curl -H "Authorization: ApiToken $GOKART_TOKEN"')
    page.keyboard.press("Escape")
    expect(page.locator("#export")).to_be_hidden()


def test_an_offer_chosen_after_a_period_violates_no_policy(
    open_page: PageWatcher, full: Sandbox, server: Server
) -> None:
    page = enter_portal(open_page(), full, server)
    page.emulate_media(reduced_motion="no-preference")
    for period in "Last 7 days", "Last 90 days":
        page.get_by_role("link", name=period).click()
        expect(page.get_by_role("link", name=period)).to_have_attribute("aria-current", "true")
        for offer in "Second", "First · iOS · ONE", "All offers":
            page.get_by_label("Offer", exact=True).select_option(label=offer)
            expect(page.get_by_label("Offer", exact=True).locator("option:checked")).to_have_text(offer)
            wait_until(lambda: page.evaluate(f"!!{DRAWN}"))
    assert open_page.trouble == []


def test_the_first_load_is_small(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    page = page.context.new_page()  # the cookies, but an empty cache
    protocol = page.context.new_cdp_session(page)
    protocol.send("Network.enable")
    protocol.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[int] = []
    protocol.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(app_of(full, server))
    page.wait_for_load_state("networkidle")
    sizes = [size for size in sizes if size]  # without data: URLs
    assert len(sizes) <= 10
    assert sum(sizes) <= 150_000


def test_whose_session_has_ended_signs_in_and_comes_back(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    execute("DELETE FROM {s}.session", schema=full.tenant.schema)
    page.get_by_role("link", name="Last 7 days").click()
    page.wait_for_url(re.compile(r"/sign-in\?next=/%3Fperiod%3Dlast_7_days$"))


@pytest.mark.parametrize(
    "query",
    ["", "?date_from=2020-01-01&date_to=2020-01-31", "?period=last_90_days", "?by=offer_partner&compare=custom"],
)
def test_everybody_can_read_it(open_page: PageWatcher, full: Sandbox, server: Server, query: str) -> None:
    page = enter_portal(open_page(), full, server)
    for width in each_layout(page):
        page.goto(f"{app_of(full, server)}/{query}")
        open_details(page)
        assert accessibility_violations(page) + overflow(page, width) == []


def test_nothing_shifts_while_it_comes(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    figures(page)
    shifts = page.evaluate(SHIFTS)
    assert sum(size for size, _ in shifts) < 0.01, shifts


def test_the_chart_is_drawn_anew_in_the_dark(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    page = enter_portal(open_page(), full, server)
    light = colors(page)
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: colors(page) != light)
    assert colors(page) == page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--chart-1')")


@pytest.mark.parametrize("state", ["no offers", "no figures", "closed"])
def test_everybody_can_read_that_there_is_nothing(
    open_page: PageWatcher, sandbox: Sandbox, server: Server, state: str
) -> None:
    if state == "no figures":
        sandbox.send("offers", [offer_record(sandbox)])
    columns: dict[str, Any] = {"scopes": ["singular"]} if state == "closed" else {}
    page = enter_portal(open_page(width=PHONE), sandbox, server, **columns)
    expect(page.locator(".empty-title")).to_be_visible()
    assert accessibility_violations(page) == []


def test_large_figures_fit_on_a_phone(open_page: PageWatcher, full: Sandbox, server: Server) -> None:
    (offer,) = execute("SELECT id FROM {s}.offer WHERE name = 'First'", schema=full.tenant.schema)
    now = datetime.now(UTC).isoformat()
    large = {"revenue": "98765432.10", "userCompletedAt": now, "sent_at": now}
    full.send("conversions", [conversion_callback(full, str(offer["id"]), **large) for _ in range(2)])
    page = enter_portal(open_page(width=PHONE), full, server)
    expect(page.locator("tfoot td").first).to_contain_text("197,53")
    overflowing = """() => [...document.querySelectorAll(".rows .table, .rows td")]
        .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.outerHTML.slice(0, 100))"""
    assert page.evaluate(overflowing) == []


def figures(page: Page) -> list[float]:
    """The values of the chart, once it is drawn. (Playwright's wait_for_function violates the pages' policy.)"""
    wait_until(lambda: page.evaluate(f"!!{DRAWN}"))
    drawn: list[float] = page.evaluate(f"{DRAWN}.data.datasets[0].data")
    return drawn


def ink(page: Page) -> int:
    """The number of the chart's pixels that are not transparent."""
    drawn: int = page.evaluate(
        """() => {
            const canvas = document.querySelector("canvas");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((value, n) => n % 4 === 3 && value).length;
        }"""
    )
    return drawn


def colors(page: Page) -> str:
    figures(page)
    color: str = page.evaluate(f"{DRAWN}.data.datasets[0].backgroundColor[0]")
    return color
