"""What all kinds of batches share: parsing record by record, the transaction, and the result."""

from asyncio import to_thread
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import wraps
from typing import Annotated, ParamSpec, TypeVar

import msgspec
from asyncpg import DeadlockDetectedError
from msgspec import Meta

from database.pool import Connection
from database.transactions import set_local_sql
from ingest.records import Record, RecordError, Rejection, record_id

MAX_ATTEMPTS = 5
LOCK_TIMEOUT_SECONDS = 10

T = TypeVar("T")
P = ParamSpec("P")


class BatchResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What became of the records."""

    accepted: Annotated[int, Meta(description="Were new, or changed something.", extra_json_schema={"minimum": 0})]
    duplicates: Annotated[
        int,
        Meta(
            description="Changed nothing: seen before, or older than what is known.",
            extra_json_schema={"minimum": 0},
        ),
    ]
    rejected: Annotated[list[Rejection], Meta(description="Were not taken.")]


def retry_deadlocks(ingest: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Repeats a batch that PostgreSQL aborted to resolve a deadlock.

    Locks are taken in one order, so only three simultaneous catalogue batches can deadlock: one inserts a row that the
    second has read as missing and the third has locked since.
    """

    @wraps(ingest)
    async def ingest_with_retries(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(MAX_ATTEMPTS - 1):
            with suppress(DeadlockDetectedError):
                return await ingest(*args, **kwargs)
        return await ingest(*args, **kwargs)

    return ingest_with_retries


@asynccontextmanager
async def intake_transaction(db: Connection, api_key: int | None) -> AsyncIterator[None]:
    """The transaction of a batch, with its API key (None: imported files) as the actor.

    Waits at most LOCK_TIMEOUT_SECONDS for a lock, such as a migration's: then raises DatabaseUnavailable.
    """
    async with db.transaction():
        actor = f"intake:{'files' if api_key is None else f'token {api_key}'}"
        await db.execute(set_local_sql({"lock_timeout": f"{LOCK_TIMEOUT_SECONDS}s", "gokart.actor": actor}))
        yield


async def parse_in_thread(
    records: Sequence[Record], parse: Callable[[Record], T]
) -> tuple[list[tuple[int, Record, T]], list[Rejection]]:
    """Like parse_records, without blocking the event loop."""
    return await to_thread(parse_records, records, parse)


def parse_records(
    records: Sequence[Record], parse: Callable[[Record], T]
) -> tuple[list[tuple[int, Record, T]], list[Rejection]]:
    """The valid records, each with its index and parsed form, and a rejection for each of the others."""
    parsed: list[tuple[int, Record, T]] = []
    rejections: list[Rejection] = []
    for index, record in enumerate(records):
        try:
            parsed.append((index, record, parse(record)))
        except RecordError as error:
            rejections.append(rejection_of(index, record, error))
    return parsed, rejections


def rejection_of(index: int, record: Record, error: RecordError) -> Rejection:
    return Rejection(index, record_id(record), error.field, error.message)


def sort_by_index(rejections: Iterable[Rejection]) -> list[Rejection]:
    return sorted(rejections, key=lambda rejection: rejection.index)
