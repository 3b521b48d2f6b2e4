"""Rejected records as their senders sent them, so that staff can fix and replay them.

Storage is limited by record, by batch and by cause. A record that is sent repeatedly is stored once.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from uuid import UUID

import msgspec

from database.chunked_delete import delete_in_chunks
from database.pool import Connection
from database.sql import SqlFile
from ingest.records import MAX_FIELD, Record, Rejection

SQL = Path(__file__).parent / "sql" / "rejected_records.sql"
COUNT_OPEN = SqlFile(SQL, "count_open")
INSERT = SqlFile(SQL, "insert")
REPEAT = SqlFile(SQL, "repeat")
DELETE_OLD = SqlFile(SQL, "delete_old")

MAX_PAYLOAD = 16 * 2**10  # bytes of a record; of a longer one, only the reason is stored
MAX_BATCH_PAYLOADS = 2**20  # bytes of a batch
MAX_OF_CAUSE = 10_000  # records that are not resolved; further ones are only counted, in the intake log

# Values in a message, which differ between records with the same reason.
VALUES = re.compile(
    r"""
    ^[-+]?\d\S*                                        # a value that the message begins with
    | '(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*"
    | [0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}
    | \d{4}-\d\d-\d\dT[\d:.]*\d(?:Z|[+-]\d\d:\d\d)?
    | (?<=byte\ )\d+
    """,
    re.VERBOSE,
)


class StoredRejection(msgspec.Struct):
    """A row of `rejected_record`. `payload` is None if the record is too long. `size` is in bytes."""

    digest: UUID
    cause: UUID
    record: str | None
    field: str
    message: str
    reason: str
    payload: str | None
    size: int
    times: int = 1


def reason_of(message: str) -> str:
    """The message without the values of one record: those in it become “…”."""
    return VALUES.sub("…", message.partition(" such as ")[0])


def digest_of(*parts: object) -> UUID:
    return UUID(bytes=blake2b("\0".join(map(str, parts)).encode(), digest_size=16).digest())


def record_text(record: Record) -> str:
    """As sent. Bytes that are not UTF-8, and NUL, which PostgreSQL cannot store, are replaced."""
    return record.decode(errors="replace").replace("\x00", "\ufffd")


def cause_of(kind: str, api_key: int, rejection: Rejection) -> UUID:
    """Identifies the records of a sender that are rejected for one reason."""
    return digest_of(kind, api_key, rejection.field[:MAX_FIELD], reason_of(rejection.message))


def to_rows(
    kind: str, api_key: int, rejected: Sequence[Rejection], records: Sequence[Record]
) -> dict[UUID, StoredRejection]:
    """By digest: a record that occurs twice in the batch is one row. `records` are those of the whole batch."""
    rows: dict[UUID, StoredRejection] = {}
    left = MAX_BATCH_PAYLOADS
    for one in rejected:
        sent = records[one.index]
        text = record_text(sent)
        digest = digest_of(kind, api_key, text)
        if digest in rows:
            rows[digest].times += 1
            continue
        kept = len(sent) <= min(MAX_PAYLOAD, left)
        left -= len(sent) if kept else 0
        rows[digest] = StoredRejection(
            digest,
            cause_of(kind, api_key, one),
            one.id,
            one.field[:MAX_FIELD],
            one.message,
            reason_of(one.message),
            text if kept else None,
            len(sent),
        )
    return rows


async def store_rejected_records(
    db: Connection, schema: str, kind: str, api_key: int, rows: Mapping[UUID, StoredRejection], *, now: datetime
) -> None:
    """Part of the batch's transaction."""
    full = await full_causes(db, schema, {row.cause for row in rows.values()})
    new = [row for row in rows.values() if row.cause not in full]
    repeated = [digest for digest, row in rows.items() if row.cause in full]
    if new:
        query = INSERT.bind(
            schema,
            kind=kind,
            api_key=api_key,
            now=now,
            digests=[row.digest for row in new],
            causes=[row.cause for row in new],
            records=[row.record for row in new],
            fields=[row.field for row in new],
            messages=[row.message for row in new],
            reasons=[row.reason for row in new],
            payloads=[row.payload for row in new],
            sizes=[row.size for row in new],
            times=[row.times for row in new],
        )
        await db.execute(query.sql, *query.args)
    if repeated:
        query = REPEAT.bind(schema, digests=repeated, now=now)
        await db.execute(query.sql, *query.args)


async def full_causes(db: Connection, schema: str, causes: set[UUID]) -> set[UUID]:
    query = COUNT_OPEN.bind(schema, causes=list(causes))
    return {row["cause"] for row in await db.fetch(query.sql, *query.args) if row["open"] >= MAX_OF_CAUSE}


async def delete_rejected_records_before(schema: str, before: datetime) -> int:
    """Those that were rejected last before this time. Returns how many."""
    return await delete_in_chunks(DELETE_OLD, schema, before=before)
