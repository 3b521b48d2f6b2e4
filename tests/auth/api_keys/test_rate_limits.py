"""The rate limits of API keys, and of addresses that send invalid keys."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import httpx
import pytest

from auth.api_keys.format import mint_api_key
from tests.support.api_key_cast import id_of
from tests.support.cli import cli_error, gokart
from tests.support.database import execute, locked
from tests.support.sandbox import JSON, MAY, SINGULAR, Sandbox, create_sandbox
from tests.support.servers import Server, running_server
from tests.support.wait import wait_until

RATE, BURST, CONCURRENCY, FAILURES = 5, 5, 8, 3
WRONG = {"date_from": "2025-05-01"}  # 400: the limits have admitted the request

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(
        tmp_path_factory.mktemp("limited"),
        GOKART_TOKEN_RATE=str(RATE),
        GOKART_TOKEN_BURST=str(BURST),
        GOKART_FAILED_TOKEN_RATE="0.01",
        GOKART_FAILED_TOKEN_BURST=str(FAILURES),
        GOKART_TRUSTED_PROXIES="127.0.0.1/32",
    ) as running:
        yield running


@pytest.fixture
def sandbox(limited: Server) -> Iterator[Sandbox]:
    with limited.client() as client:
        yield create_sandbox(client)


@pytest.fixture
def unlimited(http: httpx.Client) -> Sandbox:
    """A server without limits on the rate of API keys, but with at most 8 concurrent requests."""
    return create_sandbox(http)


def ask(sandbox: Sandbox, token: str | None = None, address: str = "192.0.2.1") -> httpx.Response:
    return sandbox.request(
        "GET", JSON, token=token or sandbox.owner_key, params=MAY, headers={"X-Forwarded-For": address}
    )


def drain(sandbox: Sandbox, token: str | None = None) -> httpx.Response:
    """Sends requests until one is refused."""
    for _ in range(BURST * 20):
        response = ask(sandbox, token)
        if response.status_code == 429:
            return response
        assert response.status_code == 200
    pytest.fail("it was never too much")


def test_an_idle_api_key_can_send_its_burst_and_then_is_limited(sandbox: Sandbox) -> None:
    for _ in range(BURST):
        assert ask(sandbox).status_code == 200
    refused = drain(sandbox)
    assert refused.json()["title"] == "Too many requests"
    assert refused.headers["retry-after"] == "1"
    deadline = time.monotonic() + 120
    while ask(sandbox).status_code == 429:
        assert time.monotonic() < deadline, "after Retry-After it passes"


def test_it_can_sustain_its_rate(sandbox: Sandbox) -> None:
    drain(sandbox)
    started = time.monotonic()
    for passed in range(1, 6):
        wait_until(lambda: ask(sandbox).status_code == 200)
        assert passed <= (time.monotonic() - started) * RATE + 1


def test_every_response_states_the_remaining_requests(sandbox: Sandbox) -> None:
    first = ask(sandbox)
    assert first.headers["ratelimit-policy"] == f'"token";q={BURST};w={BURST // RATE}'
    assert first.headers["ratelimit"] == f'"token";r={BURST - 1};t=1'
    assert drain(sandbox).headers["ratelimit"] == '"token";r=0;t=1'
    invalid = sandbox.request("GET", JSON, token=sandbox.rival_key, params=WRONG)
    assert invalid.status_code == 400
    assert re.fullmatch(r'"token";r=\d+;t=1', invalid.headers["ratelimit"])


def test_limits_are_never_shared(sandbox: Sandbox, unlimited: Sandbox) -> None:
    drain(sandbox)
    assert ask(sandbox, sandbox.rival_key).status_code == 200
    assert ask(sandbox, sandbox.create_api_key("cost-report")).status_code == 200  # another key of the same advertiser
    assert sandbox.send("partners", []) == {"accepted": 0, "duplicates": 0, "rejected": []}
    unlimited.http = sandbox.http
    assert ask(unlimited).status_code == 200  # its key may have the same id in its own tenant


def test_all_routes_share_the_limits_of_an_api_key(sandbox: Sandbox) -> None:
    token = sandbox.create_api_key("cost-report", "singular")
    gokart("api-keys", "limit", sandbox.tenant.slug, str(id_of(sandbox, token)), "--burst", "2", "--rate", "0.001")
    assert [ask(sandbox, token).status_code for _ in range(2)] == [200, 200]
    assert sandbox.request("GET", SINGULAR, token=token, params=MAY).status_code == 429


def test_a_tenants_limit_comes_before_the_platforms_and_a_tokens_before_that(sandbox: Sandbox) -> None:
    slug = sandbox.tenant.slug
    output = gokart("tenants", "limit", slug, "--burst", "4", "--rate", "2").stdout
    assert output == "Requests: 2 a second, 4 at once; otherwise the platform's limits.\n"
    assert policy(sandbox, sandbox.create_api_key("cost-report")) == '"token";q=4;w=2'
    token = sandbox.create_api_key("cost-report")
    gokart("api-keys", "limit", slug, str(id_of(sandbox, token)), "--burst", "3", "--rate", "0.5")
    assert policy(sandbox, token) == '"token";q=3;w=6'
    assert "API key 999 of" in cli_error("api-keys", "limit", slug, "999")
    assert "no tenant" in cli_error("tenants", "limit", "nobody", "--burst", "4")


def test_a_changed_limit_holds_within_a_second(sandbox: Sandbox) -> None:
    assert policy(sandbox, sandbox.owner_key) == '"token";q=5;w=1'
    execute("UPDATE tenant SET token_burst = 50 WHERE id = $1", sandbox.tenant.id)
    deadline = time.monotonic() + 120
    while policy(sandbox, sandbox.owner_key) != '"token";q=50;w=10':
        assert time.monotonic() < deadline


def policy(sandbox: Sandbox, token: str) -> str:
    return ask(sandbox, token).headers["ratelimit-policy"]


def test_requests_from_a_disallowed_network_do_not_use_up_the_keys_limit(sandbox: Sandbox) -> None:
    token = sandbox.create_api_key("cost-report", networks=["203.0.113.0/24"])
    stranger = "192.0.2.66"
    refused = [ask(sandbox, token, stranger) for _ in range(FAILURES + BURST)]
    assert [response.status_code for response in refused] == [403] * FAILURES + [429] * BURST
    assert not any('"token"' in response.headers.get("ratelimit", "") for response in refused)
    allowed = ask(sandbox, token, "203.0.113.9")
    assert allowed.status_code == 200
    assert allowed.headers["ratelimit"].startswith(f'"token";r={BURST - 1};')


# --- concurrency ---


def test_eight_at_a_time(unlimited: Sandbox) -> None:
    with ThreadPoolExecutor(CONCURRENCY) as threads:
        with locked(f"{unlimited.tenant.schema}.offer"):
            under_way = [threads.submit(unlimited.get, **MAY) for _ in range(CONCURRENCY)]
            refused = until_busy(unlimited, unlimited.owner_key)
            assert refused.json()["detail"] == "8 requests with this API key are in progress."
            assert refused.headers["retry-after"] == "1"
            assert unlimited.get(token=unlimited.rival_key, **WRONG).status_code == 400
        assert [each.result().status_code for each in under_way] == [200] * CONCURRENCY
    assert unlimited.get(**MAY).status_code == 200


def test_a_tokens_own_limit_of_requests_at_a_time(unlimited: Sandbox) -> None:
    token = unlimited.create_api_key("cost-report")
    execute(
        "UPDATE {s}.api_token SET concurrency = 1 WHERE hint LIKE $1", "%" + token[-4:], schema=unlimited.tenant.schema
    )
    with ThreadPoolExecutor(1) as threads:
        with locked(f"{unlimited.tenant.schema}.offer"):
            under_way = threads.submit(unlimited.get, token=token, **MAY)
            assert "1 requests with this API key" in until_busy(unlimited, token).text
        assert under_way.result().status_code == 200


def test_a_disconnected_client_frees_its_slot(server: Server, unlimited: Sandbox) -> None:
    headers = {"Host": unlimited.host, "Authorization": f"ApiToken {unlimited.owner_key}"}
    connections = [HTTPConnection("127.0.0.1", server.port) for _ in range(CONCURRENCY)]
    with locked(f"{unlimited.tenant.schema}.offer"):
        for connection in connections:
            connection.request("GET", f"{JSON}?date_from=2025-05-01&date_to=2025-05-31", headers=headers)
        until_busy(unlimited, unlimited.owner_key)
        for connection in connections:
            connection.close()
        deadline = time.monotonic() + 120
        while unlimited.get(**WRONG).status_code == 429:
            assert time.monotonic() < deadline


def until_busy(sandbox: Sandbox, token: str) -> httpx.Response:
    deadline = time.monotonic() + 120
    while (response := sandbox.get(token=token, **WRONG)).status_code != 429:
        assert time.monotonic() < deadline
    return response


# --- invalid API keys ---


def failures(sandbox: Sandbox, address: str) -> list[int]:
    return [ask(sandbox, "garbage", address).status_code for _ in range(FAILURES + 2)]


@pytest.mark.parametrize("kind", ["garbage", "unknown", "none", "other tenant's"])
def test_an_address_can_send_a_few_invalid_keys(sandbox: Sandbox, unlimited: Sandbox, kind: str) -> None:
    address = {"garbage": "192.0.2.10", "unknown": "192.0.2.11", "none": "192.0.2.12"}.get(kind, "192.0.2.13")

    def fail() -> httpx.Response:
        token = {"garbage": "garbage", "unknown": mint_api_key().token, "none": None}.get(kind, unlimited.owner_key)
        return sandbox.request("GET", JSON, token=token, params=MAY, headers={"X-Forwarded-For": address})

    assert [fail().status_code for _ in range(FAILURES)] == [401] * FAILURES
    refused = fail()
    assert refused.status_code == 429
    assert refused.headers["ratelimit-policy"] == '"failures";q=3;w=300'
    assert 0 < int(refused.headers["retry-after"]) <= 100


def test_good_tokens_pass_from_an_address_that_was_wrong_too_often(sandbox: Sandbox) -> None:
    assert failures(sandbox, "192.0.2.20")[-1] == 429
    assert ask(sandbox, address="192.0.2.20").status_code == 200


def test_the_limit_is_per_address_across_all_tenants(sandbox: Sandbox, unlimited: Sandbox) -> None:
    assert failures(sandbox, "192.0.2.30")[-1] == 429
    unlimited.http = sandbox.http
    assert ask(unlimited, "garbage", "192.0.2.30").status_code == 429
    assert ask(sandbox, "garbage", "192.0.2.31").status_code == 401


def test_the_addresses_of_one_ipv6_site_count_as_one(sandbox: Sandbox) -> None:
    responses = [ask(sandbox, "garbage", f"2001:db8:0:1::{n:x}").status_code for n in range(FAILURES + 2)]
    assert responses == [401] * FAILURES + [429, 429]
    assert ask(sandbox, "garbage", "2001:db8:0:2::1").status_code == 401
