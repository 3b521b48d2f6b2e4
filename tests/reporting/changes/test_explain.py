"""GET /api/v1/reports/changes/explain."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

EXPLAIN = "/api/v1/reports/changes/explain"
DAY = "2025-05-19"
PARTNER = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


def explain(sandbox: Sandbox, token: str | None = None, **parameters: str) -> dict[str, Any]:
    response = sandbox.get(EXPLAIN, token=token, **({"date": DAY} | parameters))
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert body["complete"]
    return body


@pytest.fixture
def offer(sandbox: Sandbox) -> str:
    record = offer_record(sandbox)
    sandbox.send("offers", [record])
    sandbox.send("partners", [{"id": PARTNER, "name": "Limestone"}])
    return str(record["id"])


def test_it_lists_the_changes_of_figures_and_conversions(sandbox: Sandbox, offer: str) -> None:
    callback = conversion_callback(sandbox, offer, partnerId=PARTNER, revenue="69.500001")

    def send(sent_at: str, **conversion: Any) -> None:
        changed = callback | {"sentAt": sent_at, "conversion": callback["conversion"] | conversion}
        sandbox.send("conversions", [changed])

    sandbox.send("events", [event_record(offer), event_record(offer, "view")])
    sandbox.send("conversions", [callback])
    send("2025-06-20T00:00:00Z", status="Rejected")
    send("2025-06-21T00:00:00Z", status="Success", revenue=3)
    send("2025-06-22T00:00:00Z", userCompletedAt="2025-05-20T00:00:00Z", revenue=3)
    body = explain(sandbox)
    changes = [
        (row["partnerId"] == PARTNER, row["cost"], row["conversions"], row["clicks"], row["views"])
        for row in body["changes"]
    ]
    assert changes == [
        (False, 0, 0, 1, 1),
        (True, 69.500001, 1, 0, 0),
        (True, -69.500001, -1, 0, 0),
        (True, 3, 1, 0, 0),
        (True, -3, -1, 0, 0),
    ]
    assert all(row["late"] and row["cause"] == "callback" and row["offerId"] == offer for row in body["changes"])
    assert [row["changedAt"] for row in body["changes"]] == sorted(row["changedAt"] for row in body["changes"])
    conversions = [(row["oldStatus"], row["newStatus"], row["oldCost"], row["newCost"]) for row in body["conversions"]]
    assert conversions == [
        (None, "Success", None, 69.500001),
        ("Success", "Rejected", 69.500001, 69.500001),
        ("Rejected", "Success", 69.500001, 3),
        ("Success", "Success", 3, 3),
    ]
    assert {row["conversionId"] for row in body["conversions"]} == {callback["conversion"]["conversionId"]}
    assert {row["cause"] for row in body["conversions"]} == {"callback"}
    assert datetime.fromisoformat(body["recordedSince"]) <= datetime.now(UTC)
    assert [row["newStatus"] for row in explain(sandbox, date="2025-05-20")["conversions"]] == ["Success"]


def test_it_filters_by_offer_and_partner(sandbox: Sandbox, offer: str) -> None:
    other = offer_record(sandbox)
    sandbox.send("offers", [other])
    sandbox.send(
        "conversions", [conversion_callback(sandbox, offer), conversion_callback(sandbox, offer, partnerId=PARTNER)]
    )
    sandbox.send("conversions", [conversion_callback(sandbox, other["id"])])
    for parameters, count in (
        ({}, 3),
        ({"offer_id": offer}, 2),
        ({"offer_id": f"{offer},{other['id']}", "partner_id": PARTNER}, 1),
        ({"OFFER_ID": other["id"], "partner_id": PARTNER}, 0),
    ):
        body = explain(sandbox, decimals="string", **parameters)
        assert (len(body["changes"]), len(body["conversions"])) == (count, count)
        assert {row["cost"] for row in body["changes"]} <= {"60"}


def test_a_conversion_that_goes_to_another_offer_is_a_change_of_both(sandbox: Sandbox, offer: str) -> None:
    other = offer_record(sandbox)
    sandbox.send("offers", [other])
    callback = conversion_callback(sandbox, offer)
    sandbox.send("conversions", [callback])
    moved = callback["conversion"] | {"offerId": other["id"], "revenue": 7}
    sandbox.send("conversions", [callback | {"sentAt": "2025-06-20T00:00:00Z", "conversion": moved}])
    (_, change) = explain(sandbox)["conversions"]
    assert (change["offerId"], change["oldStatus"], change["oldCost"]) == (other["id"], "Success", 60)
    assert explain(sandbox, offer_id=offer)["conversions"][1] == change
    assert explain(sandbox, offer_id=other["id"])["conversions"] == [change]


def test_it_is_of_the_advertisers_own_offers(sandbox: Sandbox, offer: str) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer)])
    assert explain(sandbox, token=sandbox.rival_key)["changes"] == []
    assert explain(sandbox, token=sandbox.rival_key, offer_id=offer)["conversions"] == []
    sandbox.move_offer(offer, sandbox.rival)
    assert explain(sandbox)["changes"] == []
    assert explain(sandbox, token=sandbox.rival_key)["conversions"] == [], "the change was before the move"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "date"),
        ("date=", "date"),
        ("date=2025-02-30", "date"),
        ("date=2999-01-01", "date"),
        ("date=9999-12-31", "date"),
        ("date=2025-05-19T00:00:00Z", "date"),
        ("date=2025-05-19&offer_id=7", "offer_id"),
        ("date=2025-05-19&partner_id=x", "partner_id"),
        ("date=2025-05-19&decimals=float", "decimals"),
        ("date=2025-05-19&since=x", "since"),
    ],
)
def test_an_invalid_parameter_is_named(module_sandbox: Sandbox, query: str, field: str) -> None:
    response = module_sandbox.request("GET", f"{EXPLAIN}?{query}", token=module_sandbox.owner_key)
    assert response.status_code == 400
    assert [error["field"] for error in response.json()["errors"]] == [field]
