"""Which connection one gets, and in what state."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from database import pool_affinity
from database.connections import Pool, Unavailable
from database.urls import listen_url

pytestmark = pytest.mark.anyio
NEXT_TO_NOTHING = 0.1


def a_pool(**options: Any) -> Pool:
    """With nothing between it and the backends."""
    return Pool({"dsn": listen_url()}, **{"most": 2, "wait": 5.0, "most_owners": 100, "idle_for": 60.0, **options})


@contextmanager
def working_for(owner: str) -> Iterator[None]:
    token = pool_affinity.owner.set(owner)
    try:
        yield
    finally:
        pool_affinity.owner.reset(token)


async def backend(pool: Pool, owner: str) -> int:
    with working_for(owner):
        async with pool.acquire() as db:
            pid: int = await db.fetchval("SELECT pg_backend_pid()")
            return pid


async def test_an_owner_gets_the_backend_that_knows_it() -> None:
    pool = a_pool()
    with working_for("a"):
        async with pool.acquire() as first:
            with working_for("b"):
                async with pool.acquire() as second:
                    a, b = first.get_server_pid(), second.get_server_pid()
    assert a != b
    assert [await backend(pool, owner) for owner in ("b", "a", "a", "b", "b", "a")] == [b, a, a, b, b, a]
    await pool.close()


async def test_a_backend_that_has_met_as_many_owners_as_it_may_is_replaced() -> None:
    pool = a_pool(most=1, most_owners=2)
    first = await backend(pool, "a")
    assert await backend(pool, "b") == await backend(pool, "a") == first
    second = await backend(pool, "c")
    assert second != first
    assert await backend(pool, "a") == second
    await pool.close()


async def test_who_finds_all_in_use_waits_for_a_turn() -> None:
    pool = a_pool(most=1)
    async with pool.acquire():
        waiting = asyncio.create_task(backend(pool, "a"))
        await asyncio.sleep(0)
    assert await waiting
    await pool.close()


async def test_who_waits_for_too_long_is_refused_and_takes_no_turn_away() -> None:
    pool = a_pool(most=1, wait=NEXT_TO_NOTHING)
    async with pool.acquire():
        with pytest.raises(Unavailable, match="in use"):
            await backend(pool, "a")
    assert await backend(pool, "a")
    await pool.close()


async def test_who_is_cancelled_while_waiting_takes_no_turn_away() -> None:
    pool = a_pool(most=1)
    async with pool.acquire():
        waiting = asyncio.create_task(backend(pool, "a"))
        await asyncio.sleep(0)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await backend(pool, "a")
    await pool.close()


async def test_a_query_that_takes_too_long_is_unavailable_and_ends_on_the_server() -> None:
    pool = a_pool(most=1)
    first = await backend(pool, "a")

    async def work() -> None:
        async with pool.acquire() as db:
            await db.fetchval("SELECT pg_sleep(60)", timeout=NEXT_TO_NOTHING)

    with pytest.raises(Unavailable):
        await work()
    assert await backend(pool, "a") == first
    await pool.close()


async def test_a_transaction_that_was_cut_short_leaves_nothing_behind() -> None:
    pool = a_pool(most=1)
    begun = asyncio.Event()

    async def work() -> None:
        async with pool.acquire() as db, db.transaction():
            await db.execute("CREATE TABLE begun ()")
            begun.set()
            await db.fetchval("SELECT pg_sleep(60)")

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with pool.acquire() as db:
        assert await db.fetchval("SELECT to_regclass('begun')") is None
        assert not db.is_in_transaction()
    await pool.close()


async def test_a_transaction_that_nobody_ends_is_undone() -> None:
    pool = a_pool(most=1)
    async with pool.acquire() as db:
        await db.execute("BEGIN; CREATE TABLE begun ()")
    async with pool.acquire() as db:
        assert await db.fetchval("SELECT to_regclass('begun')") is None
    await pool.close()


async def test_a_backend_that_was_ended_is_replaced() -> None:
    pool, other = a_pool(most=1), a_pool(most=1)
    first = await backend(pool, "a")
    async with other.acquire() as db:
        await db.execute("SELECT pg_terminate_backend($1, 5000)", first)
    try:
        second = await backend(pool, "a")
    except Unavailable:  # where it had not heard of that yet
        second = await backend(pool, "a")
    assert second != first
    await pool.close()
    await other.close()


async def test_a_server_that_cannot_be_reached_is_unavailable() -> None:
    pool = Pool({"dsn": "postgresql://nobody@localhost:1/none"}, most=1, wait=5.0, most_owners=9, idle_for=60.0)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await backend(pool, "a")
    await pool.close()
