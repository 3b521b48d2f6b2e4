"""A dump of a tenant: its schema in the format of pg_dump, with its rows of schema public in the comment of the schema.

Restoring streams the dump through psql in one transaction. The tenant stays suspended until its schema is migrated and,
on a Citus cluster, distributed.
"""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from core.errors import GokartError
from database.audit_context import current_actor
from database.embedded import binary
from database.engine import command_line_url, listen_url
from database.pool import Connection
from database.transactions import quote_literal, transaction
from tenants.config import schema_of_new, tenancy
from tenants.migrations import migrate_tenant
from tenants.nodes import distribute, has_citus
from tenants.tables import TenantRow
from tenants.tenant import schema_of

COMMENT = re.compile(r"^COMMENT ON SCHEMA (\w+) IS '((?:[^']|'')*)';$", re.MULTILINE)
DAMAGED = "\\.\nDO $$ BEGIN RAISE EXCEPTION 'the dump is damaged'; END $$;\n"  # rolls back
DUMPED_ROWS = """
SELECT to_jsonb(t) || jsonb_build_object('status', $2::text) AS tenant,
    (SELECT coalesce(jsonb_agg(to_jsonb(m) - 'id' ORDER BY m.id), '[]') FROM tenant_migration m WHERE m.tenant = t.id)
        AS migrations
FROM tenant t WHERE id = $1
"""


class PublicRows(msgspec.Struct):
    """A tenant's rows of schema public, in `tenant` and `tenant_migration`, by column."""

    tenant: dict[str, Any]
    migrations: list[dict[str, Any]]


async def read_public_rows(db: Connection, tenant: object, status: str) -> PublicRows:
    """`status` is the one that a restored tenant gets: a tenant is suspended before it is dumped."""
    row = await db.fetchrow(DUMPED_ROWS, tenant, status)
    assert row is not None, "the tenant's row is locked"
    return PublicRows(msgspec.json.decode(row["tenant"]), msgspec.json.decode(row["migrations"]))


async def write_dump(schema: str, rows: PublicRows, path: Path) -> None:
    """Writes the dump into the file. Deletes the file on failure. Raises GokartError.

    The caller has locked the tenant's tables. The comment is committed on another connection, so that pg_dump sees it.
    """
    try:
        db = await asyncpg.connect(listen_url())
        try:
            await db.execute(f"COMMENT ON SCHEMA {schema} IS {quote_literal(msgspec.json.encode(rows).decode())}")
        finally:
            await db.close()
        await asyncio.to_thread(run_program, "pg_dump", "--format=custom", f"--schema={schema}", f"--file={path}")
    except BaseException as error:
        await asyncio.to_thread(path.unlink)
        if not isinstance(error, subprocess.CalledProcessError):
            raise
        reason = error.stderr.strip() or str(error)
        raise GokartError(f"The dump failed, so nothing was deleted (the tenant is suspended): {reason}") from error


async def restore_tenant(path: Path, slug: str | None) -> str:
    """Restores the tenant of a dump, under another slug if one is given. Returns its slug. Raises GokartError."""
    script = await asyncio.to_thread(read_archive, path, "--section=pre-data")
    found = COMMENT.search(script)
    if found is None:
        raise GokartError(f"{path} is not a dump of `gokart tenants delete`, or an older version wrote it.")
    rows = msgspec.json.decode(found[2].replace("''", "'"), type=PublicRows)
    status, slug = rows.tenant["status"], slug or rows.tenant["slug"]
    # A tenant that was created before its label was reserved can be restored as it was.
    schema = schema_of(slug) if slug == rows.tenant["slug"] else schema_of_new(slug)
    await check_free(slug, rows)
    rows.tenant |= {"slug": slug, "schema": schema, "status": "suspended"}
    try:
        await asyncio.to_thread(run_script, path, found[1], schema, rows)
    except subprocess.CalledProcessError as error:
        raise GokartError(f"Nothing was restored: {error.stderr.strip() or error}") from error
    await migrate_tenant(slug)
    async with transaction() as db:
        if on_restore := tenancy().on_restore:
            await on_restore(db, schema)
        await db.execute("SELECT FROM tenant WHERE slug = $1 FOR UPDATE", slug)
        if await has_citus(db):
            await distribute(db, schema)
        await TenantRow.update({TenantRow.status: status}).where(TenantRow.slug == slug)
    return slug


async def check_free(slug: str, rows: PublicRows) -> None:
    """Raises GokartError."""
    for row in await TenantRow.select(TenantRow.slug, TenantRow.id):
        if row["slug"] == slug:
            raise GokartError(f"There is a tenant {slug!r} already: choose another name with --as.")
        if str(row["id"]) == rows.tenant["id"]:
            raise GokartError(f"This dump has been restored already, as {row['slug']!r}.")


def read_archive(path: Path, *options: str) -> str:
    """The dump, or a part of it, as SQL. Raises GokartError."""
    if not path.is_file():
        raise GokartError(f"{path}: There is no such file.")
    try:
        return subprocess.run(
            [binary("pg_restore"), "--no-owner", "--no-privileges", *options, "--file=-", path],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except subprocess.CalledProcessError as error:
        raise GokartError(f"{path}: {error.stderr.strip() or error}") from error


def run_script(path: Path, old: str, new: str, rows: PublicRows) -> None:
    """Restores schema `old` of the dump as `new`, and the rows, in one transaction. Raises CalledProcessError."""
    url, secrets = command_line_url()
    restore = [str(binary("pg_restore")), "--no-owner", "--no-privileges", "--exit-on-error", "--file=-", str(path)]
    psql = [str(binary("psql")), "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file=-"]
    with (
        subprocess.Popen(restore, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reading,
        subprocess.Popen(
            [*psql, "--output=/dev/null", f"--dbname={url}"],
            env={**os.environ, **secrets},
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as writing,
    ):
        assert reading.stdout
        assert reading.stderr
        assert writing.stdin
        assert writing.stderr
        try:
            for line in script_lines(reading.stdout, old.encode(), new.encode()):
                writing.stdin.write(line)
            writing.stdin.write((insert_rows_sql(rows) if reading.wait() == 0 else DAMAGED).encode())
            writing.stdin.close()
            errors = (reading.stderr.read() or writing.stderr.read()).decode()
        except BrokenPipeError:  # psql has stopped at an error
            reading.kill()
            with suppress(BrokenPipeError):
                writing.stdin.close()
            errors = writing.stderr.read().decode()
        code = reading.wait() or writing.wait()
    if code:
        raise subprocess.CalledProcessError(code, "psql", stderr=errors)


def script_lines(dump: Iterable[bytes], old: bytes, new: bytes) -> Iterator[bytes]:
    """The SQL of a dump with another schema. Rows between COPY and a line with \\. are data, and stay as they are."""
    yield b"SET citus.enable_schema_based_sharding TO off;\n"  # the whole schema is distributed later
    name = re.compile(rb"\b" + old + rb"\b")
    copying = False
    for line in dump:
        if copying:
            copying = line != b"\\.\n"
            yield line
        else:
            copying = line.startswith(b"COPY ") and line.endswith(b"FROM stdin;\n")
            yield name.sub(new, line)


def insert_rows_sql(rows: PublicRows) -> str:
    actor = current_actor()
    statements = [
        "SET search_path TO public",  # pg_restore has emptied it
        f"SET LOCAL gokart.actor TO {quote_literal(actor.name if actor else '')}",
        f"COMMENT ON SCHEMA {rows.tenant['schema']} IS NULL",
        insert_sql("tenant", rows.tenant),
        *(insert_sql("tenant_migration", row) for row in rows.migrations),
    ]
    return "".join(f"{statement};\n" for statement in statements)


def insert_sql(table: str, row: dict[str, Any]) -> str:
    """Columns that the dump does not have get their defaults."""
    names = ", ".join(f'"{name}"' for name in row)
    literal = quote_literal(msgspec.json.encode(row).decode())
    return f"INSERT INTO {table} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{table}, {literal})"


def run_program(name: str, *arguments: str) -> None:
    """Runs one of PostgreSQL's programs on the database. Raises CalledProcessError."""
    url, secrets = command_line_url()
    subprocess.run(
        [binary(name), *arguments, f"--dbname={url}"],
        env={**os.environ, **secrets},
        capture_output=True,
        text=True,
        check=True,
    )
