"""PUT /api/v1/ingest/offers and /partners"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.places import JSON, MAY, SINGULAR, Place, an_event, an_offer


def test_an_offer_is_put_whole(place: Place) -> None:
    offer = an_offer(place, name="A", campaignName="C", appName="App", storeId="com.test", os="ANDROID")
    place.send("offers", [offer])
    place.send("events", [an_event(offer["id"])])
    assert place.send("offers", [offer]) == {"accepted": 0, "duplicates": 1, "rejected": []}
    place.send("offers", [{"id": offer["id"], "name": "B", "advertiserId": offer["advertiserId"]}])
    (item,) = place.get(SINGULAR, **MAY).json()["data"]["items"]
    assert (item["offer_name"], item["campaign_name"], item["app"], item["store_id"], item["os"]) == ("B", *[None] * 4)


def test_an_offer_takes_its_figures_to_another_advertiser(place: Place) -> None:
    offer = an_offer(place)
    place.send("offers", [offer])
    place.send("events", [an_event(offer["id"])])
    place.send("offers", [offer | {"advertiserId": str(place.rival)}])
    assert place.report() == []
    assert len(place.get(JSON, token=place.rival_token, **MAY).json()["data"]) == 1


def test_a_new_advertiser_needs_a_name(place: Place) -> None:
    new = str(uuid4())
    answer = place.send("offers", [an_offer(place, advertiserId=new)])
    assert [r["field"] for r in answer["rejected"]] == ["advertiserName"]
    answer = place.send("offers", [an_offer(place, advertiserId=new, advertiserName="New")])
    assert answer["accepted"] == 1


def test_the_last_of_a_call_holds(place: Place) -> None:
    offer, partner = an_offer(place), str(uuid4())
    assert place.send("offers", [offer | {"name": "A"}, offer | {"name": "B"}])["accepted"] == 1
    place.send("partners", [{"id": partner, "name": "A"}, {"id": partner, "name": "B"}])
    place.send("events", [an_event(offer["id"], partnerId=partner)])
    (row,) = place.report()
    assert (row["offerName"], row["publisherName"]) == ("B", "B")


@pytest.mark.parametrize(
    ("kind", "changes", "field"),
    [
        ("offers", {"id": "x"}, "id"),
        ("offers", {"name": ""}, "name"),
        ("offers", {"name": None}, "name"),
        ("offers", {"name": "a\x00"}, "name"),
        ("offers", {"name": "a" * 501}, "name"),
        ("offers", {"advertiserId": None}, "advertiserId"),
        ("offers", {"os": "BEOS"}, "os"),
        ("partners", {"name": 5}, "name"),
        ("partners", {"id": None}, "id"),
    ],
)
def test_a_bad_record_is_rejected_by_its_field(
    module_place: Place, kind: str, changes: dict[str, Any], field: str
) -> None:
    good = an_offer(module_place) if kind == "offers" else {"id": str(uuid4()), "name": "P"}
    answer = module_place.send(kind, [good, good | {"id": str(uuid4())} | changes])
    assert answer["accepted"] == 1
    assert [(r["index"], r["field"]) for r in answer["rejected"]] == [(1, field)]


def test_catalogues_sent_at_once_do_not_collide(place: Place) -> None:
    offers = [an_offer(place, name=f"Offer {n}", advertiserName="Owner") for n in range(50)]
    partners = [{"id": str(uuid4()), "name": f"Partner {n}"} for n in range(50)]

    def sender(n: int) -> None:
        cut = n * 5
        place.send("offers", offers[cut:] + offers[:cut])
        place.send("partners", (partners[cut:] + partners[:cut])[::-1])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sender, range(8)))
    assert place.send("offers", offers)["accepted"] == 0
    assert place.send("partners", partners)["accepted"] == 0


def test_an_advertisers_new_name_is_a_change(place: Place) -> None:
    offers = [an_offer(place, advertiserName="Old"), an_offer(place, advertiserName="Old")]
    place.send("offers", offers)
    renamed = [offer | {"advertiserName": "New"} for offer in offers]
    assert place.send("offers", renamed) == {"accepted": 1, "duplicates": 1, "rejected": []}
    assert place.send("offers", renamed) == {"accepted": 0, "duplicates": 2, "rejected": []}
