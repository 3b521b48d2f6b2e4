"""How much a token may ask, and how often an address may be wrong."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import httpx
import pytest

from auth.api_keys.format import mint
from tests.auth.api_keys.cast import id_of
from tests.places import JSON, MAY, SINGULAR, Place, make_place
from tests.servers import Server, serving
from tests.tenants.command import complaint, gokart
from tests.tenants.database import execute, locked

RATE, BURST, CONCURRENCY, FAILURES = 5, 5, 8, 3
WRONG = {"date_from": "2025-05-01"}  # 400: past the limits, and quick

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(
        tmp_path_factory.mktemp("limited"),
        GOKART_TOKEN_RATE=str(RATE),
        GOKART_TOKEN_BURST=str(BURST),
        GOKART_FAILED_TOKEN_RATE="0.01",
        GOKART_FAILED_TOKEN_BURST=str(FAILURES),
        GOKART_TRUSTED_PROXIES="127.0.0.1/32",
    ) as running:
        yield running


@pytest.fixture
def place(limited: Server) -> Iterator[Place]:
    with limited.client() as client:
        yield make_place(client)


@pytest.fixture
def unlimited(http: httpx.Client) -> Place:
    """At the server whose tokens may ask as often as they like, though not more than 8 times at once."""
    return make_place(http)


def ask(place: Place, token: str | None = None, address: str = "192.0.2.1") -> httpx.Response:
    return place.request(
        "GET", JSON, token=token or place.owner_token, params=MAY, headers={"X-Forwarded-For": address}
    )


def drain(place: Place, token: str | None = None) -> httpx.Response:
    """Asks until it is too much."""
    for _ in range(BURST * 20):
        response = ask(place, token)
        if response.status_code == 429:
            return response
        assert response.status_code == 200
    pytest.fail("it was never too much")


def test_a_rested_token_may_ask_its_burst_at_once_and_then_has_to_wait(place: Place) -> None:
    for _ in range(BURST):
        assert ask(place).status_code == 200
    refused = drain(place)
    assert refused.json()["title"] == "Too many requests"
    assert refused.headers["retry-after"] == "1"
    deadline = time.monotonic() + 1
    while ask(place).status_code == 429:
        assert time.monotonic() < deadline, "after Retry-After it passes"


def test_it_may_sustain_its_rate(place: Place) -> None:
    drain(place)
    started, passed = time.monotonic(), 0
    while (elapsed := time.monotonic() - started) < 1:
        passed += ask(place).status_code == 200
    assert elapsed * RATE - 2 <= passed <= elapsed * RATE + 1


def test_every_response_tells_what_is_left(place: Place) -> None:
    first = ask(place)
    assert first.headers["ratelimit-policy"] == f'"token";q={BURST};w={BURST // RATE}'
    assert first.headers["ratelimit"] == f'"token";r={BURST - 1};t=1'
    assert drain(place).headers["ratelimit"] == '"token";r=0;t=1'
    invalid = place.request("GET", JSON, token=place.rival_token, params=WRONG)
    assert invalid.status_code == 400
    assert re.fullmatch(r'"token";r=\d+;t=1', invalid.headers["ratelimit"])


def test_limits_are_never_shared(place: Place, unlimited: Place) -> None:
    drain(place)
    assert ask(place, place.rival_token).status_code == 200
    assert ask(place, place.make_key("cost-report")).status_code == 200  # of the same advertiser
    assert place.send("partners", []) == {"accepted": 0, "duplicates": 0, "rejected": []}
    unlimited.http = place.http
    assert ask(unlimited).status_code == 200  # whose token may have the same number at its own tenant


def test_limits_are_one_over_all_routes_of_a_token(place: Place) -> None:
    drain(place)
    assert place.get(SINGULAR, **MAY).status_code == 429


def test_a_tenants_limit_comes_before_the_platforms_and_a_tokens_before_that(place: Place) -> None:
    slug = place.tenant.slug
    said = gokart("tenants", "limit", slug, "--burst", "4", "--rate", "2").stdout
    assert said == "Requests: 2 a second, 4 at once; for the rest, the platform's limits.\n"
    assert policy(place, place.make_key("cost-report")) == '"token";q=4;w=2'
    token = place.make_key("cost-report")
    gokart("tokens", "limit", slug, str(id_of(place, token)), "--burst", "3", "--rate", "0.5")
    assert policy(place, token) == '"token";q=3;w=6'
    assert "no token 999" in complaint("tokens", "limit", slug, "999")
    assert "no tenant" in complaint("tenants", "limit", "nobody", "--burst", "4")


def test_a_changed_limit_holds_within_a_second(place: Place) -> None:
    assert policy(place, place.owner_token) == '"token";q=5;w=1'
    execute("UPDATE tenant SET token_burst = 50 WHERE id = $1", place.tenant.id)
    deadline = time.monotonic() + 1
    while policy(place, place.owner_token) != '"token";q=50;w=10':
        assert time.monotonic() < deadline


def policy(place: Place, token: str) -> str:
    return ask(place, token).headers["ratelimit-policy"]


# At a time


def test_eight_at_a_time(unlimited: Place) -> None:
    with ThreadPoolExecutor(CONCURRENCY) as threads:
        with locked(f"{unlimited.tenant.schema}.offer"):
            under_way = [threads.submit(unlimited.get, **MAY) for _ in range(CONCURRENCY)]
            refused = until_busy(unlimited, unlimited.owner_token)
            assert refused.json()["detail"] == "8 requests of this token are under way."
            assert refused.headers["retry-after"] == "1"
            assert unlimited.get(token=unlimited.rival_token, **WRONG).status_code == 400
        assert [each.result().status_code for each in under_way] == [200] * CONCURRENCY
    assert unlimited.get(**MAY).status_code == 200


def test_a_tokens_own_limit_of_requests_at_a_time(unlimited: Place) -> None:
    token = unlimited.make_key("cost-report")
    execute(
        "UPDATE {s}.api_token SET concurrency = 1 WHERE hint LIKE $1", "%" + token[-4:], schema=unlimited.tenant.schema
    )
    with ThreadPoolExecutor(1) as threads:
        with locked(f"{unlimited.tenant.schema}.offer"):
            under_way = threads.submit(unlimited.get, token=token, **MAY)
            assert "1 requests of this token" in until_busy(unlimited, token).text
        assert under_way.result().status_code == 200


def test_who_goes_away_makes_room(server: Server, unlimited: Place) -> None:
    headers = {"Host": unlimited.host, "Authorization": f"ApiToken {unlimited.owner_token}"}
    connections = [HTTPConnection("127.0.0.1", server.port) for _ in range(CONCURRENCY)]
    with locked(f"{unlimited.tenant.schema}.offer"):
        for connection in connections:
            connection.request("GET", f"{JSON}?date_from=2025-05-01&date_to=2025-05-31", headers=headers)
        until_busy(unlimited, unlimited.owner_token)
        for connection in connections:
            connection.close()
        deadline = time.monotonic() + 5
        while unlimited.get(**WRONG).status_code == 429:
            assert time.monotonic() < deadline


def until_busy(place: Place, token: str) -> httpx.Response:
    deadline = time.monotonic() + 10
    while (response := place.get(token=token, **WRONG)).status_code != 429:
        assert time.monotonic() < deadline
    return response


# Failed tokens


def failures(place: Place, address: str) -> list[int]:
    return [ask(place, "garbage", address).status_code for _ in range(FAILURES + 2)]


@pytest.mark.parametrize("kind", ["garbage", "unknown", "none", "other tenant's"])
def test_an_address_may_be_wrong_a_few_times(place: Place, unlimited: Place, kind: str) -> None:
    address = {"garbage": "192.0.2.10", "unknown": "192.0.2.11", "none": "192.0.2.12"}.get(kind, "192.0.2.13")

    def fail() -> httpx.Response:
        token = {"garbage": "garbage", "unknown": mint().token, "none": None}.get(kind, unlimited.owner_token)
        return place.request("GET", JSON, token=token, params=MAY, headers={"X-Forwarded-For": address})

    assert [fail().status_code for _ in range(FAILURES)] == [401] * FAILURES
    refused = fail()
    assert refused.status_code == 429
    assert refused.headers["ratelimit-policy"] == '"failures";q=3;w=300'
    assert 0 < int(refused.headers["retry-after"]) <= 100


def test_good_tokens_pass_from_an_address_that_was_wrong_too_often(place: Place) -> None:
    assert failures(place, "192.0.2.20")[-1] == 429
    assert ask(place, address="192.0.2.20").status_code == 200


def test_it_is_one_limit_for_all_tenants_and_another_address_has_its_own(place: Place, unlimited: Place) -> None:
    assert failures(place, "192.0.2.30")[-1] == 429
    unlimited.http = place.http
    assert ask(unlimited, "garbage", "192.0.2.30").status_code == 429
    assert ask(place, "garbage", "192.0.2.31").status_code == 401


def test_the_addresses_of_one_ipv6_site_count_as_one(place: Place) -> None:
    answers = [ask(place, "garbage", f"2001:db8:0:1::{n:x}").status_code for n in range(FAILURES + 2)]
    assert answers == [401] * FAILURES + [429, 429]
    assert ask(place, "garbage", "2001:db8:0:2::1").status_code == 401
