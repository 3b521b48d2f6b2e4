"""Creating, renaming, suspending, resuming and deleting tenants."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from asyncpg import DeadlockDetectedError, DuplicateSchemaError, UniqueViolationError
from piccolo.columns import Column

from core.errors import GokartError
from database.pool import Connection, pool_affinity
from database.transactions import lift_statement_timeout, transaction
from tenants.cache import TRUST_SECONDS
from tenants.config import schema_of_new, tenancy
from tenants.dumps import read_public_rows, write_dump
from tenants.migrations import run_pending
from tenants.nodes import distribute, has_citus
from tenants.tables import TenantRow, load_tenant
from tenants.tenant import Tenant

DELETE_LOCK_TIMEOUT = 300  # running requests end sooner
MAX_NAME_LENGTH = 200
TABLES_OF_SCHEMA = "SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename"


async def create_tenant(slug: str, name: str, fill: Callable[[Tenant], Awaitable[None]] | None = None) -> Tenant:
    """Creates a tenant and its schema at the latest version. `fill` adds data in the same transaction. On a Citus
    cluster, one node gets the schema. Raises GokartError.
    """
    schema = schema_of_new(slug)
    name = validate_name(name)
    tenant = tenancy().tenant_type(uuid4(), slug, name, suspended=False, created_at=datetime.now(UTC))
    try:
        with pool_affinity(schema):
            await _create_schema(tenant, fill)
    except UniqueViolationError as error:
        raise GokartError(f"There is a tenant {slug!r} already.") from error
    except DuplicateSchemaError as error:
        raise GokartError(f"The database already has a schema {schema} that belongs to no tenant.") from error
    return tenant


async def _create_schema(tenant: Tenant, fill: Callable[[Tenant], Awaitable[None]] | None) -> None:
    schema = tenant.schema
    async with transaction("schema") as db:
        await TenantRow.insert(
            TenantRow(id=tenant.id, slug=tenant.slug, schema=schema, name=tenant.name, created_at=tenant.created_at)
        )
        await db.execute("SET LOCAL citus.enable_schema_based_sharding TO off")  # the whole schema is distributed below
        await db.execute("SET LOCAL check_function_bodies TO off")  # they are checked where tenants are migrated
        await db.execute(f"CREATE SCHEMA {schema}")
        await run_pending(tenant)
        if on_create := tenancy().on_create:
            await on_create(db, tenant)
        if fill:
            await fill(tenant)
        if await has_citus(db):
            await distribute(db, schema)


def validate_name(name: str) -> str:
    """Raises GokartError."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise GokartError(f"name: A tenant's display name has 1 to {MAX_NAME_LENGTH} characters.")
    return name


async def get_tenant(slug: str) -> Tenant:
    """Reads the database. Raises GokartError if there is no such tenant."""
    tenant = await load_tenant(slug)
    if tenant is None:
        raise GokartError(f"There is no tenant {slug!r}.")
    return tenant


async def set_tenant_status(slug: str, status: str) -> None:
    """`suspended`: the tenant's hosts respond with 403; no data is lost. `active`: undoes that. Raises GokartError."""
    await update_tenant(slug, {TenantRow.status: status})


async def rename_tenant(slug: str, name: str) -> None:
    """Changes the display name. Hosts stay. Raises GokartError."""
    name = validate_name(name)
    tenant = await get_tenant(slug)
    async with transaction() as db:
        await update_tenant(slug, {TenantRow.name: name})
        if on_rename := tenancy().on_rename:
            await on_rename(db, tenant, name)


async def update_tenant(slug: str, values: dict[Column | str, Any]) -> None:
    """Raises GokartError if there is no such tenant."""
    async with transaction():
        if not await TenantRow.update(values).where(TenantRow.slug == slug).returning(TenantRow.id):
            raise GokartError(f"There is no tenant {slug!r}.")


async def delete_tenant(slug: str, *, keep_dump: bool) -> Path | None:
    """Drops the tenant with all its data. Returns the dump, which `tenants.dumps.restore_tenant` reads, or None.

    The dump contains every acknowledged write: the tenant is suspended first, and a running request finishes or fails.
    """
    tenant = await get_tenant(slug)
    path = _new_dump_file(tenant) if keep_dump else None
    await set_tenant_status(slug, "suspended")
    if path:
        await asyncio.sleep(TRUST_SECONDS)  # until every process knows
    while not await _dump_and_drop(tenant, path):
        pass  # a deadlock with a request, which has finished now
    return path


async def _dump_and_drop(tenant: Tenant, path: Path | None) -> bool:
    """False, with nothing dropped, after a deadlock with a running request."""
    try:
        async with transaction("schema") as db:
            await lift_statement_timeout(db)
            await db.execute(f"SET LOCAL lock_timeout = '{DELETE_LOCK_TIMEOUT}s'")
            # The row first, as a migration locks it: the other order could deadlock.
            await db.execute("SELECT FROM tenant WHERE id = $1 FOR UPDATE", tenant.id)
            rows = await read_public_rows(db, tenant.id, "suspended" if tenant.suspended else "active")
            await TenantRow.delete().where(TenantRow.id == tenant.id)
            await _lock_against_writes(db, tenant.schema)
            if path:
                await write_dump(tenant.schema, rows, path)
            await db.execute(f"DROP SCHEMA {tenant.schema} CASCADE")
    except DeadlockDetectedError:
        return False
    return True


async def _lock_against_writes(db: Connection, schema: str) -> None:
    tables = tenancy().dump_lock_tables
    if tables is None:
        tables = tuple(row["tablename"] for row in await db.fetch(TABLES_OF_SCHEMA, schema))
    for table in tables:
        await db.execute(f'LOCK TABLE {schema}."{table}" IN SHARE ROW EXCLUSIVE MODE')


def delete_dumps_before(before: datetime) -> int:
    """Deletes the dumps in this machine's directory that were written before. Returns how many."""
    old = [path for path in tenancy().dump_dir.glob("*.dump") if path.stat().st_mtime < before.timestamp()]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _new_dump_file(tenant: Tenant) -> Path:
    """An empty file that only its owner can read."""
    folder = tenancy().dump_dir
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{tenant.slug}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"
    path.touch(mode=0o600, exist_ok=False)
    return path
