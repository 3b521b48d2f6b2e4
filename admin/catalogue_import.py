"""Imports of catalogue CSV files: a preview of what each line creates or changes, and the import in one transaction."""

from asyncio import to_thread
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any
from uuid import UUID, uuid5

import msgspec
from asyncpg import ForeignKeyViolationError, Record, UniqueViolationError

from admin.catalogue_effects import status_effects
from catalog.fields import CatalogueKind, FieldValues, read_fields
from catalog.records import REFUSALS, explain_refusal
from core.errors import GokartError
from core.spreadsheets import unescape_formula
from database.pool import Connection, connection
from database.transactions import transaction
from ingest.correction_files import MAX_ROWS, CorrectionsError, normalize_column, quote_cell, read_csv
from tenants.cache import notify_changed
from tenants.tenant import Tenant
from web.pages.branding import current_branding

IGNORED = ("advertiser_name", "created_at", "singular_enabled")  # of exported files


class ImportOutdatedError(GokartError):
    """Nothing was changed."""

    def __init__(self) -> None:
        super().__init__("The file, or a row that it changes, has changed since the preview. Check the new preview.")


class ImportRefusedError(GokartError):
    """The database refuses the value of a cell that the preview accepts. The text names line and column. Nothing was
    changed.
    """


class ImportRow(msgspec.Struct):
    """A line of the file; `line` is its number in a spreadsheet. `old` is None for a new row. `values` are the columns
    that it sets, and `keys` the other ids that a new row needs: an offer's advertiser.
    """

    line: int
    id: UUID
    old: Mapping[str, Any] | None
    values: FieldValues
    keys: dict[str, UUID]
    errors: list[str]

    @property
    def name(self) -> str:
        return self.values.get("name") or (self.old or {}).get("name") or ""

    @property
    def changes(self) -> list[tuple[str, str | None, str | None]]:
        """Column, value before and after."""
        old = self.old or {}
        return [(name, old.get(name), value) for name, value in self.values.items() if value != old.get(name)]


class ImportPreview(msgspec.Struct, frozen=True):
    """`effects` are those of changes of the status: for each new one, a heading and sentences."""

    digest: str
    effects: list[tuple[str, list[str]]]
    created: list[ImportRow]
    changed: list[ImportRow]
    invalid: list[ImportRow]
    unchanged: int


def import_columns(kind: CatalogueKind) -> list[str]:
    keys = ["id", "advertiser_id"] if kind.table == "offer" else ["id"]
    return [*keys, *(field.name for field in kind.fields), "status"]


async def preview_import(tenant: Tenant, kind: CatalogueKind, content: bytes, seed: UUID) -> ImportPreview:
    """`seed` determines the ids of new rows. Raises CorrectionsError if the file as a whole is invalid."""
    lines = await to_thread(read_file, kind, content)
    async with connection() as db:
        return await compare(db, tenant, kind, lines, seed)


async def apply_import(tenant: Tenant, kind: CatalogueKind, content: bytes, seed: UUID, digest: str) -> ImportPreview:
    """Raises ImportOutdatedError, ImportRefusedError, and CorrectionsError if the file as a whole is invalid."""
    lines = await to_thread(read_file, kind, content)
    try:
        async with transaction() as db:
            preview = await compare(db, tenant, kind, lines, seed, lock=True)
            if preview.digest != digest or preview.invalid:
                raise ImportOutdatedError
            rows = preview.created + preview.changed
            try:
                async with transaction():
                    await save(db, tenant, kind, rows)
            except REFUSALS:
                await raise_refusal(db, tenant, kind, rows)
            await notify_changed(db)
    except (UniqueViolationError, ForeignKeyViolationError) as error:
        raise ImportOutdatedError from error
    return preview


async def raise_refusal(db: Connection, tenant: Tenant, kind: CatalogueKind, rows: Sequence[ImportRow]) -> None:
    """Saves the rows one by one and raises ImportRefusedError for the first one that the database refuses. Raises
    UniqueViolationError if a new row exists by now.
    """
    for row in sorted(rows, key=lambda each: each.line):
        try:
            async with transaction():
                await save(db, tenant, kind, [row])
        except REFUSALS as error:
            if (error.constraint_name or "").startswith(f"{kind.table}_pkey"):
                raise
            column, sentence = await explain_refusal(db, tenant, kind, error)
            cell = f"Line {row.line}, {column}" if column else f"Line {row.line}"
            raise ImportRefusedError(f"{cell}: {sentence} Nothing was changed.") from error


def read_file(kind: CatalogueKind, content: bytes) -> list[tuple[int, dict[str, str]]]:
    """The lines with their cells by column. Raises CorrectionsError."""
    _, rows = read_csv(content)
    if b"\0" in content:
        raise CorrectionsError("The file contains NUL characters. It is not a CSV file.")
    header = read_columns(kind, next(rows, (1, []))[1])
    lines = []
    for line, cells in rows:
        if any(cell.strip() for cell in cells):
            if any(cell.strip() for cell in cells[len(header) :]):
                raise CorrectionsError(f"Row {line} has {len(cells)} cells, the header has {len(header)}.")
            padded = [unescape_formula(cell.strip()) for cell in cells] + [""] * (len(header) - len(cells))
            lines.append((line, {name: cell for name, cell in zip(header, padded, strict=False) if name}))
        if len(lines) > MAX_ROWS:
            raise CorrectionsError(f"The file has more than {MAX_ROWS:,} rows. Split it into several files.")
    if not lines:
        raise CorrectionsError("The file has no rows below its header.")
    return lines


def read_columns(kind: CatalogueKind, cells: Sequence[str]) -> list[str]:
    """The column of each cell, empty for one that is ignored. Raises CorrectionsError."""
    known = {normalize_column(name): name for name in import_columns(kind)}
    ignored = {normalize_column(name) for name in IGNORED}
    names = [cell for cell in cells if cell.strip()]
    unknown = [cell for cell in names if normalize_column(cell) not in known and normalize_column(cell) not in ignored]
    if unknown or not names:
        raise CorrectionsError(
            f"Row 1 must name the columns, separated by commas or semicolons: {', '.join(known.values())}. "
            + (f"Unknown: {', '.join(map(quote_cell, unknown[:5]))}." if unknown else "It is empty.")
        )
    header = [known.get(normalize_column(cell), "") for cell in cells]
    if twice := [name for name, times in Counter(filter(None, header)).items() if times > 1]:
        raise CorrectionsError(f"Row 1 repeats a column: {', '.join(twice)}.")
    return header


async def compare(
    db: Connection,
    tenant: Tenant,
    kind: CatalogueKind,
    lines: Sequence[tuple[int, dict[str, str]]],
    seed: UUID,
    *,
    lock: bool = False,
) -> ImportPreview:
    s = tenant.schema
    rows = [read_row(kind, line, cells, seed) for line, cells in lines]
    lock_sql = "FOR NO KEY UPDATE" if lock else ""
    found = await db.fetch(
        f"SELECT * FROM {s}.{kind.table} WHERE id = ANY($1::uuid[]) ORDER BY id {lock_sql}", [row.id for row in rows]
    )
    old = {row["id"]: row for row in found}
    seen: dict[UUID, int] = {}
    for row, (_, cells) in zip(rows, lines, strict=True):
        if first := seen.get(row.id):
            row.errors.append(f"id: line {first} has the same ID")
        seen.setdefault(row.id, row.line)
        complete(kind, row, old.get(row.id))
        if kind.table == "advertiser" and not row.old and not cells.get("time_zone"):
            row.values["time_zone"] = current_branding().time_zone
    if kind.table == "offer":
        owners = await db.fetch(
            f"SELECT id FROM {s}.advertiser WHERE id = ANY($1::uuid[])",
            [row.keys["advertiser"] for row in rows if "advertiser" in row.keys],
        )
        check_owners(rows, {owner["id"] for owner in owners})
    if kind.table == "advertiser":
        await check_currencies(db, s, rows)
    valid = [row for row in rows if not row.errors]
    changed = [row for row in valid if row.old and row.changes]
    created = [row for row in valid if not row.old]
    shown = [(str(row.id), row.changes, sorted(row.keys.items())) for row in created + changed]
    return ImportPreview(
        effects=await effects_by_status(db, tenant, kind, changed),
        digest=blake2b(repr(shown).encode()).hexdigest()[:32],
        created=created,
        changed=changed,
        invalid=[row for row in rows if row.errors],
        unchanged=len(valid) - len(changed) - len(created),
    )


async def effects_by_status(
    db: Connection, tenant: Tenant, kind: CatalogueKind, changed: Sequence[ImportRow]
) -> list[tuple[str, list[str]]]:
    """As the page that changes the status of rows shows them."""
    found = []
    for status in kind.statuses:
        old = [row.old for row in changed if row.old and row.values.get("status", row.old["status"]) == status]
        if changing := [row for row in old if row["status"] != status]:
            many = len(changing) != 1
            heading = f"{len(changing):,} {kind.plural if many else kind.label} become{'' if many else 's'} {status}"
            found.append((heading, await status_effects(db, tenant, kind, changing, status)))
    return found


def read_row(kind: CatalogueKind, line: int, cells: Mapping[str, str], seed: UUID) -> ImportRow:
    """A row without an id is new: it gets one that the seed and the line determine."""
    values, errors = read_fields(kind, cells)
    row = ImportRow(line, uuid5(seed, str(line)), None, values, {}, [])
    row.errors = [f"{name}: {message}" for name, message in errors.items()]
    for column, key in (("id", ""), ("advertiser_id", "advertiser")):
        if not (text := cells.get(column, "")):
            continue
        try:
            id_ = msgspec.convert(text, UUID)
        except msgspec.ValidationError:
            row.errors.append(f"{column}: {quote_cell(text)} is not an ID such as 3fa85f64-5717-4562-b3fc-2c963f66afa6")
            continue
        if key:
            row.keys[key] = id_
        else:
            row.id = id_
    if status := cells.get("status", "").lower():
        if status in kind.statuses:
            row.values["status"] = status
        else:
            row.errors.append(f"status: {quote_cell(status)} is not one of {', '.join(kind.statuses)}")
    return row


def complete(kind: CatalogueKind, row: ImportRow, old: Record | None) -> None:
    """Adds what the row is compared with, and what is required of a new row."""
    row.old = dict(old) if old else None
    if old is None:
        for field in kind.fields:
            if (
                field.required
                and field.name not in row.values
                and not any(error.startswith(f"{field.name}:") for error in row.errors)
            ):
                row.errors.append(f"{field.name}: is required for a new {kind.label}")


def check_owners(rows: Sequence[ImportRow], known: set[UUID]) -> None:
    for row in rows:
        owner = row.keys.get("advertiser")
        if row.old and owner and owner != row.old["advertiser"]:
            row.errors.append("advertiser_id: a file cannot move an offer; move it on its page")
        elif not row.old and not owner:
            row.errors.append("advertiser_id: is required for a new offer")
        elif not row.old and owner not in known:
            row.errors.append(f"advertiser_id: there is no advertiser {owner}")
        if row.old:
            row.keys.clear()


async def check_currencies(db: Connection, schema: str, rows: Sequence[ImportRow]) -> None:
    """The currency of existing amounts cannot be changed."""
    changing = {
        row.id: row for row in rows if row.old and row.values.get("currency", "") not in ("", row.old["currency"])
    }
    if not changing:
        return
    fixed = await db.fetch(
        f"""
        SELECT DISTINCT advertiser FROM {schema}.offer
        WHERE advertiser = ANY($1::uuid[]) AND {schema}.has_amounts(key)
        """,
        list(changing),
    )
    for (id_,) in fixed:
        old = changing[id_].old
        assert old is not None, "only existing rows are checked"
        changing[id_].errors.append(f"currency: cannot be changed, because there are amounts in {old['currency']}")


async def save(db: Connection, tenant: Tenant, kind: CatalogueKind, changes: Sequence[ImportRow]) -> None:
    """One statement for all rows that set the same columns."""
    table = f"{tenant.schema}.{kind.table}"
    groups: dict[tuple[bool, tuple[str, ...]], list[list[Any]]] = defaultdict(list)
    for row in sorted(changes, key=lambda each: each.id):
        values: dict[str, Any] = row.values | row.keys if not row.old else {name: new for name, _, new in row.changes}
        groups[row.old is None, tuple(values)].append([row.id, *values.values()])
    for (new, columns), rows in groups.items():
        if new:
            marks = ", ".join(f"${n}" for n in range(1, len(columns) + 2))
            await db.executemany(f"INSERT INTO {table} ({', '.join(('id', *columns))}) VALUES ({marks})", rows)
        else:
            assigned = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 2))
            await db.executemany(f"UPDATE {table} SET {assigned} WHERE id = $1", rows)
