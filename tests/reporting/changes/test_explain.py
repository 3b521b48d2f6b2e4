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


def assert_sums_to_figures(sandbox: Sandbox, token: str) -> dict[str, Any]:
    """All figures of the day were received after it: the differences add up to them."""
    body = explain(sandbox, token)
    query = {"date_from": DAY, "date_to": DAY, "metrics": "cost,conversions,clicks,views"}
    totals = sandbox.get("/api/v1/reports/query", token=token, **query).json()["totals"]
    assert {name: sum(row[name] for row in body["changes"]) for name in totals} == totals
    return body


def test_moves_of_offers_are_changes_of_both_advertisers(sandbox: Sandbox, offer: str) -> None:
    stays = offer_record(sandbox)
    sandbox.send("offers", [stays])
    callback = conversion_callback(sandbox, offer, partnerId=PARTNER)
    sandbox.send("conversions", [callback, conversion_callback(sandbox, stays["id"], revenue=5)])
    sandbox.send("events", [event_record(offer)])
    sandbox.move_offer(offer, sandbox.rival)
    # While it is the rival's, a click is added, and the conversion changes.
    sandbox.send("events", [event_record(offer)])
    changed = callback["conversion"] | {"revenue": 7, "offerAdvertiserId": str(sandbox.rival)}
    later = callback | {"sentAt": "2025-06-20T00:00:00Z", "conversion": changed}
    assert sandbox.send("conversions", [later])["accepted"] == 1
    moved_away = assert_sums_to_figures(sandbox, sandbox.owner_key)
    sandbox.move_offer(offer, sandbox.owner)
    sandbox.send("events", [event_record(offer, "view")])

    def differences(body: dict[str, Any], cause: str) -> list[tuple[Any, ...]]:
        rows = [row for row in body["changes"] if row["cause"] == cause and row["offerId"] == offer]
        return sorted((row["cost"], row["conversions"], row["clicks"], row["views"]) for row in rows)

    owner, rival = (assert_sums_to_figures(sandbox, token) for token in (sandbox.owner_key, sandbox.rival_key))
    assert differences(moved_away, "move") == [(-60, -1, 0, 0), (0, 0, -1, 0)]
    assert differences(owner, "callback") == [(0, 0, 0, 1), (0, 0, 1, 0), (60, 1, 0, 0)]
    assert differences(owner, "move") == [(-60, -1, 0, 0), (0, 0, -1, 0), (0, 0, 2, 0), (7, 1, 0, 0)]
    assert differences(rival, "move") == [(-7, -1, 0, 0), (0, 0, -2, 0), (0, 0, 1, 0), (60, 1, 0, 0)]
    assert differences(rival, "callback") == [(-53, 0, 0, 0), (0, 0, 1, 0)]
    assert all(row["late"] for row in owner["changes"])
    assert [(row["oldCost"], row["newCost"]) for row in owner["conversions"] if row["offerId"] == offer] == [(None, 60)]
    assert [(row["oldCost"], row["newCost"]) for row in rival["conversions"]] == [(60, 7)]
    (only,) = explain(sandbox, offer_id=offer, partner_id=PARTNER, decimals="string")["changes"][1:2]
    assert (only["cause"], only["cost"]) == ("move", "-60")


def test_a_conversion_that_goes_to_another_advertisers_offer_is_a_move_for_both(sandbox: Sandbox, offer: str) -> None:
    other = offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [other])
    callback = conversion_callback(sandbox, offer)

    def send(sent_at: str, **fields: Any) -> None:
        changed = callback | {"sentAt": sent_at, "conversion": callback["conversion"] | fields}
        assert sandbox.send("conversions", [changed])["accepted"] == 1

    theirs = {"offerId": other["id"], "offerAdvertiserId": str(sandbox.rival), "offerAdvertiserName": "Rival"}
    send("2025-06-01T00:00:00Z")
    send("2025-06-02T00:00:00Z", **theirs, revenue=7, partnerId=PARTNER)
    send("2025-06-03T00:00:00Z", **theirs, revenue=8, partnerId=PARTNER)
    send("2025-06-04T00:00:00Z", status="Pending", revenue=9)
    owner, rival = (assert_sums_to_figures(sandbox, token) for token in (sandbox.owner_key, sandbox.rival_key))

    def steps(body: dict[str, Any]) -> list[tuple[Any, ...]]:
        return [
            (row["oldStatus"], row["oldCost"], row["newStatus"], row["newCost"], row["cause"])
            for row in body["conversions"]
        ]

    assert steps(owner) == [
        (None, None, "Success", 60, "callback"),
        ("Success", 60, None, None, "move"),
        (None, None, "Pending", 9, "move"),
    ]
    assert steps(rival) == [
        (None, None, "Success", 7, "move"),
        ("Success", 7, "Success", 8, "callback"),
        ("Success", 8, None, None, "move"),
    ]
    for body, secrets in (owner, (other["id"], str(sandbox.rival), PARTNER)), (rival, (offer, str(sandbox.owner))):
        assert not any(secret in str(body) for secret in secrets)
        assert (
            explain(sandbox, offer_id=secrets[0], token=sandbox.owner_key if body is owner else sandbox.rival_key)[
                "conversions"
            ]
            == []
        )
    assert len(explain(sandbox, token=sandbox.rival_key, partner_id=PARTNER)["conversions"]) == 3


def test_it_is_of_the_advertisers_own_offers(sandbox: Sandbox, offer: str) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, offer)])
    assert explain(sandbox, token=sandbox.rival_key)["changes"] == []
    assert explain(sandbox, token=sandbox.rival_key, offer_id=offer)["conversions"] == []
    sandbox.move_offer(offer, sandbox.rival)
    assert [row["cause"] for row in explain(sandbox)["changes"]] == ["callback", "move"]
    body = explain(sandbox, token=sandbox.rival_key)
    assert [row["cause"] for row in body["changes"]] == ["move"]
    assert body["conversions"] == [], "the change was before the move"


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
