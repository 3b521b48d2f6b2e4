"""Which data Singular requires of an offer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from singular.requirements import FlawedOffer, flawed_offers
from tenants.tenant import current_tenant
from tests.support.app_calls import run_in_tenant
from tests.support.sandbox import Sandbox, event_record, offer_record

GOOD = {"name": "Good", "os": "ANDROID", "storeId": "com.test", "campaignName": "AOS_TEST_2025"}


def flawed(sandbox: Sandbox) -> list[FlawedOffer]:
    return run_in_tenant(sandbox.tenant.slug, lambda: flawed_offers(current_tenant(), sandbox.owner))


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
def test_each_flaw_is_named(sandbox: Sandbox, fields: dict[str, Any], problems: dict[str, str]) -> None:
    offer = offer_record(sandbox, **GOOD | fields)
    sandbox.send("offers", [offer])
    found = {flaw.field: flaw.message for each in flawed(sandbox) for flaw in each.flaws}
    assert found.keys() == problems.keys()
    assert all(text in found[field] for field, text in problems.items())
    assert {str(each.id) for each in flawed(sandbox)} == ({offer["id"]} if problems else set())


def test_offers_with_figures_come_first(sandbox: Sandbox) -> None:
    now = datetime.now(UTC)
    offers = {name: offer_record(sandbox, name=name) for name in ("Asleep", "Busy", "Dormant", "Zealous")}
    sandbox.send("offers", offers.values())
    sandbox.send(
        "events",
        [
            event_record(offers[name]["id"], occurredAt=(now - timedelta(days=days)).isoformat())
            for name, days in [("Asleep", 92), ("Busy", 0), ("Zealous", 88)]
        ],
    )
    assert [(offer.name, offer.recent) for offer in flawed(sandbox)] == [
        ("Busy", True),
        ("Zealous", True),
        ("Asleep", False),
        ("Dormant", False),
    ]


def test_other_advertisers_offers_are_not_included(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    sandbox.send("offers", [offer_record(sandbox, sandbox.rival, name="Theirs")])
    other_sandbox.send("offers", [offer_record(other_sandbox, name="Elsewhere")])
    assert flawed(sandbox) == []
