"""Which connection one gets, and in what state."""

import asyncio
from typing import Any

import pytest

from database.connections import ConnectionPool, DatabaseUnavailable
from database.pool_affinity import pool_affinity
from database.urls import listen_url

pytestmark = pytest.mark.anyio
NEXT_TO_NOTHING = 0.1


def a_pool(**options: Any) -> ConnectionPool:
    """With nothing between it and the backends."""
    return ConnectionPool(
        {"dsn": listen_url()}, **{"max_size": 2, "timeout": 5.0, "max_tenants": 100, "max_idle": 60.0, **options}
    )


async def backend(pool: ConnectionPool, tenant: str) -> int:
    with pool_affinity(tenant):
        async with pool.acquire() as db:
            pid: int = await db.fetchval("SELECT pg_backend_pid()")
            return pid


async def test_an_owner_gets_the_backend_that_knows_it() -> None:
    pool = a_pool()
    with pool_affinity("a"):
        async with pool.acquire() as first:
            with pool_affinity("b"):
                async with pool.acquire() as second:
                    a, b = first.get_server_pid(), second.get_server_pid()
    assert a != b
    assert [await backend(pool, owner) for owner in ("b", "a", "a", "b", "b", "a")] == [b, a, a, b, b, a]
    await pool.close()


async def test_a_backend_that_has_met_as_many_owners_as_it_may_is_replaced() -> None:
    pool = a_pool(max_size=1, max_tenants=2)
    first = await backend(pool, "a")
    assert await backend(pool, "b") == await backend(pool, "a") == first
    second = await backend(pool, "c")
    assert second != first
    assert await backend(pool, "a") == second
    await pool.close()


async def test_who_finds_all_in_use_waits_for_a_turn() -> None:
    pool = a_pool(max_size=1)
    async with pool.acquire():
        waiting = asyncio.create_task(backend(pool, "a"))
        await asyncio.sleep(0)
    assert await waiting
    await pool.close()


async def test_who_waits_for_too_long_is_refused_and_takes_no_turn_away() -> None:
    pool = a_pool(max_size=1, timeout=NEXT_TO_NOTHING)
    async with pool.acquire():
        with pytest.raises(DatabaseUnavailable, match="in use"):
            await backend(pool, "a")
    assert await backend(pool, "a")
    await pool.close()


async def test_who_is_cancelled_while_waiting_takes_no_turn_away() -> None:
    pool = a_pool(max_size=1)
    async with pool.acquire():
        waiting = asyncio.create_task(backend(pool, "a"))
        await asyncio.sleep(0)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await backend(pool, "a")
    await pool.close()


async def test_a_query_that_takes_too_long_is_unavailable_and_ends_on_the_server() -> None:
    pool = a_pool(max_size=1)
    first = await backend(pool, "a")

    async def work() -> None:
        async with pool.acquire() as db:
            await db.fetchval("SELECT pg_sleep(60)", timeout=NEXT_TO_NOTHING)

    with pytest.raises(DatabaseUnavailable):
        await work()
    assert await backend(pool, "a") == first
    await pool.close()


async def test_a_transaction_that_was_cut_short_leaves_nothing_behind() -> None:
    pool = a_pool(max_size=1)
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
    pool = a_pool(max_size=1)
    async with pool.acquire() as db:
        await db.execute("BEGIN; CREATE TABLE begun ()")
    async with pool.acquire() as db:
        assert await db.fetchval("SELECT to_regclass('begun')") is None
    await pool.close()


async def test_a_backend_that_was_ended_is_replaced() -> None:
    pool, other = a_pool(max_size=1), a_pool(max_size=1)
    first = await backend(pool, "a")
    async with other.acquire() as db:
        await db.execute("SELECT pg_terminate_backend($1, 5000)", first)
    try:
        second = await backend(pool, "a")
    except DatabaseUnavailable:  # where it had not heard of that yet
        second = await backend(pool, "a")
    assert second != first
    await pool.close()
    await other.close()


async def test_a_server_that_cannot_be_reached_is_unavailable() -> None:
    pool = ConnectionPool(
        {"dsn": "postgresql://nobody@localhost:1/none"}, max_size=1, timeout=5.0, max_tenants=9, max_idle=60.0
    )
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await backend(pool, "a")
    await pool.close()
