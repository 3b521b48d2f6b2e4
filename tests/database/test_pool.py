"""Which connection the pool returns, and in what state."""

import asyncio
import io
from typing import Any

import asyncpg
import pytest

from core import metrics
from database.engine import DatabaseConfig, DatabaseEngine, listen_url
from database.pool import ConnectionPool, DatabaseUnavailable, pool_affinity
from database.transactions import read_only_snapshot
from tests.support.database import execute
from tests.support.tcp_proxy import running_tcp_proxy

pytestmark = pytest.mark.anyio
SHORT_TIMEOUT = 0.1
LAST_MESSAGE = b"E\0\0\0\x2fSFATAL\0C57P01\0Munexpected postmaster exit\0\0"


def a_pool(**options: Any) -> ConnectionPool:
    """A pool that connects directly, not through PgBouncer."""
    return ConnectionPool(
        {"dsn": listen_url()}, **{"max_size": 2, "timeout": 120.0, "max_tenants": 100, "max_idle": 60.0, **options}
    )


async def backend(pool: ConnectionPool, tenant: str) -> int:
    with pool_affinity(tenant):
        async with pool.acquire() as db:
            pid: int = await db.fetchval("SELECT pg_backend_pid()")
            return pid


async def test_a_tenant_gets_a_connection_that_has_served_it() -> None:
    pool = a_pool()
    with pool_affinity("a"):
        async with pool.acquire() as first:
            with pool_affinity("b"):
                async with pool.acquire() as second:
                    a, b = first.get_server_pid(), second.get_server_pid()
    assert a != b
    assert [await backend(pool, tenant) for tenant in ("b", "a", "a", "b", "b", "a")] == [b, a, a, b, b, a]
    await pool.close()


async def test_a_connection_is_replaced_after_its_maximum_number_of_tenants() -> None:
    pool = a_pool(max_size=1, max_tenants=2)
    first = await backend(pool, "a")
    assert await backend(pool, "b") == await backend(pool, "a") == first
    second = await backend(pool, "c")
    assert second != first
    assert await backend(pool, "a") == second
    await pool.close()


async def test_the_statements_of_many_tenants_stay_prepared() -> None:
    tenants = [f"tenant {n}" for n in range(300)]
    options = DatabaseEngine(DatabaseConfig(url=listen_url())).connect_options(listen_url())
    pool = ConnectionPool(options, max_size=1, timeout=120, max_tenants=1000, max_idle=60)
    async with pool.acquire() as db:
        for tenant in tenants:
            await db.fetchval(f"SELECT '{tenant}'")
        prepared = await db.fetch("SELECT statement FROM pg_prepared_statements")
    await pool.close()
    assert {f"SELECT '{tenant}'" for tenant in tenants} <= {row["statement"] for row in prepared}


async def test_only_who_asks_for_them_gets_generic_plans() -> None:
    pool = a_pool(max_size=1)

    async def plans_of(number: int, *, generic_plans: bool) -> tuple[int, int]:
        """How many generic and custom plans of a statement the connection has used."""
        async with pool.acquire(generic_plans=generic_plans) as db:
            assert await db.fetchval("SELECT 'of the test' = 'of the test' AND $1 < 100", number)
            used = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE $1"
            (plans,) = await db.fetch(used, "SELECT 'of the test'%")
        return tuple(plans)

    asked_for = [False, True, True, False, True]
    plans = [await plans_of(number, generic_plans=generic) for number, generic in enumerate(asked_for)]
    assert plans == [(0, 1), (1, 1), (2, 1), (2, 2), (3, 2)]
    await pool.close()


async def test_a_connection_that_ended_unnoticed_fails_once_when_its_plans_are_switched() -> None:
    pool = a_pool(max_size=1)
    async with pool.acquire() as db:
        pid = db.get_server_pid()
    execute("SELECT pg_terminate_backend($1, 5000)", pid)  # waits, and asyncpg reads nothing meanwhile
    with pytest.raises(DatabaseUnavailable):
        await pool.acquire(generic_plans=True)
    async with pool.acquire(generic_plans=True) as db:
        assert db.get_server_pid() != pid
        assert await db.fetchval("SHOW plan_cache_mode") == "force_generic_plan"
    await pool.close()


async def test_switching_plans_takes_no_longer_than_the_wait_for_a_connection() -> None:
    with running_tcp_proxy(listen_url()) as proxy:
        pool = ConnectionPool({"dsn": proxy.url}, max_size=1, timeout=1, max_tenants=100, max_idle=60)
        async with pool.acquire():
            pass
        with proxy.silent():
            async with asyncio.timeout(60):
                with pytest.raises(DatabaseUnavailable):
                    await pool.acquire(generic_plans=True)
                await pool.close()


async def test_a_lease_waits_for_a_free_connection() -> None:
    pool = a_pool(max_size=1)
    async with pool.acquire():
        waiting = asyncio.create_task(backend(pool, "a"))
        await asyncio.sleep(0)
    assert await waiting
    await pool.close()


async def test_a_lease_that_times_out_is_unavailable_and_blocks_no_connection() -> None:
    pool = a_pool(max_size=1, timeout=SHORT_TIMEOUT)
    async with pool.acquire():
        with pytest.raises(DatabaseUnavailable, match="in use"):
            await backend(pool, "a")
    assert await backend(pool, "a")
    await pool.close()


async def test_a_lease_that_is_cancelled_blocks_no_connection() -> None:
    pool = a_pool(max_size=1)
    async with pool.acquire():
        waiting = asyncio.create_task(backend(pool, "a"))
        await asyncio.sleep(0)
        waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await backend(pool, "a")
    await pool.close()


async def test_a_query_that_times_out_is_unavailable_and_is_cancelled_on_the_server() -> None:
    pool = a_pool(max_size=1)
    first = await backend(pool, "a")

    async def work() -> None:
        async with pool.acquire() as db:
            await db.fetchval("SELECT pg_sleep(600)", timeout=SHORT_TIMEOUT)

    with pytest.raises(DatabaseUnavailable):
        await work()
    assert await backend(pool, "a") == first
    await pool.close()


async def test_a_cancelled_transaction_is_rolled_back() -> None:
    pool = a_pool(max_size=1)
    begun = asyncio.Event()

    async def work() -> None:
        async with pool.acquire() as db, db.transaction():
            await db.execute("CREATE TABLE begun ()")
            begun.set()
            await db.fetchval("SELECT pg_sleep(600)")

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with pool.acquire() as db:
        assert await db.fetchval("SELECT to_regclass('begun')") is None
        assert not db.is_in_transaction()
    await pool.close()


async def test_an_open_transaction_is_rolled_back_when_its_lease_ends() -> None:
    pool = a_pool(max_size=1)
    async with pool.acquire() as db:
        await db.execute("BEGIN; CREATE TABLE begun ()")
    async with pool.acquire() as db:
        assert await db.fetchval("SELECT to_regclass('begun')") is None
    await pool.close()


async def test_a_terminated_backend_is_replaced() -> None:
    pool, other = a_pool(max_size=1), a_pool(max_size=1)
    first = await backend(pool, "a")
    async with other.acquire() as db:
        await db.execute("SELECT pg_terminate_backend($1::int, 5000)", first)
    try:
        second = await backend(pool, "a")
    except DatabaseUnavailable:  # if the pool has not noticed the closed connection yet
        second = await backend(pool, "a")
    assert second != first
    await pool.close()
    await other.close()


def test_a_database_that_ends_just_before_a_copy_is_unavailable() -> None:
    """Its last message has arrived, and the connection is not closed yet."""

    async def copy_after_the_end(pool: ConnectionPool) -> None:
        async with pool.acquire() as db, read_only_snapshot(db):
            proxy.send_to_clients(LAST_MESSAGE)
            await asyncio.sleep(SHORT_TIMEOUT)  # so that it is read before the next statement
            await db.copy_from_query("SELECT 1", output=io.BytesIO())

    async def work() -> None:
        pool = ConnectionPool({"dsn": proxy.url}, max_size=1, timeout=120.0, max_tenants=100, max_idle=60.0)
        with pytest.raises(DatabaseUnavailable):
            await copy_after_the_end(pool)
        assert await backend(pool, "a")
        await pool.close()

    with running_tcp_proxy(listen_url()) as proxy:
        asyncio.run(work())


async def test_a_connection_found_closed_while_an_error_is_handled_is_unavailable() -> None:
    pool = a_pool()

    async def fail_again() -> None:
        async with pool.acquire():
            try:
                int("x")
            except ValueError:
                raise asyncpg.InternalClientError  # noqa: B904  # as asyncpg raises it

    with pytest.raises(DatabaseUnavailable):
        await fail_again()
    await pool.close()


async def test_an_unreachable_server_is_unavailable() -> None:
    pool = ConnectionPool(
        {"dsn": "postgresql://nobody@localhost:1/none"}, max_size=1, timeout=5.0, max_tenants=9, max_idle=60.0
    )
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await backend(pool, "a")
    await pool.close()


async def test_a_node_of_a_cluster_that_fails_in_a_transaction_is_unavailable() -> None:
    """Citus reports it as an internal error."""
    pool = a_pool()
    message = "failure on connection marked as essential: worker-1:5432"
    with pytest.raises(DatabaseUnavailable, match=message):
        async with pool.acquire() as db:
            await db.execute(f"DO $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'XX000'; END $$")
    with pytest.raises(asyncpg.InternalServerError):
        async with pool.acquire() as db:
            await db.execute("DO $$ BEGIN RAISE EXCEPTION 'a bug' USING ERRCODE = 'XX000'; END $$")
    await pool.close()


def counted(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


async def test_waits_and_refusals_are_counted_by_share_and_other_leases_are_not() -> None:
    share = {"pool": "stream", "share": "pool"}
    pool = a_pool(max_size=1, timeout=SHORT_TIMEOUT, work="stream")
    waits, refusals = counted("gokart_pool_wait_seconds_count", **share), counted("gokart_pool_refusals_total", **share)
    async with pool.acquire():
        assert counted("gokart_pool_wait_seconds_count", **share) == waits
        with pytest.raises(DatabaseUnavailable):
            await backend(pool, "a")
    assert counted("gokart_pool_wait_seconds_count", **share) == waits + 1
    assert counted("gokart_pool_refusals_total", **share) == refusals + 1
    await pool.close()


async def test_connections_in_use_are_sampled_by_share() -> None:
    pool = a_pool(max_size=4, max_per_tenant=3, work="stream")
    with pool_affinity("a"):
        async with pool.acquire(), pool.acquire():
            pool._sample()
            in_use = {share: counted("gokart_pool_in_use", pool="stream", share=share) for share in ("pool", "tenant")}
            assert in_use == {"pool": 2, "tenant": 2}
    assert counted("gokart_pool_limit", pool="stream", share="tenant") == 3
    await pool.close()
