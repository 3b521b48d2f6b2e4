"""The replica is used while it is healthy, and no request waits for an unhealthy one."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from database.engine import engine
from database.pool import DatabaseUnavailable, connection, has_replica, open_pool
from database.replica import open_replica
from tests.support.database import execute
from tests.support.replica import Replica

pytestmark = pytest.mark.anyio
HANG_TIMEOUT = 120.0  # seconds


@pytest.fixture
async def pools(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The pools of a process that is configured with the replica."""
    monkeypatch.setattr(engine(), "options", msgspec.structs.replace(engine().options, replica_url=replica.url))
    async with open_pool(), open_replica():
        await wait_until_known(serves=True)
        yield


async def wait_until_known(*, serves: bool) -> None:
    async with asyncio.timeout(HANG_TIMEOUT):
        while has_replica() != serves:  # noqa: ASYNC110  # polls: the state has no event
            await asyncio.sleep(0.01)


async def read(sql: str) -> object:
    async with connection("replica") as db:
        return await db.fetchval(sql)


async def test_without_a_setting_there_is_no_replica() -> None:
    async with open_pool(), open_replica():
        assert not has_replica()


@pytest.mark.usefixtures("pools")
async def test_reads_go_to_the_replica(replica: Replica) -> None:
    execute("CREATE TABLE replicated AS SELECT 42 AS value")
    await asyncio.to_thread(replica.catch_up)
    assert await read("SELECT pg_is_in_recovery()")
    assert await read("SELECT value FROM replicated") == 42
    async with connection("replica stream") as db:
        assert await db.fetchval("SELECT pg_is_in_recovery()")
    async with connection() as db:
        assert not await db.fetchval("SELECT pg_is_in_recovery()")


@pytest.mark.usefixtures("pools")
async def test_a_table_that_is_not_replicated_yet_is_unavailable(replica: Replica) -> None:
    replica.pause()
    try:
        execute("CREATE TABLE missing AS SELECT 42 AS value")
        with pytest.raises(DatabaseUnavailable):
            await read("SELECT value FROM missing")
        assert has_replica()
    finally:
        replica.resume()


@pytest.mark.usefixtures("pools")
async def test_a_stopped_replica_is_not_used_until_it_starts(replica: Replica) -> None:
    await read("SELECT 1")
    await asyncio.to_thread(replica.stop)
    try:
        await wait_until_known(serves=False)
        with pytest.raises(DatabaseUnavailable):
            await read("SELECT 1")
    finally:
        await asyncio.to_thread(replica.start)
    await wait_until_known(serves=True)
    assert await read("SELECT 1") == 1


@pytest.mark.usefixtures("pools")
async def test_reads_from_a_hanging_replica_are_cancelled(replica: Replica) -> None:
    waiting = [asyncio.create_task(read("SELECT pg_sleep(600)")) for _ in range(3)]
    await asyncio.to_thread(replica.ask, "SELECT 1")
    replica.hang()
    try:
        async with asyncio.timeout(HANG_TIMEOUT):
            ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in ended] == [DatabaseUnavailable] * 3
        assert not has_replica()
    finally:
        replica.resume_process()
    await wait_until_known(serves=True)
    assert await read("SELECT 1") == 1


@pytest.mark.usefixtures("pools")
async def test_a_replica_that_cancels_a_query_is_avoided_for_a_while(replica: Replica) -> None:
    execute("CREATE TABLE contested AS SELECT 42 AS value")
    replica.ask("ALTER SYSTEM SET max_standby_streaming_delay = 0")
    replica.ask("SELECT pg_reload_conf()")
    await asyncio.to_thread(replica.catch_up)
    with pytest.raises(DatabaseUnavailable):
        await read_what_is_dropped()
    assert not has_replica()
    await wait_until_known(serves=True)


async def read_what_is_dropped() -> None:
    async with connection("replica") as db, db.transaction():
        await db.fetchval("SELECT value FROM contested")
        execute("DROP TABLE contested")
        await db.fetchval("SELECT pg_sleep(600)")
