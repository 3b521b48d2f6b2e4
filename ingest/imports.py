"""Imports a file through the same intake as HTTP requests, in batches with a transaction each."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from core.errors import GokartError
from database.pool import DatabaseUnavailable
from ingest.batches import BatchResult, rejection_of
from ingest.catalogue import ingest_offers, ingest_partners
from ingest.conversions import ingest_conversions
from ingest.events import ingest_events
from ingest.files import RecordFile, RecordKind, SourceRecord, UnreadableFileError
from ingest.records import INVALID_JSON, Rejection
from tenants.tenant import Tenant

BATCH_RECORDS = 5_000  # records
BATCH_BYTES = 16 * 2**20

SourceBatch = list[SourceRecord]


class ImportTotals(msgspec.Struct):
    """Counts of the records of a file that have been processed."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0

    def add(self, batch: SourceBatch, result: BatchResult) -> None:
        self.read += len(batch)
        self.accepted += result.accepted
        self.duplicates += result.duplicates
        self.rejected += len(result.rejected)


class RejectsFileLine(msgspec.Struct):
    """A line of the file of rejected records. `record` is as in the source, or a string if it is not valid JSON."""

    index: int
    id: str | None
    field: str
    message: str
    record: msgspec.Raw | str


class RejectsFile:
    """The file of rejected records, FILE.rejects.ndjson. Removed at the end if it is empty."""

    def __init__(self, source: Path) -> None:
        self.path = source.with_name(f"{source.name}.rejects.ndjson")
        self.empty = True

    def __enter__(self) -> Self:
        self.file: BinaryIO = self.path.open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        if self.empty:
            self.path.unlink()

    def write(self, rejected: list[Rejection], batch: SourceBatch, first: int) -> None:
        """Indexes of `rejected` count from the start of the batch; `first` is the index of its first record."""
        for one in rejected:
            self.empty = False
            record = as_sent(batch[one.index][0])
            line = RejectsFileLine(first + one.index, one.id, one.field, one.message, record)
            self.file.write(msgspec.json.encode(line) + b"\n")
        self.file.flush()


def as_sent(record: bytes) -> msgspec.Raw | str:
    try:
        return msgspec.Raw(msgspec.json.format(record, indent=-1))
    except INVALID_JSON:
        return record.decode(errors="replace")


async def import_file(
    tenant: Tenant, source: RecordFile, rejects: RejectsFile, progress: Callable[[int], None]
) -> ImportTotals:
    """Ingests a file in batches. `progress` receives the bytes of the file read so far.

    Raises GokartError if the file cannot be read to its end; the message says how many records were ingested.
    Repeating the import is safe: each record counts once.
    """
    totals = ImportTotals()
    try:
        for batch in split_into_batches(source.records()):
            result = await ingest_batch(tenant, source.kind, batch)
            rejects.write(result.rejected, batch, totals.read)
            totals.add(batch, result)
            progress(source.done)
    except (UnreadableFileError, DatabaseUnavailable) as error:
        reason = f"the database is unavailable: {error}" if isinstance(error, DatabaseUnavailable) else str(error)
        raise GokartError(
            f"{source.path}, after record {totals.read}: {reason}.\n"
            f"The records before it are imported: {format_totals(totals)}. "
            "Fix the problem and import the whole file again: nothing is counted twice."
        ) from error
    return totals


def format_totals(totals: ImportTotals) -> str:
    return f"{totals.accepted:,} accepted, {totals.duplicates:,} duplicates, {totals.rejected:,} rejected"


def split_into_batches(records: Iterator[SourceRecord]) -> Iterator[SourceBatch]:
    """Yields what was read before an UnreadableFileError as a batch too, then raises the error."""
    batch: SourceBatch = []
    size = 0
    failure = None
    try:
        for found in records:
            batch.append(found)
            size += len(found[0])
            if len(batch) == BATCH_RECORDS or size > BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except UnreadableFileError as error:
        failure = error
    if batch:
        yield batch
    if failure:
        raise failure


async def ingest_batch(tenant: Tenant, kind: RecordKind, batch: SourceBatch) -> BatchResult:
    """Ingests the well-formed records. The indexes of the rejections count from the start of the batch."""
    malformed = [rejection_of(index, record, wrong) for index, (record, wrong) in enumerate(batch) if wrong]
    indexes = [index for index, (_, wrong) in enumerate(batch) if not wrong]
    result = await INGEST[kind](tenant, [batch[index][0] for index in indexes])
    moved = [msgspec.structs.replace(one, index=indexes[one.index]) for one in result.rejected]
    rejected = sorted(malformed + moved, key=lambda one: one.index)
    return msgspec.structs.replace(result, rejected=rejected)


INGEST: dict[RecordKind, Callable[[Tenant, list[bytes]], Awaitable[BatchResult]]] = {
    "conversions": lambda tenant, records: ingest_conversions(tenant, records, datetime.now(UTC), None),
    "events": lambda tenant, records: ingest_events(tenant, records, datetime.now(UTC), None),
    "offers": lambda tenant, records: ingest_offers(tenant, records, None),
    "partners": lambda tenant, records: ingest_partners(tenant, records, None),
}
