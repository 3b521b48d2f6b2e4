"""Creates, changes, archives and deletes advertisers, offers and partners, as the current actor.

Rows with figures are never deleted: foreign keys of the ledger and the roll-ups prevent it.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from asyncpg import CheckViolationError, ForeignKeyViolationError, Record, UniqueViolationError

from catalog.fields import CatalogueKind, FieldValues
from core.errors import GokartError
from database.pool import Connection, connection
from database.transactions import transaction
from tenants.cache import notify_changed
from tenants.tenant import Tenant

REFUSALS = (CheckViolationError, UniqueViolationError)


class CatalogueError(GokartError):
    """Nothing was changed. The text may begin with the name of a field, as in “currency: …”."""


async def find_row(tenant: Tenant, kind: CatalogueKind, id_: UUID) -> Record | None:
    """All columns, and of an offer those of its advertiser: owner_name, owner_status and owner_currency."""
    s = tenant.schema
    owner = f"LEFT JOIN {s}.advertiser a ON a.id = t.advertiser" if kind.table == "offer" else ""
    columns = ", a.name AS owner_name, a.status AS owner_status, a.currency AS owner_currency" if owner else ""
    async with connection() as db:
        return await db.fetchrow(f"SELECT t.*{columns} FROM {s}.{kind.table} t {owner} WHERE t.id = $1", id_)


async def create_row(tenant: Tenant, kind: CatalogueKind, id_: UUID, values: FieldValues, **keys: UUID) -> None:
    """`keys` are further columns: the advertiser of an offer. Has no effect if the row exists with the same values,
    because the form was sent twice. Raises CatalogueError.
    """
    row: dict[str, Any] = {"id": id_, **values, **keys}
    marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    table = f"{tenant.schema}.{kind.table}"
    try:
        async with explained_refusals(tenant, kind), transaction() as db:
            created = await db.fetchval(
                f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) ON CONFLICT (id) DO NOTHING RETURNING id",
                *row.values(),
            )
            if created is None:
                stored = await db.fetchrow(f"SELECT {', '.join(row)} FROM {table} WHERE id = $1", id_)
                if stored is None or dict(stored) != row:
                    raise CatalogueError(f"id: There is another {kind.label} with this ID.")
            await notify_changed(db)
    except ForeignKeyViolationError as error:
        raise CatalogueError("advertiser: The advertiser does not exist.") from error


async def update_row(tenant: Tenant, kind: CatalogueKind, id_: UUID, values: FieldValues) -> None:
    """`values` are not empty. Raises CatalogueError, also if the currency of existing amounts would change."""
    assigned = ", ".join(f"{name} = ${n}" for n, name in enumerate(values, 2))
    async with explained_refusals(tenant, kind), transaction() as db:
        await db.execute(f"UPDATE {tenant.schema}.{kind.table} SET {assigned} WHERE id = $1", id_, *values.values())
        await notify_changed(db)


@asynccontextmanager
async def explained_refusals(tenant: Tenant, kind: CatalogueKind) -> AsyncIterator[None]:
    """Raises CatalogueError if a trigger or a constraint of the table refuses what the block writes."""
    try:
        yield
    except REFUSALS as error:
        async with connection() as db:
            column, sentence = await explain_refusal(db, tenant, kind, error)
        raise CatalogueError(f"{column}: {sentence}" if column else sentence) from error


async def explain_refusal(
    db: Connection, tenant: Tenant, kind: CatalogueKind, error: CheckViolationError | UniqueViolationError
) -> tuple[str, str]:
    """The column, empty if a constraint concerns several or one that is not a field, and a sentence.

    Triggers check the time zone and the currency. The operator may have added constraints.
    """
    if not error.constraint_name:
        return "time_zone" if "time zone" in str(error) else "currency", error.args[0]
    name = re.sub(r"_\d{6,}$", "", error.constraint_name)  # without the shard of a Citus cluster
    columns = await db.fetchval(
        """
        SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
        WHERE c.conrelid = $1::regclass AND c.conname = $2
        """,
        f"{tenant.schema}.{kind.table}",
        name,
    )
    refuses = f"The constraint {name} of the database refuses"
    if columns and len(columns) == 1 and columns[0] in {"status", *(field.name for field in kind.fields)}:
        return columns[0], f"{refuses} this value."
    return "", f"{refuses} these values{' of ' + ', '.join(columns) if columns else ''}."


async def set_status(tenant: Tenant, kind: CatalogueKind, ids: Sequence[UUID], status: str) -> None:
    """The status never affects which records are counted. Raises CatalogueError."""
    assert status in kind.statuses, "the caller has checked it"
    table = f"{tenant.schema}.{kind.table}"
    async with explained_refusals(tenant, kind), transaction() as db:
        await db.execute(f"SELECT FROM {table} WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE", list(ids))
        await db.execute(
            f"UPDATE {table} SET status = $2 WHERE id = ANY($1::uuid[]) AND status <> $2", list(ids), status
        )
        await notify_changed(db)


async def delete_row(tenant: Tenant, kind: CatalogueKind, id_: UUID) -> None:
    """Raises CatalogueError if it has figures, or if something else refers to it."""
    if kind.table == "partner" and id_ == tenant.id:
        raise CatalogueError("Conversions without a partner are reported under this one. It cannot be deleted.")
    try:
        async with transaction() as db:
            await db.execute(f"DELETE FROM {tenant.schema}.{kind.table} WHERE id = $1", id_)
            await notify_changed(db)
    except ForeignKeyViolationError as error:
        what = "offers, users or API keys" if kind.table == "advertiser" else "figures"
        raise CatalogueError(f"This {kind.label} has {what}, so it cannot be deleted. Archive it instead.") from error
