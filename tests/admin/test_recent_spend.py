"""The spend of the last 30 days on the pages of an advertiser, an offer and a partner."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.support.database import execute
from tests.support.html_page import Page
from tests.support.people import Browser, staff_browser
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record


@pytest.fixture
def client(sandbox: Sandbox) -> Browser:
    return staff_browser(sandbox, "viewer")


def totals(page: Page) -> list[str]:
    return [each.text for each in page.all("dd", **{"class": "stat-value"})]


def cards(client: Browser, path: str) -> list[tuple[list[str], list[str]]]:
    """The figures of each card, and those of the page to which it links: cost, conversions, clicks and views."""
    page = Page(client.get(path).text)
    links = [each.attributes["href"] for each in page.all("a") if "_id=" in each.attributes.get("href", "")]
    shown = totals(page)
    return [(shown[n * 4 : n * 4 + 4], totals(Page(client.get(link).text))[:4]) for n, link in enumerate(links)]


def conversion(sandbox: Sandbox, offer: dict[str, Any], at: datetime, **fields: Any) -> dict[str, Any]:
    return conversion_callback(sandbox, offer["id"], userCompletedAt=at.isoformat(), **fields)


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati"])
def test_the_link_shows_the_same_total(sandbox: Sandbox, client: Browser, zone: str) -> None:
    """Whatever the time zone of the advertiser is, and however many decimals the costs have."""
    execute("UPDATE {s}.setting SET time_zone = $1", zone, schema=sandbox.tenant.schema)
    sandbox.set_advertiser(sandbox.owner, time_zone="America/New_York")
    offer, other, partner = offer_record(sandbox), offer_record(sandbox), str(uuid4())
    sandbox.send("offers", [offer, other])
    now = datetime.now(UTC)
    times = [now - timedelta(days=29) + timedelta(hours=hours) for hours in range(-24, 24, 3)]
    sandbox.send("conversions", [conversion(sandbox, offer, at, revenue="1.0049", partnerId=partner) for at in times])
    sandbox.send("conversions", [conversion(sandbox, other, now, revenue="70.005001")])
    sandbox.send("events", [event_record(offer["id"], occurredAt=now.isoformat())])
    for path in f"advertisers/{sandbox.owner}", f"offers/{offer['id']}", f"partners/{partner}":
        ((card, linked),) = cards(client, f"/staff/{path}")
        assert card == linked
        assert int(card[1]) >= 8
        assert len(card[0].partition(".")[2]) == 2


def test_a_partner_s_currencies_are_not_added(sandbox: Sandbox, client: Browser) -> None:
    sandbox.set_advertiser(sandbox.rival, currency="JPY")
    partner, now = str(uuid4()), datetime.now(UTC)
    offers = [offer_record(sandbox, advertiser) for advertiser in (sandbox.owner, sandbox.rival)]
    sandbox.send("offers", offers)
    of_rival = {"offerAdvertiserId": str(sandbox.rival)}
    sandbox.send(
        "conversions",
        [
            conversion(sandbox, offers[0], now, revenue="1.50", partnerId=partner),
            conversion(sandbox, offers[0], now, revenue="100"),
            conversion(sandbox, offers[1], now, revenue="70", partnerId=partner, **of_rival),
        ],
    )
    page = Page(client.get(f"/staff/partners/{partner}").text)
    assert [title.text for title in page.all("h2")][:2] == ["Last 30 days in JPY", "Last 30 days in USD"]
    yen, dollars = ["70", "1", "0", "0"], ["1.50", "1", "0", "0"]
    assert cards(client, f"/staff/partners/{partner}") == [(yen, yen), (dollars, dollars)]


def test_a_partner_without_figures_has_no_totals(sandbox: Sandbox, client: Browser) -> None:
    partner = str(uuid4())
    sandbox.send("partners", [{"id": partner, "name": "Limestone"}])
    page = Page(client.get(f"/staff/partners/{partner}").text)
    assert "Nothing was counted." in page.text
    assert totals(page) == []
