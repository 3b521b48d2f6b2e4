"""Statements that are executed in the schemas of many tenants at once."""

import pytest

from database import each_schema
from database.each_schema import execute_each
from database.pool import DatabaseUnavailable, connection
from database.sql import SqlText
from tests.support.app_calls import run
from tests.support.database import execute, locked
from tests.support.sandbox import Sandbox

PARTNER = "5b0c9a1e-8f9c-4f67-9a58-7d2f3f6f3a11"
ADD_PARTNER = SqlText(f"INSERT INTO {{schema}}.partner (id, name) SELECT '{PARTNER}', :partner::json ->> 'name'")


def partners(sandbox: Sandbox) -> list[str]:
    rows = execute("SELECT name FROM {s}.partner WHERE id = $1", PARTNER, schema=sandbox.tenant.schema)
    return [row["name"] for row in rows]


def add_partner(*sandboxes: Sandbox, name: str = "New") -> dict[str, Exception]:
    return run(lambda: execute_each(ADD_PARTNER, {each.tenant.schema: {"name": name} for each in sandboxes}))


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


@pytest.mark.parametrize("at_once", [1, 2])
def test_all_schemas_count_as_served_by_the_connection(
    sandbox: Sandbox, other_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """A connection is replaced after a number of tenants, whose metadata its backend keeps."""
    monkeypatch.setattr(each_schema, "SCHEMAS_AT_ONCE", at_once)

    async def served() -> set[str]:
        async with connection("background") as db:
            return set(db.tenants)

    assert add_partner(sandbox, other_sandbox) == {}
    assert {sandbox.tenant.schema, other_sandbox.tenant.schema} <= run(served)
