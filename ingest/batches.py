"""What the intake calls share: parsing records one by one, and the log of calls with what they rejected."""

from asyncio import to_thread
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import wraps
from typing import ParamSpec, TypeVar

import msgspec
from asyncpg import DeadlockDetectedError

from database.pool import Connection
from database.transaction_settings import set_local_sql
from ingest.records import Record, RecordError, Reject, id_of
from ingest.rollups import columns

MOST_REJECTS_KEPT = 1_000  # of one call, in the table; the answer has them all

MOST_TRIES = 5
LONGEST_LOCK = 10  # seconds

T = TypeVar("T")
P = ParamSpec("P")


class Answer(msgspec.Struct, frozen=True):
    """What became of a call's records. `accepted` were new or changed something, `duplicates` changed nothing."""

    accepted: int
    duplicates: int
    rejected: list[Reject]


def retrying(take: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Does a call again that PostgreSQL chose to end a deadlock. Locks are taken in order, so that is rare: of three
    catalogues at once, one makes a row that another has read as missing and the third has locked since.
    """

    @wraps(take)
    async def again(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(MOST_TRIES - 1):
            with suppress(DeadlockDetectedError):
                return await take(*args, **kwargs)
        return await take(*args, **kwargs)

    return again


@asynccontextmanager
async def taking(db: Connection, token: int | None) -> AsyncIterator[None]:
    """A call's transaction, in the name of its token (None: of files that the command line takes in).

    It does not wait for ever behind a migration's lock: DatabaseUnavailable.
    """
    async with db.transaction():
        actor = f"intake:{'files' if token is None else f'token {token}'}"
        await db.execute(set_local_sql({"lock_timeout": f"{LONGEST_LOCK}s", "gokart.actor": actor}))
        yield


async def parse_all(
    records: Sequence[Record], parse: Callable[[Record], T]
) -> tuple[list[tuple[int, Record, T]], list[Reject]]:
    """The records that make sense, with their index, and the rejects. In a thread, so that reports go on meanwhile."""
    return await to_thread(parse_each, records, parse)


def parse_each(
    records: Sequence[Record], parse: Callable[[Record], T]
) -> tuple[list[tuple[int, Record, T]], list[Reject]]:
    good: list[tuple[int, Record, T]] = []
    rejects: list[Reject] = []
    for index, record in enumerate(records):
        try:
            good.append((index, record, parse(record)))
        except RecordError as error:
            rejects.append(reject(index, record, error))
    return good, rejects


def reject(index: int, record: Record, error: RecordError) -> Reject:
    return Reject(index, id_of(record), error.field, error.message)


async def write_log(db: Connection, schema: str, kind: str, token: int | None, answer: Answer) -> None:
    """In the call's own transaction: a report's GoKart-Data-Through is the time of the last of these."""
    call = await db.fetchval(
        f"""
        INSERT INTO {schema}.intake (kind, token, accepted, duplicates, rejected)
        VALUES ($1, $2, $3, $4, $5) RETURNING id
        """,
        kind,
        token,
        answer.accepted,
        answer.duplicates,
        len(answer.rejected),
    )
    kept: Sequence[Reject] = answer.rejected[:MOST_REJECTS_KEPT]
    if kept:
        await db.execute(
            f"""
            INSERT INTO {schema}.intake_reject (intake, index, record, field, message)
            SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[])
            """,
            call,
            *columns((r.index, r.id, r.field[:100], r.message) for r in kept),
        )
