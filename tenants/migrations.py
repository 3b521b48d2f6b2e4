"""Bringing schemas up to date: the platform's own (Piccolo's runner), and each tenant's (ours, a transaction each).

A tenant's schema changes and the ledger's entry for it commit together. So a run may be interrupted anywhere and
started again, a tenant that fails is left as it was while the others go on, and of two runs at once the second
finds each tenant's work done.
"""

import contextlib
import io
import re
from collections.abc import AsyncIterator
from functools import cache

import asyncpg
import msgspec
from piccolo.apps.migrations.commands.base import BaseMigrationManager
from piccolo.apps.migrations.commands.forwards import run_forwards
from piccolo.conf.apps import MigrationModule
from piccolo.engine.postgres import PostgresTransaction

from core.errors import GokartError
from database.pool import transaction
from database.pool_affinity import pool_affinity
from database.urls import listen_url
from piccolo_conf import DB
from tenants.nodes import is_distributed
from tenants.schema.piccolo_app import APP_CONFIG
from tenants.tables import TENANT_COLUMNS, TenantMigration, TenantRow, tenant_from_row
from tenants.tenant import Tenant, bound_to, current_tenant

PLATFORM_LOCK = 0x676F6B61  # pg_advisory_lock of the platform's migrations
PIECE = re.compile(
    r"--[^\n]*|'[^']*'|\$\$.*?\$\$|[^-'$;]+|.", re.DOTALL
)  # of SQL: comments, strings, functions, the rest


class MigrationOutcome(msgspec.Struct, frozen=True):
    """What became of a tenant in a run. `error` is None where it is now at the latest version."""

    slug: str
    ran: int
    error: str | None


async def migrate_platform() -> None:
    """Creates or updates the tables in schema public. Waits for another run of itself."""
    lock = await asyncpg.connect(listen_url())  # a session's lock, which PgBouncer would lose
    try:
        await lock.execute("SELECT pg_advisory_lock($1)", PLATFORM_LOCK)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            result = await run_forwards("platform")
        if not result.success:
            raise GokartError(f"The platform's migrations failed: {said.getvalue()}")
    finally:
        await lock.close()


async def migrate_tenants(slugs: list[str]) -> AsyncIterator[MigrationOutcome]:
    """Brings each tenant to the latest version, in the order given, and says what became of it."""
    for slug in slugs:
        try:
            yield MigrationOutcome(slug, await migrate_tenant(slug), None)
        except OSError:
            raise  # nobody can be migrated now
        except Exception as error:  # noqa: BLE001  # of whatever kind: it is this tenant's, and the others go on
            reason = f"{type(error).__name__}: {error}"
            await TenantRow.update({TenantRow.migration_error: reason}).where(TenantRow.slug == slug)
            yield MigrationOutcome(slug, 0, reason)


async def migrate_tenant(slug: str) -> int:
    """Runs what this tenant has not seen, all or nothing. Returns how many migrations that were."""
    with pool_affinity(slug):
        async with transaction():
            rows = await TenantRow.raw(f"SELECT {TENANT_COLUMNS} FROM tenant WHERE slug = {{}} FOR UPDATE", slug)
            if not rows:
                raise GokartError(f"There is no tenant {slug!r}.")
            return await run_pending(tenant_from_row(rows[0]))


async def run_pending(tenant: Tenant) -> int:
    """The pending migrations of a tenant whose row the running transaction has locked or inserted."""
    seen = (
        await TenantMigration.select(TenantMigration.migration)
        .where(TenantMigration.tenant == tenant.id)
        .output(as_list=True)
    )
    pending = [name for name in sorted(migration_modules()) if name not in seen]
    for name in pending:
        manager = await migration_modules()[name].forwards()
        with bound_to(tenant):
            for step in manager.raw:  # all that these consist of; the manager's own run() would also print
                await step()
        await TenantMigration.raw("INSERT INTO tenant_migration (tenant, migration) VALUES ({}, {})", tenant.id, name)
    if pending:
        await TenantRow.update({TenantRow.version: max([*seen, *pending]), TenantRow.migration_error: None}).where(
            TenantRow.id == tenant.id
        )
    return len(pending)


@cache
def migration_modules() -> dict[str, MigrationModule]:
    """The migrations of a tenant's schema by their ID, which sorts them by time."""
    return BaseMigrationManager().get_migration_modules(APP_CONFIG.resolved_migrations_folder_path)


def latest_version() -> str:
    return max(migration_modules())


async def execute_in_schema(script: str) -> None:
    """Runs statements of a tenant's migration, with `{s}` for the schema of the bound tenant."""
    transaction = DB.current_transaction.get()
    assert isinstance(transaction, PostgresTransaction), "migrations run in the transaction of migrate_tenant"
    db, schema = transaction.connection, current_tenant().schema
    script = script.format(s=schema)
    if not await is_distributed(db, schema):
        await db.execute(script)
        return
    await db.execute("SET LOCAL citus.enable_unsafe_triggers TO on")
    for statement in split_statements(script):
        await db.execute(statement)


def split_statements(script: str) -> list[str]:
    """One by one, as Citus wants them: it sends a node the text that it was sent."""
    statements = [""]
    for piece in PIECE.findall(script):
        if piece == ";":
            statements.append("")
        elif not piece.startswith("--"):
            statements[-1] += piece
    return [statement.strip() for statement in statements if statement.strip()]
