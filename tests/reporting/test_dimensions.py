"""GET /api/v1/offers and /api/v1/partners: the advertiser's names, in three formats, with ETags."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.support.database import execute
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

OFFERS, PARTNERS = "/api/v1/offers", "/api/v1/partners"
BOTH = pytest.mark.parametrize("path", [OFFERS, PARTNERS])


def rows(sandbox: Sandbox, path: str, **params: str) -> list[dict[str, Any]]:
    response = sandbox.get(path, **params)
    assert response.status_code == 200, response.text
    data: list[dict[str, Any]] = response.json()["data"]
    return data


def test_offers_have_their_catalogue_fields_in_order_of_name(sandbox: Sandbox) -> None:
    full: dict[str, Any] = {
        "name": "b “quoted”, 1",
        "appName": "App",
        "storeId": "com.test",
        "os": "IOS",
        "campaignName": "AOS_TEST",
    }
    plain, offer = offer_record(sandbox, name="Z"), offer_record(sandbox, **full)
    sandbox.send("offers", [offer, plain, offer_record(sandbox, sandbox.rival)])
    data = rows(sandbox, OFFERS)
    assert [{key: value for key, value in row.items() if key != "updatedAt"} for row in data] == [
        {"id": plain["id"], "name": "Z", "app": None, "storeId": None, "os": None, "campaign": None},
        {
            "id": offer["id"],
            "name": "b “quoted”, 1",
            "app": "App",
            "storeId": "com.test",
            "os": "IOS",
            "campaign": "AOS_TEST",
        },
    ]


def test_a_change_of_an_offer_updates_its_time(sandbox: Sandbox) -> None:
    offer, other = offer_record(sandbox, name="A"), offer_record(sandbox, name="B")
    sandbox.send("offers", [offer, other])
    before = rows(sandbox, OFFERS)
    sandbox.send("offers", [offer | {"appName": "New"}, other])
    after = rows(sandbox, OFFERS)
    assert after[0]["updatedAt"] > before[0]["updatedAt"]
    assert after[1] == before[1]
    changed, received = (datetime.fromisoformat(after[n]["updatedAt"]) for n in (0, 1))
    assert timedelta() < changed - received < timedelta(hours=1)


def test_an_offer_that_has_not_changed_since_the_upgrade_has_the_time_of_its_creation(sandbox: Sandbox) -> None:
    sandbox.send("offers", [offer_record(sandbox)])
    sql = "UPDATE {s}.offer SET updated_at = NULL, created_at = '2026-01-02T03:04:05.6Z'"
    execute(sql, schema=sandbox.tenant.schema)
    assert rows(sandbox, OFFERS)[0]["updatedAt"] == "2026-01-02T03:04:05.600000Z"


def test_an_offer_that_moves_appears_in_the_new_advertisers_list(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [offer])
    assert rows(sandbox, OFFERS) == []
    sandbox.move_offer(offer["id"], sandbox.owner)
    assert [row["id"] for row in rows(sandbox, OFFERS)] == [offer["id"]]


def test_partners_are_those_of_the_advertisers_figures(sandbox: Sandbox) -> None:
    mine, theirs = offer_record(sandbox), offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [mine, theirs])
    partners = [{"id": str(uuid4()), "name": name} for name in ("Zulu", "alpha", "Unused", "The rival's")]
    sandbox.send("partners", partners)
    zulu, alpha, _, rivals = (partner["id"] for partner in partners)
    sandbox.send("events", [event_record(mine["id"], partnerId=alpha), event_record(theirs["id"], partnerId=rivals)])
    sandbox.send(
        "conversions",
        [conversion_callback(sandbox, mine["id"], partnerId=zulu), conversion_callback(sandbox, mine["id"])],
    )
    data = rows(sandbox, PARTNERS)
    names = [(row["id"], row["name"]) for row in data]
    tenant = (str(sandbox.tenant.id), sandbox.tenant.name)
    assert names == sorted([(zulu, "Zulu"), (alpha, "alpha"), tenant], key=lambda pair: pair[1])


@BOTH
def test_every_format_has_the_same_rows(module_sandbox: Sandbox, path: str) -> None:
    offers = [offer_record(module_sandbox, name=f'Offer "{n}", \n or so', appName="App") for n in range(3)]
    module_sandbox.send("offers", offers)
    module_sandbox.send("events", [event_record(offers[0]["id"], partnerId=None)])
    data = rows(module_sandbox, path)
    assert data
    lines = module_sandbox.get(path, format="ndjson")
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    *decoded, last = [msgspec.json.decode(line) for line in lines.text.splitlines()]
    assert decoded == data
    assert last == {"meta": module_sandbox.get(path).json()["meta"]}
    assert last["meta"] == {
        "rows": len(data),
        "dataThrough": lines.headers["gokart-data-through"],
        "complete": True,
    }
    table = module_sandbox.get(path, format="CSV")
    assert table.headers["content-disposition"] == f'attachment; filename="gokart-{path.rpartition("/")[2]}.csv"'
    read = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert read == [{key: value or "" for key, value in row.items()} for row in data]


@BOTH
@pytest.mark.parametrize("format_", ["json", "ndjson", "csv"])
def test_an_empty_list_is_complete_in_every_format(other_sandbox: Sandbox, path: str, format_: str) -> None:
    text = other_sandbox.get(path, format=format_, token=other_sandbox.rival_key).text
    if format_ == "csv":
        assert text.startswith("id,name,")
        assert len(text.splitlines()) == 1
    else:
        assert msgspec.json.decode(text)["meta"]["rows"] == 0


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/csv", "text/csv"),
        ("application/x-ndjson, application/json;q=0.5", "application/x-ndjson"),
        ("*/*", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
    ],
)
def test_the_header_accept_chooses_the_format(module_sandbox: Sandbox, accept: str, media_type: str) -> None:
    response = module_sandbox.request("GET", OFFERS, token=module_sandbox.owner_key, headers={"Accept": accept})
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert "Accept" in response.headers["vary"].split(", ")


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=inf"])
def test_an_unavailable_format_is_a_406(module_sandbox: Sandbox, accept: str) -> None:
    response = module_sandbox.request("GET", OFFERS, token=module_sandbox.owner_key, headers={"Accept": accept})
    assert response.status_code == 406


@BOTH
def test_an_unchanged_list_is_not_sent_again(sandbox: Sandbox, path: str) -> None:
    offer, partner = offer_record(sandbox), {"id": str(uuid4()), "name": "One"}
    sandbox.send("offers", [offer])
    sandbox.send("partners", [partner])
    sandbox.send("events", [event_record(offer["id"], partnerId=partner["id"])])
    first = sandbox.get(path)

    def again(**params: str) -> int:
        headers = {"If-None-Match": first.headers["etag"]}
        return sandbox.request("GET", path, token=sandbox.owner_key, headers=headers, params=params).status_code

    assert again() == 304
    assert again(format="csv") == 200
    sandbox.send("events", [event_record(offer["id"], partnerId=partner["id"])])
    assert again() == 304
    sandbox.send("offers", [offer | {"name": "Renamed"}])
    sandbox.send("partners", [partner | {"name": "Renamed"}])
    assert again() == 200


@BOTH
def test_head_has_the_headers_of_get(module_sandbox: Sandbox, path: str) -> None:
    get, head = (
        module_sandbox.request(method, path, token=module_sandbox.owner_key, params={"format": "csv"})
        for method in ("GET", "HEAD")
    )
    assert head.content == b""
    assert head.status_code == 200
    for name in ("etag", "content-type", "content-disposition", "gokart-data-through", "cache-control"):
        assert head.headers[name] == get.headers[name]


@BOTH
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("format=xml", "format: 'xml' is not a format; valid formats: json, ndjson, csv"),
        ("format=", "format: is empty"),
        ("format=csv&FORMAT=json", "format: is given twice"),
        ("date_from=2025-05-01", "date_from: is not a parameter of this report; valid parameters: format"),
    ],
)
def test_invalid_parameters_are_named(module_sandbox: Sandbox, path: str, query: str, says: str) -> None:
    response = module_sandbox.request("GET", f"{path}?{query}", token=module_sandbox.owner_key)
    assert response.status_code == 400
    assert response.json()["title"] == "Invalid filter parameters provided."
    assert response.json()["detail"] == says
