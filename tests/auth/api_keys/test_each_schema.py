"""Statements that are executed in the schemas of many tenants at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from auth.api_keys import each_schema
from auth.api_keys.each_schema import execute_each
from database.engine import engine
from database.pool import ConnectionPool, DatabaseUnavailable, SchemaOutdated, connection
from database.sql import SqlText
from tests.support.app_calls import portal, run
from tests.support.database import execute, locked
from tests.support.sandbox import Sandbox
from tests.support.wait import GUARD

PARTNER = "5b0c9a1e-8f9c-4f67-9a58-7d2f3f6f3a11"
ADD_PARTNER = SqlText(f"INSERT INTO {{schema}}.partner (id, name) SELECT '{PARTNER}', :partner::json ->> 'name'")


def partners(sandbox: Sandbox) -> list[str]:
    rows = execute("SELECT name FROM {s}.partner WHERE id = $1", PARTNER, schema=sandbox.tenant.schema)
    return [row["name"] for row in rows]


def add_partner(
    *sandboxes: Sandbox, name: str = "New", background: ConnectionPool | None = None
) -> dict[str, Exception]:
    values = {each.tenant.schema: {"name": name} for each in sandboxes}
    return run(lambda: execute_each(ADD_PARTNER, values), background)


def test_each_schema_gets_its_own_value(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    names = {sandbox.tenant.schema: "One", other_sandbox.tenant.schema: "Other's"}
    values = {schema: {"name": name} for schema, name in names.items()}
    assert run(lambda: execute_each(ADD_PARTNER, values)) == {}
    assert (partners(sandbox), partners(other_sandbox)) == (["One"], ["Other's"])
    assert run(lambda: execute_each(ADD_PARTNER, {})) == {}


def test_an_error_in_one_schema_does_not_affect_the_others(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    add_partner(sandbox)
    errors = add_partner(sandbox, other_sandbox, name="Again")
    assert errors.keys() == {sandbox.tenant.schema}
    assert "duplicate key" in str(errors[sandbox.tenant.schema])
    assert (partners(sandbox), partners(other_sandbox)) == (["New"], ["Again"])


def test_a_locked_table_keeps_no_other_tenant_waiting(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    with locked(f"{sandbox.tenant.schema}.partner"):
        errors = add_partner(sandbox, other_sandbox)
        assert isinstance(errors[sandbox.tenant.schema], DatabaseUnavailable)
        assert partners(other_sandbox) == ["New"]
    assert errors.keys() == {sandbox.tenant.schema}
    assert partners(sandbox) == []


def test_a_database_without_the_function_is_outdated(sandbox: Sandbox) -> None:
    with patch.object(each_schema, "EXECUTE_EACH", "SELECT public.gokart_execute_none($1::text[], $2::json[])"):
        errors = add_partner(sandbox)
    assert isinstance(errors[sandbox.tenant.schema], SchemaOutdated)
    assert "run  gokart migrate  first" in str(errors[sandbox.tenant.schema])


@contextmanager
def one_connection(max_tenants: int, **options: str) -> Iterator[ConnectionPool]:
    async def opened() -> ConnectionPool:
        return ConnectionPool(
            {**engine().config, **options}, max_size=1, max_tenants=max_tenants, max_idle=60, timeout=GUARD
        )

    pool = portal().call(opened)
    try:
        yield pool
    finally:
        portal().call(pool.close)


def test_no_schema_is_tried_once_the_server_is_known_to_be_down(
    sandbox: Sandbox, other_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[BaseException] = []
    monkeypatch.setattr(each_schema, "SCHEMAS_AT_ONCE", 1)
    with one_connection(9, host=str(tmp_path)) as nowhere:
        monkeypatch.setattr(nowhere, "on_unavailable", tries.append)
        errors = add_partner(sandbox, other_sandbox, background=nowhere)
    assert errors.keys() == {sandbox.tenant.schema, other_sandbox.tenant.schema}
    assert all(isinstance(error, DatabaseUnavailable) for error in errors.values())
    assert len(tries) == 1


@pytest.mark.parametrize(("max_tenants", "kept"), [(2, True), (1, False)])
def test_a_connection_is_replaced_after_a_number_of_schemas(
    sandbox: Sandbox, other_sandbox: Sandbox, max_tenants: int, kept: bool
) -> None:
    """Its backend keeps the metadata of each schema."""

    async def backend() -> int:
        async with connection("background") as db:
            return int(await db.fetchval("SELECT pg_backend_pid()"))

    with one_connection(max_tenants) as pool:
        before = run(backend, pool)
        assert add_partner(sandbox, other_sandbox, background=pool) == {}
        assert (run(backend, pool) == before) is kept
