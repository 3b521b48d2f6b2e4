"""Records of a file through the same intake as an HTTP call's, in batches that are a transaction each."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from core.errors import GokartError
from database.pool import DatabaseUnavailable
from ingest.batches import Answer, reject
from ingest.catalogue import put_offers, put_partners
from ingest.conversions import take_conversions
from ingest.events import take_events
from ingest.files import Broken, Found, Kind, Source
from ingest.records import NO_JSON, Reject
from tenants.tenant import Tenant

BATCH = 5_000  # records
BATCH_BYTES = 16 * 2**20

Batch = list[Found]


class Totals(msgspec.Struct):
    """Of a file, so far."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0

    def add(self, batch: Batch, answer: Answer) -> None:
        self.read += len(batch)
        self.accepted += answer.accepted
        self.duplicates += answer.duplicates
        self.rejected += len(answer.rejected)


class RejectedLine(msgspec.Struct):
    """A line of the file of rejects. `record` is as it was sent, or a string where that was no JSON."""

    index: int
    id: str | None
    field: str
    message: str
    record: msgspec.Raw | str


class Rejects:
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

    def write(self, rejected: list[Reject], batch: Batch, first: int) -> None:
        """`rejected` count from 0 in the batch, whose first record is the `first` of the file."""
        for one in rejected:
            self.empty = False
            record = as_sent(batch[one.index][0])
            line = RejectedLine(first + one.index, one.id, one.field, one.message, record)
            self.file.write(msgspec.json.encode(line) + b"\n")
        self.file.flush()


def as_sent(record: bytes) -> msgspec.Raw | str:
    try:
        return msgspec.Raw(msgspec.json.format(record, indent=-1))
    except NO_JSON:
        return record.decode(errors="replace")


async def import_file(tenant: Tenant, source: Source, rejects: Rejects, progress: Callable[[int], None]) -> Totals:
    """`progress` is told the bytes of the file that are in. Raises GokartError where not all of it could be taken,
    saying how much was: repeating the import is safe, since every record counts once.
    """
    totals = Totals()
    try:
        for batch in batches(source.records()):
            answer = await take(tenant, source.kind, batch)
            rejects.write(answer.rejected, batch, totals.read)
            totals.add(batch, answer)
            progress(source.done)
    except (Broken, DatabaseUnavailable) as error:
        reason = f"the database cannot be used: {error}" if isinstance(error, DatabaseUnavailable) else str(error)
        raise GokartError(
            f"{source.path}, after record {totals.read}: {reason}.\n"
            f"What came before is in: {told(totals)}. Import the whole file again once this is mended: "
            "nothing is counted twice."
        ) from error
    return totals


def told(totals: Totals) -> str:
    return f"{totals.accepted:,} accepted, {totals.duplicates:,} duplicates, {totals.rejected:,} rejected"


def batches(records: Iterator[Found]) -> Iterator[Batch]:
    """What was read before the source broke is a batch too; then its error goes on."""
    batch: Batch = []
    size = 0
    broken = None
    try:
        for found in records:
            batch.append(found)
            size += len(found[0])
            if len(batch) == BATCH or size > BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except Broken as error:
        broken = error
    if batch:
        yield batch
    if broken:
        raise broken


async def take(tenant: Tenant, kind: Kind, batch: Batch) -> Answer:
    """`rejected` count from 0 in the batch."""
    malformed = [reject(index, record, wrong) for index, (record, wrong) in enumerate(batch) if wrong]
    places = [index for index, (_, wrong) in enumerate(batch) if not wrong]
    answer = await TAKE[kind](tenant, [batch[index][0] for index in places])
    moved = [msgspec.structs.replace(one, index=places[one.index]) for one in answer.rejected]
    rejected = sorted(malformed + moved, key=lambda one: one.index)
    return msgspec.structs.replace(answer, rejected=rejected)


TAKE: dict[Kind, Callable[[Tenant, list[bytes]], Awaitable[Answer]]] = {
    "conversions": lambda tenant, records: take_conversions(tenant, records, datetime.now(UTC), None),
    "events": lambda tenant, records: take_events(tenant, records, datetime.now(UTC), None),
    "offers": lambda tenant, records: put_offers(tenant, records, None),
    "partners": lambda tenant, records: put_partners(tenant, records, None),
}
