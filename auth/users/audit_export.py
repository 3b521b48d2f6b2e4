"""Exports an audit log, in constant memory."""

import csv
import io
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec

from auth.users.audit_search import AuditSearch, search_conditions
from auth.users.realms import Realm
from core.errors import GokartError
from core.spreadsheets import escape_formula
from core.timestamps import iso
from database.pool import connection
from database.transactions import lift_statement_timeout

COLUMNS = ("id", "at", "actor", "address", "action", "subject", "key", "label", "before", "after")
CHUNK_ENTRIES = 500

Entry = Any  # a row
Encode = Callable[[Sequence[Entry]], bytes]


async def audit_chunks(realm: Realm, search: AuditSearch, encode: Encode) -> AsyncGenerator[bytes]:
    """The entries of the search, oldest first, of one snapshot."""
    async with connection("stream") as db, db.transaction(isolation="repeatable_read", readonly=True):
        await lift_statement_timeout(db)
        where, args = await search_conditions(db, realm, search)
        # Ordered by time, then by id: each node of a Citus cluster has its own ids.
        sql = f"SELECT {', '.join(COLUMNS)} FROM {realm.schema}.audit_log WHERE {where} ORDER BY at, id"
        statement = await db.prepare(sql, name="")
        cursor = await statement.cursor(*args)
        yield encode([])
        while entries := await cursor.fetch(CHUNK_ENTRIES):
            yield encode(entries)


async def export_audit_log(
    realm: Realm, start: datetime | None, end: datetime | None, encode: Encode, write: Callable[[bytes], object]
) -> None:
    """Writes all entries from `start` until before `end`, oldest first, of one snapshot. Raises GokartError."""
    if start and end and start >= end:
        raise GokartError("--from: Give a time before --to.")
    async with aclosing(audit_chunks(realm, AuditSearch(start=start, end=end, internal=True), encode)) as chunks:
        async for chunk in chunks:
            write(chunk)


def to_ndjson(entries: Sequence[Entry]) -> bytes:
    return b"".join(msgspec.json.encode(values_of(entry, msgspec.Raw)) + b"\n" for entry in entries)


def to_csv(entries: Sequence[Entry]) -> bytes:
    """The header, if there are no entries."""
    text = io.StringIO()
    writer = csv.writer(text)
    if not entries:
        writer.writerow(COLUMNS)
    for entry in entries:
        cells = values_of(entry, str).values()
        writer.writerow(["" if cell is None else escape_formula(str(cell)) for cell in cells])
    return text.getvalue().encode()


def values_of(entry: Entry, json: Callable[[str], Any]) -> dict[str, Any]:
    values = {name: entry[name] for name in COLUMNS}
    values["at"] = iso(entry["at"], "microseconds")
    values["address"] = entry["address"] and str(entry["address"])
    for name in "before", "after":
        values[name] = entry[name] and json(entry[name])
    return values


FORMATS: dict[str, Encode] = {"ndjson": to_ndjson, "csv": to_csv}
