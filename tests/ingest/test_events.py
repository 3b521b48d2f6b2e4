"""POST /api/v1/ingest/events"""

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "events.ndjson"


def test_the_documented_example_is_accepted_once_its_offer_is_known(sandbox: Sandbox) -> None:
    known = "6a8273c6-fe06-4be2-927e-c8be786c3fff"
    before, after, again = (post_example(sandbox, known, offer=n > 0) for n in range(3))
    assert [(r["index"], r["field"]) for r in before["rejected"]] == [(0, "offerId"), (1, "offerId")]
    assert (after["accepted"], after["duplicates"], after["rejected"]) == (2, 0, [])
    assert (again["accepted"], again["duplicates"], again["rejected"]) == (0, 2, [])
    (row,) = sandbox.report()
    assert (row["totalViews"], row["totalClicks"]) == (1, 1)


def post_example(sandbox: Sandbox, known: str, *, offer: bool) -> dict[str, Any]:
    if offer:
        sandbox.send("offers", [offer_record(sandbox, id=known)])
    response = sandbox.request(
        "POST",
        "/api/v1/ingest/events",
        token=sandbox.ingest_key,
        content=EXAMPLE.read_bytes(),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()
    return result


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"offerId": str(uuid4())}, "offerId"),
        ({"partnerId": str(uuid4())}, "partnerId"),
        ({"type": "sale"}, "type"),
        ({"id": None}, "id"),
        ({"id": "x"}, "id"),
        ({"occurredAt": "2025-02-30T00:00:00Z"}, "occurredAt"),
        ({"occurredAt": "2999-01-01T00:00:00Z"}, "occurredAt"),
        ({"occurredAt": 5}, "occurredAt"),
    ],
)
def test_an_invalid_record_is_rejected_with_its_field(
    module_sandbox: Sandbox, changes: dict[str, Any], field: str
) -> None:
    offer = offer_record(module_sandbox)
    module_sandbox.send("offers", [offer])
    result = module_sandbox.send("events", [event_record(offer["id"]), event_record(offer["id"]) | changes])
    assert result["accepted"] == 1
    assert [(r["index"], r["field"]) for r in result["rejected"]] == [(1, field)]


def test_an_event_repeated_within_a_batch_counts_once(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    event = event_record(offer["id"])
    assert sandbox.send("events", [event] * 5) == {"accepted": 1, "duplicates": 4, "rejected": []}


def test_the_tenant_may_be_the_partner(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"], partnerId=str(sandbox.tenant.id)), event_record(offer["id"])])
    (row,) = sandbox.report()
    assert (row["publisherName"], row["totalClicks"]) == (sandbox.tenant.name, 2)


def test_times_are_truncated_to_their_day(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"], occurredAt="2025-05-31T23:59:59.9999999Z")])
    assert len(sandbox.report(date_from="2025-05-31", date_to="2025-05-31")) == 1


def test_overlapping_batches_of_many_senders_count_each_event_once(sandbox: Sandbox) -> None:
    """No batch fails with a deadlock: every response is a 200."""
    offers = [offer_record(sandbox) for _ in range(5)]
    sandbox.send("offers", offers)
    events = [
        event_record(
            random.choice(offers)["id"], random.choice(["view", "click"]), occurredAt=f"2025-05-{day:02}T10:00:00Z"
        )
        for day in range(1, 29)
        for _ in range(40)
    ]
    callbacks = [conversion_callback(sandbox, offers[0]["id"]) for _ in range(100)]

    def sender(seed: int) -> int:
        dice = random.Random(seed)
        accepted = 0
        for _ in range(6):
            accepted += sandbox.send("events", dice.sample(events, 500))["accepted"]
            sandbox.send("conversions", dice.sample(callbacks, 60))
        return accepted

    with ThreadPoolExecutor(8) as pool:
        accepted = sum(pool.map(sender, range(8)))
    accepted += sandbox.send("events", events)["accepted"]
    sandbox.send("conversions", callbacks)
    rows = sandbox.report()
    assert accepted == len(events) == sum(row["totalViews"] + row["totalClicks"] for row in rows)
    assert sum(row["totalConversions"] for row in rows) == len(callbacks)
    assert sum(row["revenue"] for row in rows) == 60 * len(callbacks)


def test_an_event_is_identified_by_its_id_and_its_month(sandbox: Sandbox) -> None:
    """As documented: the index of ids covers a month."""
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    may = event_record(offer["id"], occurredAt="2025-05-31T23:59:59Z")
    for event, accepted in [
        (may, 1),
        (may | {"occurredAt": "2025-05-01T00:00:00Z"}, 0),
        (may | {"occurredAt": "2025-06-01T00:00:00Z"}, 1),
    ]:
        assert sandbox.send("events", [event])["accepted"] == accepted
