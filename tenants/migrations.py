"""Migrations: the platform's with Piccolo's runner, each tenant's in a transaction of its own.

A tenant's pending migrations and their records in `tenant_migration` commit together. A run may be interrupted at any
point and started again; a tenant whose migration fails stays at its version while the others go on; of two concurrent
runs the second finds each tenant migrated.

Piccolo's migrations import a code formatter, ten megabytes. So they are imported where migrations run; a server that
compares its version with the database's reads the files' texts instead.
"""

import asyncio
import contextlib
import io
import random
import re
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import structlog
from piccolo.engine.postgres import PostgresTransaction

from core.errors import GokartError
from database.engine import engine, listen_url
from database.pool import Connection, DatabaseUnavailable, SchemaContracted, connection, pool_affinity
from database.transactions import lift_statement_timeout, transaction
from tenants.config import tenancy
from tenants.nodes import has_citus, is_distributed
from tenants.tables import TenantMigration, TenantRow, tenant_columns, tenant_from_row
from tenants.tenant import Tenant, bound_to, current_tenant, schema_of

if TYPE_CHECKING:
    from piccolo.conf.apps import MigrationModule

CONTRACT = "-contract"  # ends the ID of a migration on whose result the previous release does not work
MIGRATION_ID = re.compile(r'^ID = "(.+)"$', re.MULTILINE)
LOCK_ATTEMPTS = 20
PLATFORM_LOCK = 0x676F6B61  # pg_advisory_lock key
SQL_PART = re.compile(r"--[^\n]*|'[^']*'|\$\$.*?\$\$|[^-'$;]+|.", re.DOTALL)  # comment, string, function body, other


UNKNOWN = """
SELECT name FROM migration WHERE app_name = ANY($1) AND name <> ALL($2)
UNION
SELECT migration FROM tenant_migration WHERE migration <> ALL($3)
ORDER BY 1
"""

log = structlog.get_logger()
_logged_unknown: set[str] = set()


class MigrationOutcome(msgspec.Struct, frozen=True):
    """The result for one tenant: the number of migrations run, or the error."""

    slug: str
    ran: int
    error: str | None


async def migrate_platform() -> None:
    """Creates or updates the tables in schema public. Waits for a concurrent run. Raises GokartError."""
    from piccolo.apps.migrations.commands.forwards import run_forwards

    lock = await asyncpg.connect(listen_url())  # a session lock, which PgBouncer would lose
    try:
        await lock.execute("SET lock_timeout = 0; SET statement_timeout = 0")
        await lock.execute("SELECT pg_advisory_lock($1)", PLATFORM_LOCK)
        if engine().options.pgbouncer:
            await set_role_timeouts(lock)
        if await has_citus(lock):
            await show_all_tables(lock)
        if await lock.fetchval("SELECT to_regclass('tenant_migration') IS NOT NULL"):
            await unknown_migrations(lock)
        for app in platform_folders():
            output = io.StringIO()
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                result = await run_forwards(app)
            if not result.success:
                raise GokartError(f"The platform's migrations failed: {output.getvalue()}")
    finally:
        await lock.close()


async def set_role_timeouts(db: asyncpg.Connection) -> None:
    """PgBouncer refuses the timeouts of a connection, so they become defaults of the role in this database."""
    database = await db.fetchval("SELECT quote_ident(current_database())")
    for name, value in engine().timeouts.items():
        await db.execute(f"ALTER ROLE CURRENT_USER IN DATABASE {database} SET {name} = '{value}'")


async def show_all_tables(db: asyncpg.Connection) -> None:
    """Citus hides the shards' tables from pg_class, at a cost for each of its rows: asyncpg's queries about types took
    seconds per connection, and more with each tenant. Without that they take milliseconds.
    """
    database = await db.fetchval("SELECT quote_ident(current_database())")
    await db.execute(f"ALTER DATABASE {database} SET citus.override_table_visibility TO off")


async def migrate_tenants(slugs: list[str]) -> AsyncIterator[MigrationOutcome]:
    """Migrates each tenant to the latest version, in this order."""
    for slug in slugs:
        try:
            yield MigrationOutcome(slug, await migrate_tenant(slug), None)
        except OSError:
            raise  # no tenant can be migrated now
        except Exception as error:  # noqa: BLE001  # any error of one tenant: the others go on
            reason = f"{type(error).__name__}: {error}"
            await TenantRow.update({TenantRow.migration_error: reason}).where(TenantRow.slug == slug)
            yield MigrationOutcome(slug, 0, reason)


async def migrate_tenant(slug: str) -> int:
    """Runs the pending migrations of a tenant, all or nothing. Returns their number. Raises GokartError.

    A migration that waits for a lock makes all later requests of the tenant wait behind it. So it gives up after the
    connection's lock_timeout and tries again, at most LOCK_ATTEMPTS times.
    """
    for attempt in range(1, LOCK_ATTEMPTS):
        try:
            return await try_to_migrate_tenant(slug)
        except DatabaseUnavailable as error:
            if not isinstance(error.__cause__, asyncpg.LockNotAvailableError):
                raise
            await asyncio.sleep(random.uniform(0.5, 1) * min(attempt, 5))  # noqa: S311  # requests run meanwhile
    return await try_to_migrate_tenant(slug)


async def try_to_migrate_tenant(slug: str) -> int:
    with pool_affinity(schema_of(slug)):
        async with transaction("schema") as db:
            await lift_statement_timeout(db)
            rows = await TenantRow.raw(f"SELECT {tenant_columns()} FROM tenant WHERE slug = {{}} FOR UPDATE", slug)
            if not rows:
                raise GokartError(f"There is no tenant {slug!r}.")
            return await run_pending(tenant_from_row(rows[0]))


async def run_pending(tenant: Tenant) -> int:
    """Runs them in the running transaction, which has locked or inserted the tenant's row. Returns their number."""
    done = (
        await TenantMigration.select(TenantMigration.migration)
        .where(TenantMigration.tenant == tenant.id)
        .output(as_list=True)
    )
    pending = [name for name in sorted(migration_modules()) if name not in done]
    for name in pending:
        manager = await migration_modules()[name].forwards()
        with bound_to(tenant):
            for step in manager.raw:  # they consist of nothing else; the manager's run() would print
                await step()
        await TenantMigration.raw("INSERT INTO tenant_migration (tenant, migration) VALUES ({}, {})", tenant.id, name)
    if pending:
        await TenantRow.update({TenantRow.version: max([*done, *pending]), TenantRow.migration_error: None}).where(
            TenantRow.id == tenant.id
        )
    return len(pending)


async def unknown_migrations(db: Connection) -> list[str]:
    """The IDs of later versions' migrations, which leave in place what this version uses.

    Raises SchemaContracted if one of them does not.
    """
    apps = platform_folders()
    known = [name for folder in apps.values() for name in migration_ids(folder)]
    rows = await db.fetch(UNKNOWN, list(apps), known, migration_ids(tenancy().tenant_migrations))
    unknown = [row["name"] for row in rows]
    if contracted := [name for name in unknown if name.endswith(CONTRACT)]:
        raise SchemaContracted(contracted)
    return unknown


async def check_version() -> None:
    """Raises SchemaContracted. Logs once that the database is newer."""
    async with connection() as db:
        unknown = await unknown_migrations(db)
    if new := [name for name in unknown if name not in _logged_unknown]:
        _logged_unknown.update(new)
        log.warning("the database is newer than this version, which works on it", migrations=new)


def platform_folders() -> dict[str, Path]:
    """The folders of the migrations of schema public, by the name of their Piccolo app, in order."""
    return {"tenants": Path(__file__).parent / "piccolo_migrations", **tenancy().platform_migrations}


@cache
def migration_ids(folder: Path) -> list[str]:
    """The IDs of the migrations in a folder, which are timestamps, in order."""
    found = [MIGRATION_ID.search(file.read_text(encoding="utf-8")) for file in folder.glob("*.py")]
    return sorted(match[1] for match in found if match)


@cache
def migration_modules() -> "dict[str, MigrationModule]":
    """The migrations of a tenant's schema by ID."""
    from piccolo.apps.migrations.commands.base import BaseMigrationManager

    return BaseMigrationManager().get_migration_modules(str(tenancy().tenant_migrations))


def latest_version() -> str:
    return migration_ids(tenancy().tenant_migrations)[-1]


async def execute_in_schema(script: str) -> None:
    """Runs the SQL of a tenant's migration. `{s}` is the schema of the bound tenant."""
    db, schema = _migration_connection(), current_tenant().schema
    script = script.format(s=schema)
    if not await is_distributed(db, schema):
        await db.execute(script)
        return
    await db.execute("SET LOCAL citus.enable_unsafe_triggers TO on")
    for statement in split_statements(script):
        await db.execute(statement)


async def execute_in_public(script: str) -> None:
    """Runs the SQL of a platform migration."""
    db = _migration_connection()
    await lift_statement_timeout(db)
    await db.execute(script)


def _migration_connection() -> asyncpg.Connection:
    running = engine().current_transaction.get()
    assert isinstance(running, PostgresTransaction), "migrations run in a transaction"
    connection: asyncpg.Connection = running.connection
    return connection


def split_statements(script: str) -> list[str]:
    """For Citus, which sends each text to a node as it is and refuses two commands in one."""
    statements = [""]
    for part in SQL_PART.findall(script):
        if part == ";":
            statements.append("")
        elif not part.startswith("--"):
            statements[-1] += part
    return [statement.strip() for statement in statements if statement.strip()]
