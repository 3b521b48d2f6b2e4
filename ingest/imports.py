"""Records of a file through the same intake as an HTTP call's, in batches that are a transaction each."""

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
    """Of a file, so far."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0

    def add(self, batch: SourceBatch, answer: BatchResult) -> None:
        self.read += len(batch)
        self.accepted += answer.accepted
        self.duplicates += answer.duplicates
        self.rejected += len(answer.rejected)


class RejectsFileLine(msgspec.Struct):
    """A line of the file of rejects. `record` is as it was sent, or a string where that was no JSON."""

    index: int
    id: str | None
    field: str
    message: str
    record: msgspec.Raw | str


class RejectsFile:
    """The file of rejects, FILE.rejects.ndjson. It is there while the import runs; one that stays empty is removed."""

    def __init__(self, of: Path) -> None:
        self.path = of.with_name(f"{of.name}.rejects.ndjson")
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
        """`rejected` count from 0 in the batch, whose first record is the `first` of the file."""
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
            answer = await ingest_batch(tenant, source.kind, batch)
            rejects.write(answer.rejected, batch, totals.read)
            totals.add(batch, answer)
            progress(source.done)
    except (UnreadableFileError, DatabaseUnavailable) as error:
        reason = f"the database cannot be used: {error}" if isinstance(error, DatabaseUnavailable) else str(error)
        raise GokartError(
            f"{source.path}, after record {totals.read}: {reason}.\n"
            f"What came before is in: {format_totals(totals)}. Import the whole file again once this is mended: "
            "nothing is counted twice."
        ) from error
    return totals


def format_totals(totals: ImportTotals) -> str:
    return f"{totals.accepted:,} accepted, {totals.duplicates:,} duplicates, {totals.rejected:,} rejected"


def split_into_batches(records: Iterator[SourceRecord]) -> Iterator[SourceBatch]:
    """What was read before the source broke is a batch too; then its error goes on."""
    batch: SourceBatch = []
    size = 0
    broken = None
    try:
        for found in records:
            batch.append(found)
            size += len(found[0])
            if len(batch) == BATCH_RECORDS or size > BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except UnreadableFileError as error:
        broken = error
    if batch:
        yield batch
    if broken:
        raise broken


async def ingest_batch(tenant: Tenant, kind: RecordKind, batch: SourceBatch) -> BatchResult:
    """`rejected` count from 0 in the batch."""
    malformed = [rejection_of(index, record, wrong) for index, (record, wrong) in enumerate(batch) if wrong]
    places = [index for index, (_, wrong) in enumerate(batch) if not wrong]
    answer = await INGEST[kind](tenant, [batch[index][0] for index in places])
    moved = [msgspec.structs.replace(one, index=places[one.index]) for one in answer.rejected]
    rejected = sorted(malformed + moved, key=lambda one: one.index)
    return msgspec.structs.replace(answer, rejected=rejected)


INGEST: dict[RecordKind, Callable[[Tenant, list[bytes]], Awaitable[BatchResult]]] = {
    "conversions": lambda tenant, records: ingest_conversions(tenant, records, datetime.now(UTC), None),
    "events": lambda tenant, records: ingest_events(tenant, records, datetime.now(UTC), None),
    "offers": lambda tenant, records: ingest_offers(tenant, records, None),
    "partners": lambda tenant, records: ingest_partners(tenant, records, None),
}
