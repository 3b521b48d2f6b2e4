"""POST /api/v1/ingest/conversions"""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.places import JSON, Place, a_callback, an_event, an_offer


def later(callback: dict[str, Any], sent_at: str, **changes: Any) -> dict[str, Any]:
    """A further callback about the same conversion."""
    return {"id": str(uuid4()), "sentAt": sent_at, "conversion": callback["conversion"] | changes}


def figures(place: Place, **params: str) -> list[tuple[str, str, int, float]]:
    """(offer's name, publisher's name, conversions, revenue) of each row."""
    return [
        (row["offerName"], row["publisherName"], row["totalConversions"], row["revenue"])
        for row in place.report(**params)
    ]


def test_only_a_success_counts_and_costs(place: Place) -> None:
    offer = an_offer(place, name="Test")
    place.send("offers", [offer])
    place.send("conversions", [a_callback(place, offer["id"], status=s) for s in ("Pending", "Success", "Rejected")])
    assert figures(place) == [("Test", place.tenant.name, 1, 60)]


def test_a_status_may_flip_again_and_again(place: Place) -> None:
    callback = a_callback(place, an_offer(place)["id"], status="Pending")
    expected = {"Pending": [], "Rejected": [], "Success": [("Test", place.tenant.name, 1, 60)]}
    for day, status in enumerate(["Pending", "Success", "Rejected", "Success", "Rejected", "Pending", "Success"], 1):
        sent = later(callback, f"2025-06-{day:02}T00:00:00Z", status=status)
        assert place.send("conversions", [sent])["accepted"] == 1
        assert figures(place) == expected[status]


def test_the_latest_sent_holds_whatever_order_they_arrive_in(place: Place) -> None:
    for order in permutations(
        ["2025-06-01T00:00:00.0000001Z", "2025-06-01T00:00:00.0000002Z", "2025-06-01T02:00:00+03:00"]
    ):
        offer = an_offer(place, name="Test")
        callback = a_callback(place, offer["id"])
        revenues = dict(zip(sorted(order), [2, 3, 1], strict=True))  # the last of the three is of the day before
        for sent_at in order:
            place.send("conversions", [later(callback, sent_at, revenue=revenues[sent_at])])
        assert figures(place, offerId=offer["id"]) == [("Test", place.tenant.name, 1, 3)]


def test_one_that_arrives_late_but_is_older_counts_as_a_duplicate(place: Place) -> None:
    new = a_callback(place, an_offer(place)["id"], sent_at="2025-06-02T00:00:00Z")
    old = later(new, "2025-06-01T00:00:00Z", revenue=1)
    assert place.send("conversions", [new]) == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert place.send("conversions", [old, new]) == {"accepted": 0, "duplicates": 2, "rejected": []}
    assert figures(place)[0][3] == 60


def test_of_two_sent_at_once_the_order_of_arrival_does_not_decide(place: Place) -> None:
    offers = [an_offer(place), an_offer(place)]
    ids = sorted(str(uuid4()) for _ in range(2))
    for offer, order in zip(offers, [(0, 1), (1, 0)], strict=True):
        callback = a_callback(place, offer["id"])
        two = [
            callback | {"id": id_, "conversion": callback["conversion"] | {"revenue": n}}
            for n, id_ in enumerate(ids, 1)
        ]
        for n in order:
            place.send("conversions", [two[n]])
    assert [row["revenue"] for row in place.report()] == [2, 2]


def test_without_an_id_the_order_of_arrival_does_not_decide_either(place: Place, other_place: Place) -> None:
    offer, conversion = str(uuid4()), str(uuid4())
    revenues = []
    for somewhere, order in [(place, (1, 2)), (other_place, (2, 1))]:
        for revenue in order:
            callback = a_callback(place, offer, conversionId=conversion, revenue=revenue)
            del callback["id"]
            somewhere.send("conversions", [callback])
        token = somewhere.make_key("cost-report", advertiser=place.owner)
        (row,) = somewhere.get(JSON, token=token, date_from="2025-05-01", date_to="2025-05-31").json()["data"]
        revenues.append(row["revenue"])
    assert revenues[0] == revenues[1]


def test_changed_revenue_offer_partner_and_time_move_the_figures(place: Place) -> None:
    first, second = an_offer(place, name="First"), an_offer(place, name="Second")
    partner = str(uuid4())
    place.send("offers", [first, second])
    place.send("partners", [{"id": partner, "name": "Limestone"}])
    callback = a_callback(place, first["id"])
    place.send("conversions", [callback])
    place.send("conversions", [later(callback, "2025-06-01T00:00:00Z", revenue="59.999999")])
    assert figures(place) == [("First", place.tenant.name, 1, 59.999999)]
    place.send("conversions", [later(callback, "2025-06-02T00:00:00Z", offerId=second["id"], partnerId=partner)])
    assert figures(place) == [("Second", "Limestone", 1, 60)]
    place.send("conversions", [later(callback, "2025-06-03T00:00:00Z", userCompletedAt="2025-04-30T23:59:59.9999999Z")])
    assert figures(place) == []
    assert figures(place, date_from="2025-04-30", date_to="2025-04-30") == [("First", place.tenant.name, 1, 60)]


def test_it_counts_on_completion_else_on_creation(place: Place) -> None:
    offer = an_offer(place)["id"]
    place.send("conversions", [a_callback(place, offer, userCompletedAt=None, createdAt="2025-05-20T00:00:00Z")])
    assert len(place.report(date_from="2025-05-20", date_to="2025-05-20")) == 1


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
def test_revenue_is_read_exactly(module_place: Place, written: str, counted: str) -> None:
    offer = an_offer(module_place)["id"]
    callback = msgspec.json.encode(a_callback(module_place, offer, revenue="REVENUE"))
    post(module_place, callback.replace(b'"REVENUE"', written.encode()))
    row = module_place.get(JSON, date_from="2025-05-01", date_to="2025-05-31", offerId=offer).text
    assert f'"revenue":{counted},' in row


def test_the_sum_of_many_is_exact(place: Place) -> None:
    offer = an_offer(place)["id"]
    place.send("conversions", [a_callback(place, offer, revenue="0.1") for _ in range(1000)])
    place.send("conversions", [a_callback(place, offer, revenue="999999999.999999") for _ in range(1000)])
    text = place.get(JSON, date_from="2025-05-01", date_to="2025-05-31").text
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
def test_a_bad_record_is_rejected_by_its_field_and_does_not_sink_the_batch(
    module_place: Place, changes: dict[str, Any], field: str
) -> None:
    bad = a_callback(module_place, an_offer(module_place)["id"], **changes)
    good = [a_callback(module_place, an_offer(module_place)["id"]) for _ in range(2)]
    answer = module_place.send("conversions", [good[0], bad, good[1]])
    assert (answer["accepted"], answer["duplicates"]) == (2, 0)
    (reject,) = answer["rejected"]
    assert (reject["index"], reject["id"], reject["field"]) == (1, bad["id"], field)
    assert reject["message"]


@pytest.mark.parametrize(
    "record", [{}, {"id": 7}, {"sentAt": "2025-05-19T16:00:00Z"}, {"conversion": {}}, [], 7, None, "x"]
)
def test_anything_else_is_a_reject_too(module_place: Place, record: Any) -> None:
    answer = module_place.send("conversions", [record])
    assert len(answer["rejected"]) == 1


def test_times_up_to_a_day_ahead_are_taken(place: Place) -> None:
    now = datetime.now(UTC)
    offer = an_offer(place)["id"]
    soon, too_late = ((now + timedelta(hours=hours)).isoformat() for hours in (23, 25))
    callbacks = [a_callback(place, offer, userCompletedAt=at) for at in (soon, too_late)]
    late_sender = a_callback(place, offer, sent_at=too_late)
    answer = place.send("conversions", [*callbacks, late_sender])
    assert answer["accepted"] == 1
    assert [r["field"] for r in answer["rejected"]] == ["conversion.userCompletedAt", "sentAt"]


def test_the_far_past_is_taken(place: Place) -> None:
    place.send("conversions", [a_callback(place, an_offer(place)["id"], userCompletedAt="1970-01-01T00:00:00Z")])
    assert len(place.report(date_from="1970-01-01", date_to="1970-01-01")) == 1


def test_what_was_not_seen_before_is_made_and_what_exists_is_not_renamed(place: Place) -> None:
    offer, partner, advertiser = str(uuid4()), str(uuid4()), str(uuid4())
    named = {"partnerId": partner, "partnerName": "Limestone", "offerAdvertiserId": advertiser}
    place.send("conversions", [a_callback(place, offer, offerName="First", **named)])
    other = {"partnerId": partner, "partnerName": "Sandstone", "offerAdvertiserId": str(place.rival)}
    place.send("conversions", [a_callback(place, offer, offerName="Second", **other)])
    token = place.make_key("cost-report", advertiser=UUID(advertiser))
    (row,) = place.get(JSON, token=token, date_from="2025-05-01", date_to="2025-05-31").json()["data"]
    assert (row["offerName"], row["publisherName"], row["totalConversions"]) == ("First", "Limestone", 2)
    assert place.get(JSON, token=place.rival_token, date_from="2025-05-01", date_to="2025-05-31").json() == {"data": []}


def test_a_name_is_taken_from_whichever_callback_of_a_call_brings_it(place: Place) -> None:
    offer, partner, advertiser = str(uuid4()), str(uuid4()), str(uuid4())
    ids = {"partnerId": partner, "offerAdvertiserId": advertiser}
    named = a_callback(place, offer, offerName="Test", partnerName="Limestone", offerAdvertiserName="Boots", **ids)
    nameless = a_callback(place, offer, offerName=None, partnerName=None, offerAdvertiserName=None, **ids)
    place.send("conversions", [nameless, named, nameless])
    token = place.make_key("cost-report", advertiser=UUID(advertiser))
    (row,) = place.get(JSON, token=token, date_from="2025-05-01", date_to="2025-05-31").json()["data"]
    assert (row["offerName"], row["publisherName"]) == ("Test", "Limestone")


def test_a_rejected_callback_leaves_nothing_behind(place: Place) -> None:
    offer, partner = an_offer(place), str(uuid4())
    place.send("offers", [offer])
    place.send("conversions", [a_callback(place, str(uuid4()), offerAdvertiserId=None, partnerId=partner)])
    answer = place.send("events", [an_event(offer["id"], partnerId=partner)])
    assert [r["field"] for r in answer["rejected"]] == ["partnerId"]


def test_more_than_can_be_counted_is_refused_whole(place: Place) -> None:
    offer = an_offer(place)["id"]
    most = [a_callback(place, offer, revenue=999_999_999) for _ in range(9_300)]
    place.send("conversions", most[:5_000])
    headers = {"Content-Type": "application/json"}
    path = "/api/v1/ingest/conversions"
    body = msgspec.json.encode(most[5_000:])
    response = place.request("POST", path, token=place.ingest_token, content=body, headers=headers)
    assert response.status_code == 422
    assert "9,223,372,036,854.775807" in response.json()["detail"]
    (row,) = place.report()
    assert row["totalConversions"] == 5_000


def post(place: Place, body: bytes) -> dict[str, Any]:
    response = place.request(
        "POST",
        "/api/v1/ingest/conversions",
        token=place.ingest_token,
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer
