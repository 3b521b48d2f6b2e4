"""Exports an audit log, in constant memory."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from auth.users.audit_search import AuditSearch, search_conditions
from auth.users.realms import Realm
from core.errors import GokartError
from core.spreadsheets import spreadsheet_rows
from core.timestamps import iso
from database.pool import Connection, PooledConnection
from database.transactions import primary_snapshot
from tenants.tenant import bound_tenant
from web.streams import SendChunk, stream

COLUMNS = ("id", "at", "actor", "address", "action", "subject", "key", "label", "before", "after")
CHUNK_ENTRIES = 500

Entry = Any  # a row
Encode = Callable[[Sequence[Entry]], bytes]


def audit_stream(realm: Realm, search: AuditSearch, encode: Encode) -> AsyncGenerator[bytes, None]:
    """The entries of the search, oldest first, of one snapshot."""
    tenant = bound_tenant()

    async def produce(db: PooledConnection, send_chunk: SendChunk) -> None:
        await send_entries(db, realm, search, encode, send_chunk)

    return stream(tenant, tenant and tenant.id, primary_snapshot, produce)


async def send_entries(
    db: Connection, realm: Realm, search: AuditSearch, encode: Encode, send_chunk: Callable[[bytes], Awaitable[object]]
) -> None:
    """Ordered by time, then by id: each node of a Citus cluster has its own ids."""
    where, args = await search_conditions(db, realm, search)
    sql = f"SELECT {', '.join(COLUMNS)} FROM {realm.schema}.audit_log WHERE {where} ORDER BY at, id"
    statement = await db.prepare(sql, name="")
    cursor = await statement.cursor(*args)
    await send_chunk(encode([]))
    while entries := await cursor.fetch(CHUNK_ENTRIES):
        await send_chunk(encode(entries))


async def export_audit_log(
    realm: Realm, start: datetime | None, end: datetime | None, encode: Encode, write: Callable[[bytes], object]
) -> None:
    """Writes all entries from `start` until before `end`, oldest first, of one snapshot. Raises GokartError."""
    if start and end and start >= end:
        raise GokartError("--from: Give a time before --to.")

    async def write_chunk(chunk: bytes) -> None:
        write(chunk)

    async with primary_snapshot() as db:
        await send_entries(db, realm, AuditSearch(start=start, end=end, internal=True), encode, write_chunk)


def to_ndjson(entries: Sequence[Entry]) -> bytes:
    return b"".join(msgspec.json.encode(values_of(entry, msgspec.Raw)) + b"\n" for entry in entries)


def to_csv(entries: Sequence[Entry]) -> bytes:
    """The header, if there are no entries."""
    return spreadsheet_rows([values_of(entry, str).values() for entry in entries] or [COLUMNS])


def values_of(entry: Entry, json: Callable[[str], Any]) -> dict[str, Any]:
    values = {name: entry[name] for name in COLUMNS}
    values["at"] = iso(entry["at"], "microseconds")
    values["address"] = entry["address"] and str(entry["address"])
    for name in "before", "after":
        values[name] = entry[name] and json(entry[name])
    return values


FORMATS: dict[str, Encode] = {"ndjson": to_ndjson, "csv": to_csv}
