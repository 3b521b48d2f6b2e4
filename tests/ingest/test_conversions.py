"""POST /api/v1/ingest/conversions"""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.support.database import execute
from tests.support.sandbox import JSON, MAY, Sandbox, conversion_callback, event_record, offer_record


def later(callback: dict[str, Any], sent_at: str, **changes: Any) -> dict[str, Any]:
    """Another callback for the same conversion."""
    return {"id": str(uuid4()), "sentAt": sent_at, "conversion": callback["conversion"] | changes}


def figures(sandbox: Sandbox, **params: str) -> list[tuple[str, str, int, float]]:
    """(offer's name, publisher's name, conversions, revenue) by row."""
    return [
        (row["offerName"], row["publisherName"], row["totalConversions"], row["revenue"])
        for row in sandbox.report(**params)
    ]


def test_only_status_success_counts(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox, name="Test")
    sandbox.send("offers", [offer])
    sandbox.send(
        "conversions", [conversion_callback(sandbox, offer["id"], status=s) for s in ("Pending", "Success", "Rejected")]
    )
    assert figures(sandbox) == [("Test", sandbox.tenant.name, 1, 60)]


def test_a_status_may_change_repeatedly(sandbox: Sandbox) -> None:
    callback = conversion_callback(sandbox, offer_record(sandbox)["id"], status="Pending")
    expected = {"Pending": [], "Rejected": [], "Success": [("Test", sandbox.tenant.name, 1, 60)]}
    for day, status in enumerate(["Pending", "Success", "Rejected", "Success", "Rejected", "Pending", "Success"], 1):
        sent = later(callback, f"2025-06-{day:02}T00:00:00Z", status=status)
        assert sandbox.send("conversions", [sent])["accepted"] == 1
        assert figures(sandbox) == expected[status]


def test_the_callback_sent_last_wins_in_any_order_of_arrival(sandbox: Sandbox) -> None:
    for order in permutations(
        ["2025-06-01T00:00:00.0000001Z", "2025-06-01T00:00:00.0000002Z", "2025-06-01T02:00:00+03:00"]
    ):
        offer = offer_record(sandbox, name="Test")
        callback = conversion_callback(sandbox, offer["id"])
        revenues = dict(zip(sorted(order), [2, 3, 1], strict=True))  # the last of the three is on the day before
        for sent_at in order:
            sandbox.send("conversions", [later(callback, sent_at, revenue=revenues[sent_at])])
        assert figures(sandbox, offerId=offer["id"]) == [("Test", sandbox.tenant.name, 1, 3)]


def test_a_callback_sent_earlier_that_arrives_later_is_a_duplicate(sandbox: Sandbox) -> None:
    new = conversion_callback(sandbox, offer_record(sandbox)["id"], sent_at="2025-06-02T00:00:00Z")
    old = later(new, "2025-06-01T00:00:00Z", revenue=1)
    assert sandbox.send("conversions", [new]) == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert sandbox.send("conversions", [old, new]) == {"accepted": 0, "duplicates": 2, "rejected": []}
    assert figures(sandbox)[0][3] == 60


def test_the_order_of_arrival_does_not_matter_for_equal_sent_at(sandbox: Sandbox) -> None:
    offers = [offer_record(sandbox), offer_record(sandbox)]
    ids = sorted(str(uuid4()) for _ in range(2))
    for offer, order in zip(offers, [(0, 1), (1, 0)], strict=True):
        callback = conversion_callback(sandbox, offer["id"])
        two = [
            callback | {"id": id_, "conversion": callback["conversion"] | {"revenue": n}}
            for n, id_ in enumerate(ids, 1)
        ]
        for n in order:
            sandbox.send("conversions", [two[n]])
    assert [row["revenue"] for row in sandbox.report()] == [2, 2]


def test_the_order_of_arrival_does_not_matter_without_ids(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    offer, conversion = str(uuid4()), str(uuid4())
    revenues = []
    for somewhere, order in [(sandbox, (1, 2)), (other_sandbox, (2, 1))]:
        for revenue in order:
            callback = conversion_callback(sandbox, offer, conversionId=conversion, revenue=revenue)
            del callback["id"]
            somewhere.send("conversions", [callback])
        token = somewhere.create_api_key("cost-report", advertiser=sandbox.owner)
        (row,) = somewhere.get(JSON, token=token, date_from="2025-05-01", date_to="2025-05-31").json()["data"]
        revenues.append(row["revenue"])
    assert revenues[0] == revenues[1]


def test_changed_revenue_offer_partner_and_time_move_the_figures(sandbox: Sandbox) -> None:
    first, second = offer_record(sandbox, name="First"), offer_record(sandbox, name="Second")
    partner = str(uuid4())
    sandbox.send("offers", [first, second])
    sandbox.send("partners", [{"id": partner, "name": "Limestone"}])
    callback = conversion_callback(sandbox, first["id"])
    sandbox.send("conversions", [callback])
    sandbox.send("conversions", [later(callback, "2025-06-01T00:00:00Z", revenue="59.999999")])
    assert figures(sandbox) == [("First", sandbox.tenant.name, 1, 59.999999)]
    sandbox.send("conversions", [later(callback, "2025-06-02T00:00:00Z", offerId=second["id"], partnerId=partner)])
    assert figures(sandbox) == [("Second", "Limestone", 1, 60)]
    sandbox.send(
        "conversions", [later(callback, "2025-06-03T00:00:00Z", userCompletedAt="2025-04-30T23:59:59.9999999Z")]
    )
    assert figures(sandbox) == []
    assert figures(sandbox, date_from="2025-04-30", date_to="2025-04-30") == [("First", sandbox.tenant.name, 1, 60)]


def test_a_conversion_counts_on_completion_or_else_on_creation(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)["id"]
    sandbox.send(
        "conversions", [conversion_callback(sandbox, offer, userCompletedAt=None, createdAt="2025-05-20T00:00:00Z")]
    )
    assert len(sandbox.report(date_from="2025-05-20", date_to="2025-05-20")) == 1


@pytest.mark.parametrize(
    ("written", "counted"),
    [
        ("null", "0"),
        ("60", "60"),
        ("60.10", "60.1"),
        ("1e-06", "0.000001"),
        ("1E2", "100"),
        ('"0.1"', "0.1"),
        ('"1e3"', "1000"),
        ("0.0000005", "0"),
        ("0.0000015", "0.000002"),
        ("0.00000050000000000000000000000000000000001", "0.000001"),
        ("123456789.12345650000000000000000000000000000001", "123456789.123457"),
        ("999999999.999999", "999999999.999999"),
        ("1e-999999", "0"),
    ],
)
def test_revenue_is_parsed_exactly(module_sandbox: Sandbox, written: str, counted: str) -> None:
    offer = offer_record(module_sandbox)["id"]
    callback = msgspec.json.encode(conversion_callback(module_sandbox, offer, revenue="REVENUE"))
    module_sandbox.send_body("conversions", callback.replace(b'"REVENUE"', written.encode()))
    row = module_sandbox.get(JSON, date_from="2025-05-01", date_to="2025-05-31", offerId=offer).text
    assert f'"revenue":{counted},' in row


def test_a_sum_of_many_revenues_is_exact(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)["id"]
    sandbox.send("conversions", [conversion_callback(sandbox, offer, revenue="0.1") for _ in range(1000)])
    sandbox.send("conversions", [conversion_callback(sandbox, offer, revenue="999999999.999999") for _ in range(1000)])
    text = sandbox.get(JSON, date_from="2025-05-01", date_to="2025-05-31").text
    assert '"revenue":1000000000099.999,' in text


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"revenue": -1}, "conversion.revenue"),
        ({"revenue": 10**9}, "conversion.revenue"),
        ({"revenue": "999999999.9999999"}, "conversion.revenue"),
        ({"revenue": 10**400}, "conversion.revenue"),
        ({"revenue": "1e999999999999999999999"}, "conversion.revenue"),
        ({"revenue": "12 EUR"}, "conversion.revenue"),
        ({"revenue": "1_000"}, "conversion.revenue"),
        ({"revenue": "Infinity"}, "conversion.revenue"),
        ({"revenue": True}, "conversion.revenue"),
        ({"revenue": [1]}, "conversion.revenue"),
        ({"status": "Done"}, "conversion.status"),
        ({"status": "success\x00"}, "conversion.status"),
        ({"conversionId": "7"}, "conversion.conversionId"),
        ({"conversionId": None}, "conversion.conversionId"),
        ({"offerId": None}, "conversion.offerId"),
        ({"offerName": "a\x00b"}, "conversion.offerName"),
        ({"offerName": ""}, "conversion.offerName"),
        ({"offerAdvertiserId": None}, "conversion.offerAdvertiserId"),
        ({"userCompletedAt": "yesterday"}, "conversion.userCompletedAt"),
        ({"userCompletedAt": "2025-05-19"}, "conversion.userCompletedAt"),
        ({"userCompletedAt": "1969-12-31T23:59:59Z"}, "conversion.userCompletedAt"),
        ({"userCompletedAt": "9999-12-31T23:59:59-14:00"}, "conversion.userCompletedAt"),
        ({"userCompletedAt": None, "createdAt": None}, "conversion.userCompletedAt"),
    ],
)
def test_an_invalid_record_is_rejected_with_its_field_and_does_not_affect_the_others(
    module_sandbox: Sandbox, changes: dict[str, Any], field: str
) -> None:
    bad = conversion_callback(module_sandbox, offer_record(module_sandbox)["id"], **changes)
    good = [conversion_callback(module_sandbox, offer_record(module_sandbox)["id"]) for _ in range(2)]
    result = module_sandbox.send("conversions", [good[0], bad, good[1]])
    assert (result["accepted"], result["duplicates"]) == (2, 0)
    (reject,) = result["rejected"]
    assert (reject["index"], reject["id"], reject["field"]) == (1, bad["id"], field)
    assert reject["message"]


@pytest.mark.parametrize(
    "record", [{}, {"id": 7}, {"sentAt": "2025-05-19T16:00:00Z"}, {"conversion": {}}, [], 7, None, "x"]
)
def test_a_record_that_is_not_a_callback_is_rejected(module_sandbox: Sandbox, record: Any) -> None:
    result = module_sandbox.send("conversions", [record])
    assert len(result["rejected"]) == 1


def test_times_up_to_a_day_in_the_future_are_accepted(sandbox: Sandbox) -> None:
    now = datetime.now(UTC)
    offer = offer_record(sandbox)["id"]
    soon, too_late = ((now + timedelta(hours=hours)).isoformat() for hours in (23, 25))
    callbacks = [conversion_callback(sandbox, offer, userCompletedAt=at) for at in (soon, too_late)]
    late_sender = conversion_callback(sandbox, offer, sent_at=too_late)
    result = sandbox.send("conversions", [*callbacks, late_sender])
    assert result["accepted"] == 1
    assert [r["field"] for r in result["rejected"]] == ["conversion.userCompletedAt", "sentAt"]


def test_a_conversion_in_1970_is_accepted(sandbox: Sandbox) -> None:
    sandbox.send(
        "conversions",
        [conversion_callback(sandbox, offer_record(sandbox)["id"], userCompletedAt="1970-01-01T00:00:00Z")],
    )
    assert len(sandbox.report(date_from="1970-01-01", date_to="1970-01-01")) == 1


def test_a_callback_creates_missing_rows_and_renames_none(sandbox: Sandbox) -> None:
    offer, partner, advertiser = str(uuid4()), str(uuid4()), str(uuid4())
    named = {"partnerId": partner, "partnerName": "Limestone", "offerAdvertiserId": advertiser}
    sandbox.send("conversions", [conversion_callback(sandbox, offer, offerName="First", **named)])
    other = named | {"partnerName": "Sandstone", "offerAdvertiserName": "Renamed"}
    sandbox.send("conversions", [conversion_callback(sandbox, offer, offerName="Second", **other)])
    token = sandbox.create_api_key("cost-report", advertiser=UUID(advertiser))
    (row,) = sandbox.get(JSON, token=token, date_from="2025-05-01", date_to="2025-05-31").json()["data"]
    assert (row["offerName"], row["publisherName"], row["totalConversions"]) == ("First", "Limestone", 2)


def test_a_callback_that_names_another_advertiser_of_its_offer_is_rejected(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    known = conversion_callback(sandbox, offer["id"])
    sandbox.send("conversions", [known])
    before = sandbox.get(JSON, **MAY)
    unknown = str(uuid4())
    wrong = [
        known | {"sentAt": "2025-06-01T00:00:00Z", "conversion": known["conversion"] | {"offerAdvertiserId": unknown}},
        conversion_callback(sandbox, offer["id"], offerAdvertiserId=str(sandbox.rival)),
    ]
    silent = conversion_callback(sandbox, offer["id"], offerAdvertiserId=None, revenue=0, status="Pending")
    result = sandbox.send("conversions", [*wrong, silent])
    assert (result["accepted"], result["duplicates"]) == (1, 0)
    assert [r["field"] for r in result["rejected"]] == ["conversion.offerAdvertiserId"] * 2
    assert all(f"belongs to {sandbox.owner}; only staff" in r["message"] for r in result["rejected"])
    assert sandbox.get(JSON, **MAY).content == before.content
    assert execute("SELECT FROM {s}.advertiser WHERE id = $1", UUID(unknown), schema=sandbox.tenant.schema) == []


def test_the_first_callback_of_a_new_offer_sets_its_advertiser(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)["id"]
    callbacks = [
        conversion_callback(sandbox, offer),
        conversion_callback(sandbox, offer, offerAdvertiserId=str(sandbox.rival)),
    ]
    result = sandbox.send("conversions", callbacks)
    assert (result["accepted"], [r["index"] for r in result["rejected"]]) == (1, [1])
    assert sandbox.get(JSON, token=sandbox.rival_key, **MAY).json()["data"] == []


def test_a_name_may_come_from_any_callback_of_a_batch(sandbox: Sandbox) -> None:
    offer, partner, advertiser = str(uuid4()), str(uuid4()), str(uuid4())
    ids = {"partnerId": partner, "offerAdvertiserId": advertiser}
    named = conversion_callback(
        sandbox, offer, offerName="Test", partnerName="Limestone", offerAdvertiserName="Boots", **ids
    )
    nameless = conversion_callback(sandbox, offer, offerName=None, partnerName=None, offerAdvertiserName=None, **ids)
    sandbox.send("conversions", [nameless, named, nameless])
    token = sandbox.create_api_key("cost-report", advertiser=UUID(advertiser))
    (row,) = sandbox.get(JSON, token=token, date_from="2025-05-01", date_to="2025-05-31").json()["data"]
    assert (row["offerName"], row["publisherName"]) == ("Test", "Limestone")


def test_a_rejected_callback_creates_nothing(sandbox: Sandbox) -> None:
    offer, partner = offer_record(sandbox), str(uuid4())
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, str(uuid4()), offerAdvertiserId=None, partnerId=partner)])
    result = sandbox.send("events", [event_record(offer["id"], partnerId=partner)])
    assert [r["field"] for r in result["rejected"]] == ["partnerId"]


def test_a_batch_that_overflows_a_cost_is_refused_as_a_whole(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)["id"]
    most = [conversion_callback(sandbox, offer, revenue=999_999_999) for _ in range(9_300)]
    sandbox.send("conversions", most[:5_000])
    headers = {"Content-Type": "application/json"}
    path = "/api/v1/ingest/conversions"
    body = msgspec.json.encode(most[5_000:])
    response = sandbox.request("POST", path, token=sandbox.ingest_key, content=body, headers=headers)
    assert response.status_code == 422
    assert "9,223,372,036,854.775807" in response.json()["detail"]
    (row,) = sandbox.report()
    assert row["totalConversions"] == 5_000


def details_of(sandbox: Sandbox) -> list[str | None]:
    rows = execute("SELECT details::text AS details FROM {s}.conversion ORDER BY id", schema=sandbox.tenant.schema)
    return [row["details"] for row in rows]


def test_other_fields_of_a_callback_are_kept(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sent: dict[str, Any] = {
        "offerCountryCode2": None,
        "offerCountryCode3": "DEU",
        "offerCategoryId": "ddd1dade-0988-41e6-89e7-07f55c9f74be",
        "offerCategoryName": "Credit",
        "eventId": 7,
        "eventName": "Deposit",
        "pubGeoCountry": "AT",
        "pubDevice": "iPhone\x00" + "!" * 500,
        "pubClickId": {"not": "text"},
        "pubMemberId": "421f91c7-c621-4ca5-bf9d-af3e6fbe7c61",
    }
    callback = conversion_callback(sandbox, offer["id"], **sent)
    assert sandbox.send("conversions", [callback])["accepted"] == 1
    (details,) = details_of(sandbox)
    assert msgspec.json.decode(details or "") == {
        "country": "DEU",
        "categoryId": "ddd1dade-0988-41e6-89e7-07f55c9f74be",
        "category": "Credit",
        "eventId": "7",
        "event": "Deposit",
        "userCountry": "AT",
        "device": "iPhone" + "!" * 193,
    }
    later = callback | {"sentAt": "2025-05-20T00:00:00Z", "conversion": callback["conversion"] | {"eventName": "Trade"}}
    sandbox.send("conversions", [later])
    assert '"event": "Trade"' in (details_of(sandbox)[0] or "")


def test_a_callback_without_other_fields_has_no_details(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"])])
    assert details_of(sandbox) == [None]


def test_of_repeated_callbacks_in_a_batch_each_counts_that_was_sent_later_than_all_before(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox, name="Test")
    sandbox.send("offers", [offer])
    known, new = conversion_callback(sandbox, offer["id"]), conversion_callback(sandbox, offer["id"])
    sandbox.send("conversions", [later(known, "2025-06-02T00:00:00Z")])
    days = [1, 3, 2, 4, 4]
    batch = [
        later(of, f"2025-06-{day:02}T00:00:00Z", revenue=day) | {"id": str(UUID(int=n + 1))}
        for of in (known, new)
        for n, day in enumerate(days)
    ]
    result = sandbox.send("conversions", batch)
    # Of the known one, days 3 and 4; of the new one, also day 1. Of two sent at the same time, the greater id wins.
    assert (result["accepted"], result["duplicates"]) == (3 + 4, 2 + 1)
    assert figures(sandbox) == [("Test", sandbox.tenant.name, 2, 8)]
    assert sandbox.send("conversions", batch)["accepted"] == 0
