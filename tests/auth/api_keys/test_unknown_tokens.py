"""Well-formed tokens of no key: an address that has sent too many of them costs no query."""

from collections.abc import Iterator

import httpx
import pytest

from auth.api_keys.format import mint_api_key
from main import app
from settings import settings
from tests.support.api_key_cast import revoke
from tests.support.asgi import with_app
from tests.support.sandbox import JSON, MAY, Sandbox, create_sandbox
from tests.support.servers import Server, running_server
from tests.support.statements import recorded_statements
from tests.support.wait import wait_until

FAILURES = 3


def test_an_address_with_too_many_unknown_tokens_costs_no_queries(sandbox: Sandbox) -> None:
    """A key of the tenant works from there all the same."""

    async def ask(client: httpx.AsyncClient, token: str) -> int:
        headers = {"Host": sandbox.host, "Authorization": f"ApiToken {token}"}
        return (await client.get(JSON, params=MAY, headers=headers)).status_code

    async def work(_: httpx.AsyncClient) -> tuple[list[int], list[str], int]:
        transport = httpx.ASGITransport(app, client=("192.0.2.77", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            while await ask(client, mint_api_key().token) != 429:
                pass
            await ask(client, mint_api_key().token)  # now the digests of the tenant's keys are cached
            with recorded_statements() as statements:
                statuses = [await ask(client, mint_api_key().token) for _ in range(20)]
            return statuses, statements, await ask(client, sandbox.owner_key)

    statuses, statements, own = with_app(work)
    assert len(statements) <= settings.failed_token_rate * 20  # what the address regains meanwhile
    assert statements == [] or 401 in statuses
    assert own == 200


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(
        tmp_path_factory.mktemp("limited"),
        GOKART_FAILED_TOKEN_RATE="0.001",
        GOKART_FAILED_TOKEN_BURST=str(FAILURES),
        GOKART_TRUSTED_PROXIES="127.0.0.1/32",
    ) as running:
        yield running


@pytest.fixture
def limited_sandbox(limited: Server) -> Iterator[Sandbox]:
    with limited.client() as client:
        yield create_sandbox(client)


def status(sandbox: Sandbox, token: str, address: str) -> int:
    return sandbox.request("GET", JSON, token=token, params=MAY, headers={"X-Forwarded-For": address}).status_code


def test_a_new_key_works_at_once_where_unknown_tokens_were_sent_before(limited_sandbox: Sandbox) -> None:
    address = "192.0.2.1"
    assert [status(limited_sandbox, mint_api_key().token, address) for _ in range(FAILURES)] == [401] * FAILURES
    assert status(limited_sandbox, mint_api_key().token, address) == 429
    token = limited_sandbox.create_api_key("cost-report")
    assert status(limited_sandbox, token, "192.0.2.2") == 200
    assert status(limited_sandbox, token, address) == 200


def test_a_new_key_works_within_a_second_from_an_address_with_too_many_failures(limited_sandbox: Sandbox) -> None:
    address = "192.0.2.3"
    while status(limited_sandbox, mint_api_key().token, address) != 429:
        pass
    token = limited_sandbox.create_api_key("cost-report")
    wait_until(lambda: status(limited_sandbox, token, address) == 200)
    revoke(limited_sandbox, token)
    wait_until(lambda: status(limited_sandbox, token, address) == 429)
