"""Login attempts on several machines are counted in Redis, and in the database while Redis is unavailable."""

from collections.abc import Iterator

import pytest

from tests.auth.users.test_login_throttle import GUESSES, attempt
from tests.support.database import execute
from tests.support.limit_stores import Redis
from tests.support.people import PASSWORD, create_advertiser_user, create_staff_user
from tests.support.sandbox import Sandbox
from tests.support.servers import Server, running_server
from tests.support.wait import wait_for_value

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    store = Redis(tmp_path_factory.mktemp("redis"))
    yield store
    store.close()


@pytest.fixture(scope="module")
def machines(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    folder = tmp_path_factory.mktemp("machines")
    settings = {"GOKART_LIMITS": redis.setting, "GOKART_TRUSTED_PROXIES": "127.0.0.0/8"}
    with running_server(folder, workers=1, **settings) as one, running_server(folder, workers=1, **settings) as other:
        yield [one, other]


def guess(machines: list[Server], sandbox: Sandbox, email: str, times: int, **rest: str) -> list[int]:
    """Tries to sign in at the two servers in turn."""
    return [attempt(machines[n % 2], sandbox, email, "a guess", **rest).status_code for n in range(times)]


def counted_in_database(sandbox: Sandbox) -> int:
    return len(execute("SELECT FROM {s}.sign_in_attempt", schema=sandbox.tenant.schema))


@pytest.mark.parametrize("root", ["", "/staff"])
def test_guesses_are_limited_across_machines(machines: list[Server], sandbox: Sandbox, root: str) -> None:
    email = create_staff_user(sandbox) if root else create_advertiser_user(sandbox)
    statuses = guess(machines, sandbox, email, GUESSES + 3, address="192.0.2.1", root=root)
    assert statuses == [403] * GUESSES + [429] * 3
    for machine in machines:
        stopped = attempt(machine, sandbox, email, PASSWORD, "192.0.2.1", root=root)
        assert stopped.status_code == 429
        assert 1 <= int(stopped.headers["retry-after"]) <= 15 * 60
    assert attempt(machines[0], sandbox, email, PASSWORD, "198.51.100.7", root=root).status_code == 303
    assert counted_in_database(sandbox) == 0


def test_a_successful_login_resets_the_count(machines: list[Server], sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    for _ in range(2):
        assert guess(machines, sandbox, email, GUESSES - 1, address="192.0.2.4") == [403] * (GUESSES - 1)
        assert attempt(machines[0], sandbox, email, PASSWORD, "192.0.2.4").status_code == 303


def test_counts_are_separate_for_each_tenant(machines: list[Server], sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    email = create_advertiser_user(sandbox)
    create_advertiser_user(other_sandbox, email=email)
    guess(machines, sandbox, email, GUESSES + 1, address="192.0.2.6")
    assert attempt(machines[0], other_sandbox, email, PASSWORD, "192.0.2.6").status_code == 303


def test_counts_expire(machines: list[Server], sandbox: Sandbox, redis: Redis) -> None:
    email = create_advertiser_user(sandbox)
    guess(machines, sandbox, email, GUESSES, address="192.0.2.5")
    key = f"gokart:window:{sandbox.tenant.schema} 192.0.2.5 advertiser:{email}"
    assert 0 < int(redis.ask(f'PTTL "{key}"').removeprefix(":")) <= 15 * 60 * 1000
    assert redis.ask(f'PEXPIRE "{key}" 1') == ":1"
    wait_for_value(lambda: redis.ask(f'EXISTS "{key}"'), ":0")
    assert attempt(machines[0], sandbox, email, PASSWORD, "192.0.2.5").status_code == 303


def test_without_redis_the_database_counts(machines: list[Server], sandbox: Sandbox, redis: Redis) -> None:
    email = create_advertiser_user(sandbox)
    redis.stop()
    try:
        statuses = guess(machines, sandbox, email, GUESSES + 2, address="192.0.2.9")
        assert statuses == [403] * GUESSES + [429] * 2
        assert counted_in_database(sandbox) > 0
        assert attempt(machines[1], sandbox, email, PASSWORD, "198.51.100.9").status_code == 303
    finally:
        redis.start()

    def back() -> list[int]:
        for machine in machines:
            attempt(machine, sandbox, "nobody@example.com", "a guess", "198.51.100.10")
        return [len(machine.log_lines("Redis available again")) for machine in machines]

    wait_for_value(back, [1, 1])
    assert [len(machine.log_lines("Redis unavailable")) for machine in machines] == [1, 1], "logged once"
