"""The declared Piccolo tables match the migrated database, and each entity is declared once."""

import re
from collections import Counter
from importlib import import_module

import pytest
from piccolo.columns import Column, ForeignKey, Numeric
from piccolo.table import Table

import admin.piccolo.app  # noqa: F401
import catalog.tenants  # noqa: F401
from settings import PROJECT
from tenants.tables import TenantRow
from tenants.tenant import PublicTable, TenantTable, bound_to
from tests.support.database import execute
from tests.support.sandbox import Sandbox

PACKAGES = {path.parent.name for path in PROJECT.glob("*/__init__.py")} - {"examples", "tests"}
ADMIN = "admin.piccolo."
SQL_TYPES = {
    "SERIAL": "integer",
    "BIGSERIAL": "bigint",
    "VARCHAR": "character varying",
    "TIMESTAMPTZ": "timestamp with time zone",
}
EXTENDED_BY_THE_PLATFORM = {TenantRow}  # `tenants` reads the platform's columns by the configured tenant type

for package in PACKAGES:
    for file in (PROJECT / package).glob("**/tables.py"):
        import_module(".".join(file.relative_to(PROJECT).with_suffix("").parts))


def subclasses(table: type[Table]) -> list[type[Table]]:
    return [each for child in table.__subclasses__() for each in (child, *subclasses(child))]


TABLES = [
    table
    for table in subclasses(Table)
    if table not in {PublicTable, TenantTable}
    and table.__module__.split(".")[0] in PACKAGES
    and table._meta.tablename != "migration"
]
DECLARATIONS = [table for table in TABLES if not table.__module__.startswith(ADMIN)]
# A table that extends a declared one, as GokartTenantRow does, adds columns and repeats none.
NEW_ENTITIES = [table for table in DECLARATIONS if not any(base in DECLARATIONS for base in table.__mro__[1:])]


def declared_type(column: Column) -> str:
    if isinstance(column, ForeignKey):
        column = column._foreign_key_meta.resolved_references._meta.primary_key
    name, length, array = re.fullmatch(r"([A-Z ]+)(\(.*?\))?(\[\])?", column.column_type).groups("")  # type: ignore[union-attr]
    assert not isinstance(column, Numeric) or not length
    return SQL_TYPES.get(name, name.lower()) + length + array


def database_columns(schema: str, table: str) -> dict[str, tuple[str, bool]]:
    """(type, nullable) by name."""
    rows = execute(
        """
        SELECT attname, format_type(atttypid, atttypmod) AS type, NOT attnotnull AS nullable
        FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
        """,
        f"{schema}.{table}",
    )
    return {row["attname"]: (row["type"], row["nullable"]) for row in rows}


def schemas_of(table: type[Table], sandbox: Sandbox) -> list[str]:
    """Platform staff and the platform's audit log have the same columns as those of a tenant."""
    if not issubclass(table, TenantTable):
        return ["public"]
    return [sandbox.tenant.schema] + (["public"] if table._meta.tablename in {"staff", "audit_log"} else [])


@pytest.mark.parametrize("table", DECLARATIONS, ids=lambda table: table.__name__)
def test_a_declared_table_has_the_columns_of_the_database(module_sandbox: Sandbox, table: type[Table]) -> None:
    with bound_to(module_sandbox.tenant):
        declared = {c._meta.name: (declared_type(c), c._meta.null) for c in table._meta.columns}
    for schema in schemas_of(table, module_sandbox):
        existing = database_columns(schema, table._meta.tablename)
        if table in EXTENDED_BY_THE_PLATFORM:
            existing = {name: existing[name] for name in existing if name in declared}
        assert declared == existing


@pytest.mark.parametrize("table", [t for t in TABLES if t not in DECLARATIONS], ids=lambda table: table.__name__)
def test_an_admin_table_has_columns_of_the_database(module_sandbox: Sandbox, table: type[Table]) -> None:
    existing = database_columns(module_sandbox.tenant.schema, table._meta.tablename)
    with bound_to(module_sandbox.tenant):
        declared = {c._meta.name: declared_type(c) for c in table._meta.columns}
    assert declared == {name: existing[name][0] for name in existing if name in declared}


def test_each_entity_is_declared_once() -> None:
    declared = Counter(table._meta.tablename for table in NEW_ENTITIES)
    assert {name for name, count in declared.items() if count > 1} == set()
    listed = {table._meta.tablename for table in TABLES if table.__module__ == f"{ADMIN}tables"}
    assert listed <= set(declared)
    assert listed >= {"advertiser", "api_token", "staff"}
