"""The stores answer alike, and keep nothing for ever."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from random import Random
from uuid import uuid4

import pytest

from tests.support.database import execute
from tests.support.limit_stores import Redis
from web.limits.in_database import DatabaseStore
from web.limits.in_redis import RedisStore
from web.limits.rounds import Purse, Rounds
from web.limits.stores import Answer, Ask

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    store = Redis(tmp_path_factory.mktemp("redis"))
    yield store
    store.close()


@pytest.fixture
async def in_database() -> AsyncIterator[DatabaseStore]:
    store = DatabaseStore()
    yield store
    await store.close()


@pytest.fixture
async def in_redis(redis: Redis) -> AsyncIterator[RedisStore]:
    store = RedisStore(redis.setting)
    yield store
    await store.close()


def an_ask(key: str, *, rate: float = 1e-9, burst: int = 50, most: int = 3, **business: int) -> Ask:
    """Of a limit that nothing comes back to by itself."""
    return Ask(key, rate, burst, most, **{"back": 0, "held": 0, "want": 1} | business)


@pytest.mark.parametrize("seed", range(5))
async def test_they_answer_alike(in_database: DatabaseStore, in_redis: RedisStore, seed: int) -> None:
    random, keys = Random(seed), [uuid4().hex for _ in range(3)]
    for _ in range(60):
        asks = [
            an_ask(
                key,
                burst=random.choice([5, 50, 500, 10**15]),
                most=random.choice([0, 1, 8, 10**15]),
                back=random.choice([0, 0, 3]),
                held=random.choice([0, 0, 1, 9]),
                want=random.choice([0, 1, 1, 7]),
            )
            for key in random.sample(keys, random.randint(1, 3))
        ]
        here, there = [[without_time(each) for each in await store.settle(asks)] for store in (in_database, in_redis)]
        assert here == there


def without_time(answer: Answer) -> tuple[int, int, float]:
    return answer.tokens, answer.taken, round(answer.level, 3)


async def test_what_expires_goes(in_database: DatabaseStore, in_redis: RedisStore, redis: Redis) -> None:
    gone, kept = uuid4().hex, uuid4().hex
    for store in in_database, in_redis:
        await store.settle([an_ask(gone, rate=1), an_ask(kept)])
    assert 4_000 < int(redis.ask(f'PTTL "gokart:limit:{gone}"').removeprefix(":")) <= 5_000
    execute("UPDATE request_limit SET expires_at = expires_at - 5.1")
    assert not await in_database.tidy()
    assert execute("SELECT key FROM request_limit WHERE key = ANY($1)", [gone, kept]) == [{"key": kept}]


async def test_a_lost_connection_is_made_again(in_database: DatabaseStore) -> None:
    key = uuid4().hex
    await in_database.settle([an_ask(key)])
    execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND query LIKE '%gokart_limit%' AND pid <> pg_backend_pid()"
    )
    assert (await in_database.settle([an_ask(key)]))[0].level == pytest.approx(50 - 5 - 4)


class PageWatcher(RedisStore):
    """`asked` is set with the third question."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked = asyncio.Event()
        self._questions = 0

    async def settle(self, asks: Sequence[Ask]) -> list[Answer]:
        self._questions += 1
        if self._questions == 3:
            self.asked.set()
        return await super().settle(asks)


async def test_a_store_that_answers_but_cannot_count_stays_away(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.limits.rounds.RETRY", 0.01)
    store = PageWatcher(redis.setting)
    rounds, purse = Rounds(store), Purse(uuid4().hex, level=1, at=0)
    redis.ask("REPLICAOF 127.0.0.1 1")
    try:
        async with asyncio.timeout(10), rounds.running():
            assert not await rounds.cover(purse)
            await store.asked.wait()
            assert rounds.away
    finally:
        redis.ask("REPLICAOF NO ONE")
