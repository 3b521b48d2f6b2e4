"""Creating, suspending, resuming, limiting and deleting tenants. Every worker hears of it at once."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from asyncpg import DeadlockDetectedError, DuplicateSchemaError, UniqueViolationError
from piccolo.columns import Column

from core.errors import GokartError
from database.embedded import binary
from database.pool import transaction
from database.pool_affinity import pool_affinity
from database.urls import command_line_url
from settings import settings
from tenants.cache import TRUST_SECONDS
from tenants.hosts import load_tenant
from tenants.migrations import run_pending
from tenants.nodes import distribute, has_citus
from tenants.tables import TenantRow
from tenants.tenant import Tenant, schema_of

LONGEST_NAME = 200


async def create_tenant(slug: str, name: str, fill: Callable[[Tenant], Awaitable[None]] | None = None) -> Tenant:
    """A new tenant: an empty schema at the latest version, with itself as its first publisher. `fill` adds to it in the
    same transaction. On a Citus cluster all of that goes to one of the nodes. Raises GokartError.
    """
    try:
        schema = schema_of(slug)
    except ValueError as error:
        raise GokartError(str(error)) from error
    name = validate_name(name)
    tenant = Tenant(uuid4(), slug, name, suspended=False, created_at=datetime.now(UTC))
    try:
        with pool_affinity(slug):
            await _create_schema(tenant, fill)
    except UniqueViolationError as error:
        raise GokartError(f"There is a tenant {slug!r} already.") from error
    except DuplicateSchemaError as error:
        raise GokartError(f"The database has a schema {schema} already, of no tenant.") from error
    return tenant


async def _create_schema(tenant: Tenant, fill: Callable[[Tenant], Awaitable[None]] | None) -> None:
    schema = tenant.schema
    async with transaction() as db:
        await TenantRow.insert(
            TenantRow(id=tenant.id, slug=tenant.slug, schema=schema, name=tenant.name, created_at=tenant.created_at)
        )
        await db.execute("SET LOCAL citus.enable_schema_based_sharding TO off")  # Citus gets it whole, below
        await db.execute(f"CREATE SCHEMA {schema}")
        await run_pending(tenant)
        await db.execute(f"INSERT INTO {schema}.partner (id, name) VALUES ($1, $2)", tenant.id, tenant.name)
        if fill:
            await fill(tenant)
        if await has_citus(db):
            await distribute(db, schema)


def validate_name(name: str) -> str:
    """Raises GokartError."""
    name = name.strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise GokartError(f"name: A tenant's display name has 1 to {LONGEST_NAME} characters.")
    return name


async def get_tenant(slug: str) -> Tenant:
    """Straight from the database. Raises GokartError where there is no such tenant."""
    tenant = await load_tenant(slug)
    if tenant is None:
        raise GokartError(f"There is no tenant {slug!r}.")
    return tenant


async def set_tenant_status(slug: str, status: str) -> None:
    """`suspended`: its hosts answer 403 and nothing is lost; `active`: as before. Raises GokartError."""
    await _update(slug, {TenantRow.status: status})


async def rename_tenant(slug: str, name: str) -> None:
    """Another display name, in reports too, unless the tenant goes by a name of its own there. Raises GokartError."""
    name = validate_name(name)
    tenant = await get_tenant(slug)
    async with transaction() as db:
        await _update(slug, {TenantRow.name: name})
        await db.execute(
            f"UPDATE {tenant.schema}.partner SET name = $3 WHERE id = $1 AND name = $2", tenant.id, tenant.name, name
        )


async def set_tenant_limits(slug: str, rate: float | None, burst: int | None, concurrency: int | None) -> None:
    """What each of the tenant's tokens may ask for, unless it has limits of its own; None: what the platform's may.

    Raises GokartError.
    """
    await _update(
        slug, {TenantRow.token_rate: rate, TenantRow.token_burst: burst, TenantRow.token_concurrency: concurrency}
    )


async def _update(slug: str, values: dict[Column | str, Any]) -> None:
    async with transaction():
        if not await TenantRow.update(values).where(TenantRow.slug == slug).returning(TenantRow.id):
            raise GokartError(f"There is no tenant {slug!r}.")


async def delete_tenant(slug: str, *, keep_dump: bool) -> Path | None:
    """Drops the tenant with all its data. Returns the file that `pg_restore` reads it back from, or None.

    Whatever intake has acknowledged is in the dump: its hosts are closed first, and a call that was under way already
    is waited for, or fails.
    """
    tenant = await get_tenant(slug)
    path = _new_dump_file(tenant) if keep_dump else None
    await set_tenant_status(slug, "suspended")
    if path:
        await asyncio.sleep(TRUST_SECONDS)  # by then every worker has heard
    while not await _dump_and_drop(tenant, path):
        pass  # a call was under way, and is done now
    return path


async def _dump_and_drop(tenant: Tenant, path: Path | None) -> bool:
    """False, with nothing dropped, where that ran into a deadlock with a call of intake."""
    try:
        async with transaction() as db:
            # The row first, as a migration does: the other way round the two could wait for each other.
            await TenantRow.delete().where(TenantRow.id == tenant.id)
            # Intake writes this table last: from here on it acknowledges nothing.
            await db.execute(f"LOCK TABLE {tenant.schema}.intake IN SHARE ROW EXCLUSIVE MODE")
            if path:
                await asyncio.to_thread(_dump_schema, tenant, path)
            await db.execute(f"DROP SCHEMA {tenant.schema} CASCADE")
    except DeadlockDetectedError:
        return False
    return True


def _new_dump_file(tenant: Tenant) -> Path:
    """An empty one in data_dir/dumps, for its owner alone to read."""
    folder = settings.data_dir / "dumps"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{tenant.slug}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"
    path.touch(mode=0o600, exist_ok=False)
    return path


def _dump_schema(tenant: Tenant, path: Path) -> None:
    """Writes the tenant's schema into the file. Raises GokartError, leaving no half-written one."""
    url, secrets = command_line_url()
    try:
        subprocess.run(
            [binary("pg_dump"), "--format=custom", f"--schema={tenant.schema}", f"--file={path}", f"--dbname={url}"],
            env={**os.environ, **secrets},
            capture_output=True,
            text=True,
            check=True,
        )
    except BaseException as error:
        path.unlink()
        if not isinstance(error, subprocess.CalledProcessError):
            raise
        why = error.stderr.strip() or str(error)
        raise GokartError(f"The dump failed, so nothing was deleted (the tenant is suspended): {why}") from error
