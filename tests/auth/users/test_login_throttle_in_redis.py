"""Guessing passwords at several machines, counted in Redis; in the database while that is away."""

from collections.abc import Iterator

import pytest

from tests.auth.users.test_login_throttle import GUESSES, attempt
from tests.people import PASSWORD, make_login, make_staff
from tests.places import Place
from tests.servers import Server, serving
from tests.tenants.database import execute
from tests.waiting import becomes
from tests.web.limits.stores import Redis

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
    with serving(folder, workers=1, **settings) as one, serving(folder, workers=1, **settings) as other:
        yield [one, other]


def guess(machines: list[Server], place: Place, email: str, times: int, **rest: str) -> list[int]:
    """At one and the other in turn."""
    return [attempt(machines[n % 2], place, email, "a guess", **rest).status_code for n in range(times)]


def counted_in_database(place: Place) -> int:
    return len(execute("SELECT FROM {s}.sign_in_attempt", schema=place.tenant.schema))


@pytest.mark.parametrize("root", ["", "/staff"])
def test_guessing_is_stopped_whichever_machine_is_asked(machines: list[Server], place: Place, root: str) -> None:
    email = make_staff(place) if root else make_login(place)
    statuses = guess(machines, place, email, GUESSES + 3, address="192.0.2.1", root=root)
    assert statuses == [403] * GUESSES + [429] * 3
    for machine in machines:
        stopped = attempt(machine, place, email, PASSWORD, "192.0.2.1", root=root)
        assert stopped.status_code == 429
        assert 1 <= int(stopped.headers["retry-after"]) <= 15 * 60
    assert attempt(machines[0], place, email, PASSWORD, "198.51.100.7", root=root).status_code == 303
    assert counted_in_database(place) == 0


def test_whoever_gets_in_starts_afresh(machines: list[Server], place: Place) -> None:
    email = make_login(place)
    for _ in range(2):
        assert guess(machines, place, email, GUESSES - 1, address="192.0.2.4") == [403] * (GUESSES - 1)
        assert attempt(machines[0], place, email, PASSWORD, "192.0.2.4").status_code == 303


def test_one_tenants_guesses_do_not_count_at_another(machines: list[Server], place: Place, other_place: Place) -> None:
    email = make_login(place)
    make_login(other_place, email=email)
    guess(machines, place, email, GUESSES + 1, address="192.0.2.6")
    assert attempt(machines[0], other_place, email, PASSWORD, "192.0.2.6").status_code == 303


def test_what_is_counted_runs_out(machines: list[Server], place: Place, redis: Redis) -> None:
    email = make_login(place)
    guess(machines, place, email, GUESSES, address="192.0.2.5")
    key = f"gokart:window:{place.tenant.schema} 192.0.2.5 advertiser:{email}"
    assert 0 < int(redis.ask(f'PTTL "{key}"').removeprefix(":")) <= 15 * 60 * 1000
    assert redis.ask(f'PEXPIRE "{key}" 1') == ":1"
    becomes(lambda: redis.ask(f'EXISTS "{key}"'), ":0")
    assert attempt(machines[0], place, email, PASSWORD, "192.0.2.5").status_code == 303


def test_without_redis_the_database_counts(machines: list[Server], place: Place, redis: Redis) -> None:
    email = make_login(place)
    redis.stop()
    try:
        statuses = guess(machines, place, email, GUESSES + 2, address="192.0.2.9")
        assert statuses == [403] * GUESSES + [429] * 2
        assert counted_in_database(place) > 0
        assert attempt(machines[1], place, email, PASSWORD, "198.51.100.9").status_code == 303
    finally:
        redis.start()

    def back() -> list[int]:
        for machine in machines:
            attempt(machine, place, "nobody@example.com", "a guess", "198.51.100.10")
        return [len(machine.log_lines("counted in Redis again")) for machine in machines]

    becomes(back, [1, 1], within=10)
    assert [len(machine.log_lines("counted in the database")) for machine in machines] == [1, 1], "said once"
