"""Both limit stores grant the same amounts and delete the same expired buckets."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from random import Random
from uuid import uuid4

import pytest

from tests.support.database import execute
from tests.support.limit_stores import Redis
from web.limits.limiter import BucketGrant, BucketRequest, TokenBucket
from web.limits.postgres import PostgresLimitStore
from web.limits.redis import RedisLimitStore
from web.limits.sync import LimitSync

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    store = Redis(tmp_path_factory.mktemp("redis"))
    yield store
    store.close()


@pytest.fixture
async def in_database() -> AsyncIterator[PostgresLimitStore]:
    store = PostgresLimitStore()
    yield store
    await store.close()


@pytest.fixture
async def in_redis(redis: Redis) -> AsyncIterator[RedisLimitStore]:
    store = RedisLimitStore(redis.setting)
    yield store
    await store.close()


def a_request(key: str, *, rate: float = 1e-9, burst: int = 50, concurrency: int = 3, **business: int) -> BucketRequest:
    """A request for a bucket that does not refill."""
    return BucketRequest(key, rate, burst, concurrency, **{"returned": 0, "held": 0, "wanted": 1} | business)


@pytest.mark.parametrize("seed", range(5))
async def test_postgresql_and_redis_grant_the_same(
    in_database: PostgresLimitStore, in_redis: RedisLimitStore, seed: int
) -> None:
    random, keys = Random(seed), [uuid4().hex for _ in range(3)]
    for _ in range(60):
        requests = [
            a_request(
                key,
                burst=random.choice([5, 50, 500, 10**15]),
                concurrency=random.choice([0, 1, 8, 10**15]),
                returned=random.choice([0, 0, 3]),
                held=random.choice([0, 0, 1, 9]),
                wanted=random.choice([0, 1, 1, 7]),
            )
            for key in random.sample(keys, random.randint(1, 3))
        ]
        here, there = [[without_time(each) for each in await store.sync(requests)] for store in (in_database, in_redis)]
        assert here == there


def without_time(grant: BucketGrant) -> tuple[int, int, float]:
    return grant.tokens, grant.slots, round(grant.level, 3)


async def test_expired_buckets_are_deleted(
    in_database: PostgresLimitStore, in_redis: RedisLimitStore, redis: Redis
) -> None:
    gone, kept = uuid4().hex, uuid4().hex
    for store in in_database, in_redis:
        await store.sync([a_request(gone, rate=1), a_request(kept)])
    assert 4_000 < int(redis.ask(f'PTTL "gokart:limit:{gone}"').removeprefix(":")) <= 5_000
    execute("UPDATE request_limit SET expires_at = expires_at - 5.1")
    assert not await in_database.delete_expired()
    assert execute("SELECT key FROM request_limit WHERE key = ANY($1)", [gone, kept]) == [{"key": kept}]


async def test_a_closed_connection_is_opened_again(in_database: PostgresLimitStore) -> None:
    key = uuid4().hex
    await in_database.sync([a_request(key)])
    execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND query LIKE '%gokart_limit%' AND pid <> pg_backend_pid()"
    )
    assert (await in_database.sync([a_request(key)]))[0].level == pytest.approx(50 - 5 - 4)


class CountingStore(RedisLimitStore):
    """Sets `third_sync` at the third sync."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.third_sync = asyncio.Event()
        self._syncs = 0

    async def sync(self, requests: Sequence[BucketRequest]) -> list[BucketGrant]:
        self._syncs += 1
        if self._syncs == 3:
            self.third_sync.set()
        return await super().sync(requests)


async def test_a_store_that_answers_but_cannot_write_stays_unavailable(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.limits.sync.STORE_RETRY", 0.01)
    store = CountingStore(redis.setting)
    limit_sync, bucket = LimitSync(store), TokenBucket(uuid4().hex, level=1, updated_at=0)
    redis.ask("REPLICAOF 127.0.0.1 1")
    try:
        async with asyncio.timeout(10), limit_sync.running():
            assert not await limit_sync.borrow(bucket)
            await store.third_sync.wait()
            assert limit_sync.unavailable
    finally:
        redis.ask("REPLICAOF NO ONE")
