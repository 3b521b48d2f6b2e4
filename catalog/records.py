"""Creates, changes, archives and deletes advertisers, offers and partners, as the current actor.

Rows with figures are never deleted: foreign keys of the ledger and the roll-ups prevent it.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from asyncpg import CheckViolationError, ForeignKeyViolationError, Record

from catalog.fields import CatalogueKind, FieldValues
from core.errors import GokartError
from database.pool import connection
from database.transactions import transaction
from tenants.cache import notify_changed
from tenants.tenant import Tenant


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
        async with transaction() as db:
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
    try:
        async with transaction() as db:
            await db.execute(f"UPDATE {tenant.schema}.{kind.table} SET {assigned} WHERE id = $1", id_, *values.values())
            await notify_changed(db)
    except CheckViolationError as error:
        raise CatalogueError(f"{refused_column(kind, error)}: {error.args[0]}") from error


def refused_column(kind: CatalogueKind, error: CheckViolationError) -> str:
    """That of a constraint of the table, or of one of its triggers, which check the time zone and the currency."""
    if error.constraint_name:
        return error.constraint_name.removeprefix(f"{kind.table}_").removesuffix("_check")
    return "time_zone" if "time zone" in str(error) else "currency"


async def set_status(tenant: Tenant, kind: CatalogueKind, ids: Sequence[UUID], status: str) -> None:
    """The status never affects which records are counted."""
    assert status in kind.statuses, "the caller has checked it"
    table = f"{tenant.schema}.{kind.table}"
    async with transaction() as db:
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
