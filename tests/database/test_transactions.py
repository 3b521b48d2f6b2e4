"""Nested transactions, and those that change schemas."""

from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from core.errors import GokartError
from database.audit_context import Actor, acting_as
from database.engine import engine
from database.pool import connection, pool_affinity
from database.transactions import transaction
from tenants.commands import run_command
from tenants.lifecycle import create_tenant, delete_tenant
from tenants.migrations import migrate_platform
from tenants.tables import TenantRow
from tests.support.database import execute


@pytest.fixture
def mark() -> str:
    run_command(migrate_platform)
    return f"t{uuid4().hex[:12]}"


async def add(slug: str) -> None:
    async with transaction():
        await TenantRow.raw(
            "INSERT INTO tenant (id, slug, schema, name) VALUES (gen_random_uuid(), {}, {}, 'x')", slug, f"t_{slug}"
        )


def there(mark: str) -> list[str]:
    rows = execute("DELETE FROM tenant WHERE slug LIKE $1 RETURNING slug", f"{mark}%")
    return sorted(row["slug"].removeprefix(mark) for row in rows)


def test_nested_transactions_have_the_same_actor(mark: str) -> None:
    async def work() -> None:
        with acting_as(Actor("staff:nora@example.com")):
            async with transaction():
                await add(f"{mark}a")
                await add(f"{mark}b")

    run_command(work)
    assert there(mark) == ["a", "b"]
    rows = execute("SELECT actor FROM audit_log WHERE after ->> 'slug' LIKE $1", f"{mark}%")
    assert [row["actor"] for row in rows] == ["staff:nora@example.com"] * 2


def test_a_failing_outer_transaction_rolls_back_the_inner_one(mark: str) -> None:
    async def work() -> None:
        async with transaction():
            await add(f"{mark}a")
            raise GokartError("no")

    with pytest.raises(GokartError):
        run_command(work)
    assert there(mark) == []


def test_a_failing_inner_transaction_rolls_back_alone(mark: str) -> None:
    async def work() -> None:
        async with transaction():
            await add(f"{mark}a")
            with pytest.raises(GokartError):
                await add_in_vain()
            await add(f"{mark}c")

    async def add_in_vain() -> None:
        async with transaction():
            await add(f"{mark}b")
            raise GokartError("no")

    run_command(work)
    assert there(mark) == ["a", "c"]


def test_tenants_are_created_and_deleted_while_requests_use_all_other_connections(mark: str) -> None:
    async def work() -> None:
        async with AsyncExitStack() as leases:
            for _ in range(engine().options.pool_size - 1):  # one is left for the tenant's row
                await leases.enter_async_context(connection())
            await create_tenant(mark, "New")
            await delete_tenant(mark, keep_dump=False)

    run_command(work)
    assert there(mark) == []


def test_connections_that_change_schemas_are_replaced_after_some_tenants(mark: str) -> None:
    async def work() -> None:
        served = set()
        for n in range(45):
            with pool_affinity(f"{mark}{n}"):
                async with transaction("schema") as db:
                    served.add(db.get_server_pid())
        assert len(served) >= 3

    run_command(work)
