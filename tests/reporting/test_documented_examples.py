"""The two documents that specified the product: their requests get the documented responses."""

from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.support.sandbox import CSV, JSON, MAY, SINGULAR, Sandbox, conversion_callback, event_record, offer_record

CALLBACK = Path(__file__).parents[2] / "docs" / "examples" / "conversion-callback-v1.json"
BROWN_BOOTS = "ee70b574-1234-4b4e-8b99-46e050754d1c"
ADVERTISED, SPIN = "7df30136-ff83-4551-b877-fa0f0d8b8f72", "4bbd29ab-c88e-432f-94c8-610790333d32"
PARTNER = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@pytest.fixture(scope="module")
def documented(module_sandbox: Sandbox) -> Sandbox:
    """A tenant with the figures of the documented response."""
    module_sandbox.send("partners", [{"id": PARTNER, "name": "Limestone Digital"}])
    module_sandbox.send(
        "offers",
        [
            offer_record(module_sandbox, id=ADVERTISED, name="Advertised Test"),
            offer_record(module_sandbox, id=SPIN, name="Spin Royale"),
        ],
    )
    module_sandbox.send(
        "conversions",
        [conversion_callback(module_sandbox, ADVERTISED, revenue=23, partnerId=PARTNER) for _ in range(3)],
    )
    events = [(ADVERTISED, "click", 5), (ADVERTISED, "view", 5), (SPIN, "click", 3), (SPIN, "view", 27)]
    module_sandbox.send(
        "events",
        [event_record(offer, kind, partnerId=PARTNER) for offer, kind, count in events for _ in range(count)],
    )
    return module_sandbox


DOCUMENTED = (
    '{"data":[{"offerId":"7df30136-ff83-4551-b877-fa0f0d8b8f72","offerName":"Advertised Test","totalConversions":3,'
    '"totalClicks":5,"totalViews":5,"revenue":69,"publisherName":"Limestone Digital"},'
    '{"offerId":"4bbd29ab-c88e-432f-94c8-610790333d32","offerName":"Spin Royale","totalConversions":0,'
    '"totalClicks":3,"totalViews":27,"revenue":0,"publisherName":"Limestone Digital"}]}'
)


@pytest.mark.parametrize("path", [JSON, "/api/v1/costReporting/GoKart/json"])
def test_both_urls_give_the_documented_json(documented: Sandbox, path: str) -> None:
    response = documented.get(path, **MAY)
    assert response.text == DOCUMENTED
    assert response.headers["content-type"] == "application/json"
    assert response.headers["gokart-rows"] == "2"


@pytest.mark.parametrize("path", [CSV, "/api/v1/costReporting/GoKart/csv"])
def test_both_urls_give_the_same_as_csv(documented: Sandbox, path: str) -> None:
    response = documented.get(path, **MAY)
    assert response.text == (
        "offerId,offerName,totalConversions,totalClicks,totalViews,revenue,publisherName\n"
        f"{ADVERTISED},Advertised Test,3,5,5,69,Limestone Digital\n"
        f"{SPIN},Spin Royale,0,3,27,0,Limestone Digital\n"
    )
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].startswith('attachment; filename="')


@pytest.mark.parametrize("name", ["offerId", "OfferId", "offerid", "OFFERID"])
def test_the_offer_parameter_is_case_insensitive(documented: Sandbox, name: str) -> None:
    rows = documented.get(JSON, **MAY, **{name: SPIN}).json()["data"]
    assert [row["offerId"] for row in rows] == [SPIN]


def test_the_filter_can_be_the_documented_body(documented: Sandbox) -> None:
    response = documented.request("GET", JSON, token=documented.owner_key, json={**MAY, "offerId": SPIN})
    assert [row["offerId"] for row in response.json()["data"]] == [SPIN]


def test_singular_gets_the_documented_item(sandbox: Sandbox) -> None:
    sandbox.send("partners", [{"id": PARTNER, "name": "Limestone Digital"}])
    offer = offer_record(
        sandbox, name="Test", appName="Test App", storeId="com.test", os="IOS", campaignName="AOS_TEST_2025"
    )
    sandbox.send("offers", [offer])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], revenue=69, partnerId=PARTNER)])
    sandbox.send("events", [event_record(offer["id"], "click", partnerId=PARTNER)])
    document = sandbox.get(SINGULAR, **MAY).json()
    assert set(document) == {"data"}
    assert set(document["data"]) == {"generatedAt", "items"}
    assert document["data"]["generatedAt"].endswith("Z")
    assert msgspec.json.encode(document["data"]["items"]).decode() == (
        '[{"date":"2025-05-19","offer_name":"Test","partner_id":"3fa85f64-5717-4562-b3fc-2c963f66afa6",'
        '"app":"Test App","store_id":"com.test","os":"IOS","campaign_name":"AOS_TEST_2025",'
        f'"campaign_id":"{offer["id"]}","cost":69,"clicks":1}}]'
    )


def test_a_missing_app_or_store_id_is_null(sandbox: Sandbox) -> None:
    sandbox.send("conversions", [conversion_callback(sandbox, ADVERTISED)])
    (item,) = sandbox.get(SINGULAR, **MAY).json()["data"]["items"]
    assert (item["app"], item["store_id"], item["os"], item["campaign_name"]) == (None, None, None, None)
    assert item["partner_id"] == str(sandbox.tenant.id)


@pytest.mark.parametrize(
    ("token", "params", "status", "title"),
    [
        ("owner", {"date_from": "2024-02-30", "date_to": "2024-03-01"}, 400, "Invalid filter parameters provided."),
        ("nobody", MAY, 401, "Advertiser not authenticated."),
        ("sender", MAY, 403, "Access denied"),
    ],
)
def test_the_documented_errors(
    module_sandbox: Sandbox, token: str, params: dict[str, str], status: int, title: str
) -> None:
    tokens = {"owner": module_sandbox.owner_key, "sender": module_sandbox.ingest_key, "nobody": "gokart_nobody"}
    response = module_sandbox.get(JSON, token=tokens[token], **params)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["title"] == title
    assert response.json()["requestId"] == response.headers["x-request-id"]


@pytest.mark.parametrize("pascal", [False, True], ids=["camelCase", "PascalCase"])
def test_the_documented_callback_is_accepted(sandbox: Sandbox, pascal: bool) -> None:
    callback = msgspec.json.decode(CALLBACK.read_bytes())
    body = msgspec.json.encode(pascal_keys(callback)) if pascal else CALLBACK.read_bytes()
    response = sandbox.request(
        "POST",
        "/api/v1/ingest/conversions",
        token=sandbox.ingest_key,
        headers={"Content-Type": "application/json"},
        content=body,
    )
    assert response.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    token = sandbox.create_api_key("cost-report", advertiser=UUID(BROWN_BOOTS))
    (row,) = sandbox.get(JSON, token=token, **MAY).json()["data"]
    assert row == {
        "offerId": "6a8273c6-fe06-4be2-927e-c8be786c3fff",
        "offerName": "Test",
        "totalConversions": 1,
        "totalClicks": 0,
        "totalViews": 0,
        "revenue": 60,
        "publisherName": sandbox.tenant.name,
    }


def pascal_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: pascal_keys(inner) for key, inner in value.items()}
    return value
