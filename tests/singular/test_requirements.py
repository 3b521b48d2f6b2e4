"""What is said to be missing for Singular."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from singular.requirements import FlawedOffer, flawed_offers
from tenants.tenant import current_tenant
from tests.places import Place, an_event, an_offer
from tests.running import run_at

GOOD = {"name": "Good", "os": "ANDROID", "storeId": "com.test", "campaignName": "AOS_TEST_2025"}


def flawed(place: Place) -> list[FlawedOffer]:
    return run_at(place.tenant.slug, lambda: flawed_offers(current_tenant(), place.owner))


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({}, {}),
        ({"os": "IOS", "storeId": "1463728190"}, {}),
        ({"os": "WEB", "storeId": None}, {}),
        ({"os": "WEB", "storeId": "whatever"}, {}),
        ({"storeId": "com.brownboots.Kingdom_2"}, {}),
        ({"storeId": None}, {"store_id": "is missing"}),
        ({"storeId": ""}, {"store_id": "is missing"}),
        ({"os": "IOS", "storeId": " "}, {"store_id": "is missing"}),
        ({"os": None}, {"os": "is missing"}),
        ({"os": None, "storeId": None}, {"os": "is missing", "store_id": "is missing"}),
        ({"campaignName": None}, {"campaign_name": "is missing"}),
        ({"campaignName": " "}, {"campaign_name": "is missing"}),
        ({"os": "IOS", "storeId": "com.test"}, {"store_id": "App Store number"}),
        ({"os": "IOS", "storeId": "id1463728190"}, {"store_id": "'id1463728190'"}),
        ({"os": "IOS", "storeId": "١٢٣"}, {"store_id": "App Store number"}),
        ({"storeId": "1463728190"}, {"store_id": "package name"}),
        ({"storeId": "test"}, {"store_id": "package name"}),
        ({"storeId": "com..test"}, {"store_id": "package name"}),
        (
            {"os": None, "storeId": None, "campaignName": None},
            {"os": "is missing", "store_id": "is missing", "campaign_name": "is missing"},
        ),
    ],
)
def test_each_flaw_is_named(place: Place, fields: dict[str, Any], problems: dict[str, str]) -> None:
    offer = an_offer(place, **GOOD | fields)
    place.send("offers", [offer])
    found = {flaw.field: flaw.message for each in flawed(place) for flaw in each.flaws}
    assert found.keys() == problems.keys()
    assert all(text in found[field] for field, text in problems.items())
    assert {str(each.id) for each in flawed(place)} == ({offer["id"]} if problems else set())


def test_offers_with_figures_come_first(place: Place) -> None:
    now = datetime.now(UTC)
    offers = {name: an_offer(place, name=name) for name in ("Asleep", "Busy", "Dormant", "Zealous")}
    place.send("offers", offers.values())
    place.send(
        "events",
        [
            an_event(offers[name]["id"], occurredAt=(now - timedelta(days=days)).isoformat())
            for name, days in [("Asleep", 92), ("Busy", 0), ("Zealous", 88)]
        ],
    )
    assert [(offer.name, offer.recent) for offer in flawed(place)] == [
        ("Busy", True),
        ("Zealous", True),
        ("Asleep", False),
        ("Dormant", False),
    ]


def test_nobody_is_told_of_anothers_offers(place: Place, other_place: Place) -> None:
    place.send("offers", [an_offer(place, place.rival, name="Theirs")])
    other_place.send("offers", [an_offer(other_place, name="Elsewhere")])
    assert flawed(place) == []
