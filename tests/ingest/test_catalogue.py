"""PUT /api/v1/ingest/offers and /partners"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support.database import execute
from tests.support.sandbox import (
    JSON,
    MAY,
    SINGULAR,
    Sandbox,
    conversion_callback,
    event_record,
    offer_record,
)


def test_an_offer_replaces_the_previous_one(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox, name="A", campaignName="C", appName="App", storeId="com.test", os="ANDROID")
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    assert sandbox.send("offers", [offer]) == {"accepted": 0, "duplicates": 1, "rejected": []}
    sandbox.send("offers", [{"id": offer["id"], "name": "B", "advertiserId": offer["advertiserId"]}])
    (item,) = sandbox.get(SINGULAR, **MAY).json()["data"]["items"]
    assert (item["offer_name"], item["campaign_name"], item["app"], item["store_id"], item["os"]) == ("B", *[None] * 4)


def test_an_offer_does_not_move_to_another_advertiser(sandbox: Sandbox) -> None:
    offer, other = offer_record(sandbox, name="A"), offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    before = sandbox.get(JSON, **MAY)
    moved = offer | {"name": "B", "advertiserId": str(sandbox.rival), "advertiserName": "Renamed"}
    result = sandbox.send("offers", [moved, other])
    assert (result["accepted"], result["duplicates"]) == (1, 0)
    (rejected,) = result["rejected"]
    assert (rejected["index"], rejected["id"], rejected["field"]) == (0, offer["id"], "advertiserId")
    assert f"which belongs to {sandbox.owner}; only staff can move an offer" in rejected["message"]
    after = sandbox.get(JSON, **MAY)
    assert (after.content, after.headers["ETag"]) == (before.content, before.headers["ETag"])
    assert sandbox.get(JSON, token=sandbox.rival_key, **MAY).json()["data"] == []
    names = execute("SELECT name FROM {s}.advertiser WHERE id = $1", sandbox.rival, schema=sandbox.tenant.schema)
    assert names == [{"name": "Rival"}]  # a rejected record renames nobody


def test_the_first_record_of_a_new_offer_sets_its_advertiser(sandbox: Sandbox) -> None:
    offer, unknown = offer_record(sandbox), str(uuid4())
    other = offer | {"advertiserId": unknown, "advertiserName": "Other"}
    result = sandbox.send("offers", [offer, other, offer | {"name": "Last"}])
    assert (result["accepted"], result["duplicates"]) == (1, 1)
    assert [(r["index"], r["field"]) for r in result["rejected"]] == [(1, "advertiserId")]
    assert execute("SELECT FROM {s}.advertiser WHERE id = $1", UUID(unknown), schema=sandbox.tenant.schema) == []


def test_of_simultaneous_senders_one_sets_the_advertiser(sandbox: Sandbox) -> None:
    offers = [offer_record(sandbox) for _ in range(200)]

    def sender(advertiser: UUID) -> dict[str, Any]:
        return sandbox.send("offers", [offer | {"advertiserId": str(advertiser)} for offer in offers])

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(sender, [sandbox.owner, sandbox.rival] * 2))
    assert sum(result["accepted"] for result in results) == len(offers)
    owners = execute("SELECT id, advertiser FROM {s}.offer", schema=sandbox.tenant.schema)
    by_id = {str(row["id"]): str(row["advertiser"]) for row in owners}
    for result in results:
        for rejected in result["rejected"]:
            assert f"belongs to {by_id[rejected['id']]}" in rejected["message"]


def test_a_new_advertiser_needs_a_name(sandbox: Sandbox) -> None:
    new = str(uuid4())
    result = sandbox.send("offers", [offer_record(sandbox, advertiserId=new)])
    assert [r["field"] for r in result["rejected"]] == ["advertiserName"]
    result = sandbox.send("offers", [offer_record(sandbox, advertiserId=new, advertiserName="New")])
    assert result["accepted"] == 1


def test_a_new_advertiser_has_the_time_zone_of_the_tenant(sandbox: Sandbox) -> None:
    execute("UPDATE {s}.setting SET time_zone = 'Asia/Tokyo'", schema=sandbox.tenant.schema)
    by_catalogue, by_callback = uuid4(), uuid4()
    offer = offer_record(sandbox, by_catalogue, advertiserName="A")
    assert sandbox.send("offers", [offer])["accepted"] == 1
    callback = conversion_callback(sandbox, str(uuid4()), offerAdvertiserId=str(by_callback), offerAdvertiserName="B")
    assert sandbox.send("conversions", [callback])["accepted"] == 1
    in_sql = uuid4(), uuid4()
    execute(
        "INSERT INTO {s}.advertiser (id, name) SELECT id, 'C' FROM unnest($1::uuid[]) id",
        in_sql,
        schema=sandbox.tenant.schema,
    )
    rows = execute("SELECT id, time_zone FROM {s}.advertiser", schema=sandbox.tenant.schema)
    zones = {row["id"]: row["time_zone"] for row in rows}
    assert zones == dict.fromkeys((by_catalogue, by_callback, *in_sql), "Asia/Tokyo") | dict.fromkeys(
        (sandbox.owner, sandbox.rival), "UTC"
    )


def test_the_last_record_of_a_batch_wins(sandbox: Sandbox) -> None:
    offer, partner = offer_record(sandbox), str(uuid4())
    assert sandbox.send("offers", [offer | {"name": "A"}, offer | {"name": "B"}])["accepted"] == 1
    sandbox.send("partners", [{"id": partner, "name": "A"}, {"id": partner, "name": "B"}])
    sandbox.send("events", [event_record(offer["id"], partnerId=partner)])
    (row,) = sandbox.report()
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
def test_an_invalid_record_is_rejected_with_its_field(
    module_sandbox: Sandbox, kind: str, changes: dict[str, Any], field: str
) -> None:
    good = offer_record(module_sandbox) if kind == "offers" else {"id": str(uuid4()), "name": "P"}
    result = module_sandbox.send(kind, [good, good | {"id": str(uuid4())} | changes])
    assert result["accepted"] == 1
    assert [(r["index"], r["field"]) for r in result["rejected"]] == [(1, field)]


def test_simultaneous_catalogue_batches_succeed(sandbox: Sandbox) -> None:
    offers = [offer_record(sandbox, name=f"Offer {n}", advertiserName="Owner") for n in range(50)]
    partners = [{"id": str(uuid4()), "name": f"Partner {n}"} for n in range(50)]

    def sender(n: int) -> None:
        cut = n * 5
        sandbox.send("offers", offers[cut:] + offers[:cut])
        sandbox.send("partners", (partners[cut:] + partners[:cut])[::-1])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(sender, range(8)))
    assert sandbox.send("offers", offers)["accepted"] == 0
    assert sandbox.send("partners", partners)["accepted"] == 0


def test_an_advertisers_new_name_is_a_change(sandbox: Sandbox) -> None:
    offers = [offer_record(sandbox, advertiserName="Old"), offer_record(sandbox, advertiserName="Old")]
    sandbox.send("offers", offers)
    renamed = [offer | {"advertiserName": "New"} for offer in offers]
    assert sandbox.send("offers", renamed) == {"accepted": 1, "duplicates": 1, "rejected": []}
    assert sandbox.send("offers", renamed) == {"accepted": 0, "duplicates": 2, "rejected": []}
