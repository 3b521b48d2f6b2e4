"""How fresh, and whether anything has changed."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tests.places import CSV, JSON, MAY, SINGULAR, SINGULAR_CSV, Place, a_callback, an_event, an_offer

PATHS = [JSON, CSV, SINGULAR, SINGULAR_CSV]


def again(place: Place, path: str, etag: str) -> int:
    response = place.request("GET", path, token=place.owner_token, params=MAY, headers={"If-None-Match": etag})
    if response.status_code == 304:
        assert response.content == b""
        assert response.headers["etag"] == etag
        assert response.headers["gokart-data-through"]
    return response.status_code


@pytest.mark.parametrize("path", PATHS)
def test_an_unchanged_report_is_304_until_something_shown_changes(place: Place, path: str) -> None:
    offer, partner = an_offer(place), "3fa85f64-5717-4562-b3fc-2c963f66afa6"
    event = an_event(offer["id"], partnerId=partner)
    callback = a_callback(place, offer["id"], partnerId=partner)
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
        ("offers", offer | {"name": "Renamed", "advertiserId": str(place.rival)}),
    ]
    etags = [place.get(path, **MAY).headers["etag"]]
    for kind, record in changes:
        place.send(kind, [record])
        place.send(kind, [record])  # a repetition changes nothing
        etags.append(place.get(path, **MAY).headers["etag"])
        assert again(place, path, etags[-1]) == 304
    assert [old != new for old, new in pairwise(etags)] == [True] * len(changes)
    assert again(place, path, etags[0]) == 200


def test_what_is_not_shown_does_not_change_it(place: Place) -> None:
    mine, theirs = an_offer(place), an_offer(place, place.rival)
    place.send("offers", [mine, theirs])
    etag = place.get(JSON, **MAY).headers["etag"]
    place.send("events", [an_event(theirs["id"]), an_event(mine["id"], occurredAt="2025-06-01T00:00:00Z")])
    place.send("conversions", [a_callback(place, mine["id"], status="Pending")])
    assert again(place, JSON, etag) == 304


def test_a_list_of_tags_and_a_star_are_understood(place: Place) -> None:
    etag = place.get(JSON, **MAY).headers["etag"]
    strong = etag.removeprefix("W/")
    for header, status in [("*", 304), (f'"a", {etag}', 304), (strong, 304), ('"a"', 200), ("", 200)]:
        response = place.request("GET", JSON, token=place.owner_token, params=MAY, headers={"If-None-Match": header})
        assert response.status_code == status, header


def test_each_advertiser_has_its_own_tag(place: Place) -> None:
    assert place.get(JSON, **MAY).headers["etag"] != place.get(JSON, token=place.rival_token, **MAY).headers["etag"]


def test_caches_are_told_what_they_may_do(place: Place) -> None:
    headers = place.get(JSON, **MAY).headers
    assert headers["cache-control"] == "private, no-cache"
    assert "Authorization" in headers["vary"]


def test_data_through_is_the_last_intake(place: Place) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    untouched = place.get(JSON, **MAY).headers["gokart-data-through"]
    assert untouched == place.tenant.created_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    place.send("offers", [an_offer(place)])
    through = datetime.fromisoformat(place.get(JSON, **MAY).headers["gokart-data-through"])
    assert before <= through <= datetime.now(UTC)


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(module_place: Place, path: str) -> None:
    module_place.send("conversions", [a_callback(module_place, an_offer(module_place)["id"])])
    got, headed = (
        module_place.request(
            method, path, token=module_place.owner_token, params=MAY, headers={"Accept-Encoding": "identity"}
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
def test_a_report_is_compressed_when_asked(place: Place, path: str, encoding: str) -> None:
    offers = [an_offer(place, name=f"An offer with a longer name {n}") for n in range(30)]
    place.send("offers", offers)
    place.send("events", [an_event(offer["id"]) for offer in offers])
    headers = {"Accept-Encoding": encoding}
    response = place.request("GET", path, token=place.owner_token, params=MAY, headers=headers)
    assert response.headers["content-encoding"] == encoding
    assert "Accept-Encoding" in response.headers["vary"]
    assert response.text.count("An offer with a longer name") == 30
    plain = place.request("GET", path, token=place.owner_token, params=MAY, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == response.text
