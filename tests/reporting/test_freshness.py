"""Headers that show how current a report is, and whether it has changed."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tests.support.sandbox import (
    CSV,
    JSON,
    MAY,
    SINGULAR,
    SINGULAR_CSV,
    Sandbox,
    conversion_callback,
    event_record,
    offer_record,
)

PATHS = [JSON, CSV, SINGULAR, SINGULAR_CSV]


def again(sandbox: Sandbox, path: str, etag: str) -> int:
    response = sandbox.request("GET", path, token=sandbox.owner_key, params=MAY, headers={"If-None-Match": etag})
    if response.status_code == 304:
        assert response.content == b""
        assert response.headers["etag"] == etag
        assert response.headers["gokart-data-through"]
    return response.status_code


@pytest.mark.parametrize("path", PATHS)
def test_an_unchanged_report_is_304_until_something_shown_changes(sandbox: Sandbox, path: str) -> None:
    offer, partner = offer_record(sandbox), "3fa85f64-5717-4562-b3fc-2c963f66afa6"
    event = event_record(offer["id"], partnerId=partner)
    callback = conversion_callback(sandbox, offer["id"], partnerId=partner)
    rejection = callback | {"sentAt": "2025-06-20T00:00:00Z"}
    rejection["conversion"] = callback["conversion"] | {"status": "Rejected"}
    changes = [
        ("partners", {"id": partner, "name": "Limestone"}),
        ("offers", offer),
        ("events", event),
        ("conversions", callback),
        ("conversions", rejection),
        ("offers", offer | {"name": "Renamed"}),
        ("partners", {"id": partner, "name": "Sandstone"}),
    ]
    etags = [sandbox.get(path, **MAY).headers["etag"]]
    for kind, record in changes:
        sandbox.send(kind, [record])
        sandbox.send(kind, [record])  # a repetition changes nothing
        etags.append(sandbox.get(path, **MAY).headers["etag"])
        assert again(sandbox, path, etags[-1]) == 304
    sandbox.move_offer(offer["id"], sandbox.rival)
    etags.append(sandbox.get(path, **MAY).headers["etag"])
    assert [old != new for old, new in pairwise(etags)] == [True] * (len(changes) + 1)
    assert again(sandbox, path, etags[0]) == 200


def test_changes_outside_the_report_do_not_change_the_etag(sandbox: Sandbox) -> None:
    mine, theirs = offer_record(sandbox), offer_record(sandbox, sandbox.rival)
    sandbox.send("offers", [mine, theirs])
    etag = sandbox.get(JSON, **MAY).headers["etag"]
    sandbox.send("events", [event_record(theirs["id"]), event_record(mine["id"], occurredAt="2025-06-01T00:00:00Z")])
    sandbox.send("conversions", [conversion_callback(sandbox, mine["id"], status="Pending")])
    assert again(sandbox, JSON, etag) == 304


def test_a_list_of_tags_and_a_star_are_understood(sandbox: Sandbox) -> None:
    etag = sandbox.get(JSON, **MAY).headers["etag"]
    strong = etag.removeprefix("W/")
    for header, status in [("*", 304), (f'"a", {etag}', 304), (strong, 304), ('"a"', 200), ("", 200)]:
        response = sandbox.request("GET", JSON, token=sandbox.owner_key, params=MAY, headers={"If-None-Match": header})
        assert response.status_code == status, header


def test_each_advertiser_has_its_own_tag(sandbox: Sandbox) -> None:
    assert sandbox.get(JSON, **MAY).headers["etag"] != sandbox.get(JSON, token=sandbox.rival_key, **MAY).headers["etag"]


def test_responses_have_cache_headers(sandbox: Sandbox) -> None:
    headers = sandbox.get(JSON, **MAY).headers
    assert headers["cache-control"] == "private, no-cache"
    assert "Authorization" in headers["vary"]


def test_data_through_is_the_last_intake(sandbox: Sandbox) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    untouched = sandbox.get(JSON, **MAY).headers["gokart-data-through"]
    assert untouched == sandbox.tenant.created_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    sandbox.send("offers", [offer_record(sandbox)])
    through = datetime.fromisoformat(sandbox.get(JSON, **MAY).headers["gokart-data-through"])
    assert before <= through <= datetime.now(UTC)


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(module_sandbox: Sandbox, path: str) -> None:
    module_sandbox.send("conversions", [conversion_callback(module_sandbox, offer_record(module_sandbox)["id"])])
    got, headed = (
        module_sandbox.request(
            method, path, token=module_sandbox.owner_key, params=MAY, headers={"Accept-Encoding": "identity"}
        )
        for method in ("GET", "HEAD")
    )
    assert headed.status_code == 200
    assert headed.content == b""
    own = {"date", "x-request-id", "ratelimit", "transfer-encoding", "content-length", "vary"}
    assert "Authorization" in headed.headers["vary"]
    assert {k: v for k, v in headed.headers.items() if k not in own} == {
        k: v for k, v in got.headers.items() if k not in own
    }


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip"])
@pytest.mark.parametrize("path", [JSON, CSV])
def test_a_report_is_compressed_on_request(sandbox: Sandbox, path: str, encoding: str) -> None:
    offers = [offer_record(sandbox, name=f"An offer with a longer name {n}") for n in range(30)]
    sandbox.send("offers", offers)
    sandbox.send("events", [event_record(offer["id"]) for offer in offers])
    headers = {"Accept-Encoding": encoding}
    response = sandbox.request("GET", path, token=sandbox.owner_key, params=MAY, headers=headers)
    assert response.headers["content-encoding"] == encoding
    assert "Accept-Encoding" in response.headers["vary"]
    assert response.text.count("An offer with a longer name") == 30
    plain = sandbox.request("GET", path, token=sandbox.owner_key, params=MAY, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == response.text
