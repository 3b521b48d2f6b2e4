"""Reading reports from a replica, where there is one that has what the caller could have seen already.

The primary is asked for the report's version state, always. A replica is believed where it has the same state in the
snapshot that the report is read from: versions only rise, so the report is then the primary's, however far behind the
replica may be in other things. Else, and where it does not answer, the primary is read.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog

from database.pool import Connection, DatabaseUnavailable, connection, has_replica
from reporting.answers import Answer
from reporting.freshness import ReportValidators, read_validators, validators_of
from reporting.queries import with_validators
from reporting.reports import Asked
from settings import settings

log = structlog.get_logger()


@asynccontextmanager
async def snapshot(asked: Asked, fresh: ReportValidators) -> AsyncIterator[Connection]:
    """A connection in a transaction that reads one snapshot, in which the report is what `fresh` says, or newer."""
    async with AsyncExitStack() as stack:
        db = await caught_up(stack, asked, fresh) if has_replica() else None
        if db is None:
            db = await stack.enter_async_context(connection("stream"))
            await stack.enter_async_context(reading(db))
        yield db


@asynccontextmanager
async def reading(db: Connection) -> AsyncIterator[None]:
    """One snapshot for the block. asyncpg's own takes a connection that was ended within it for one that failed."""
    transaction = db.transaction(isolation="repeatable_read", readonly=True)
    await transaction.start()
    try:
        yield
    except BaseException:
        if not db.is_closed():
            await transaction.rollback()
        raise
    await transaction.commit()


async def caught_up(stack: AsyncExitStack, asked: Asked, fresh: ReportValidators) -> Connection | None:
    """The same of the replica, left to the stack to close; None where that has not got so far, or does not answer."""
    async with AsyncExitStack() as tried:
        with suppress(DatabaseUnavailable):
            db = await tried.enter_async_context(connection("replica stream"))
            await tried.enter_async_context(reading(db))
            if (await read_validators(db, asked)).etag == fresh.etag:
                note(asked)
                stack.push_async_exit(tried.pop_all())
                return db
    return None


async def read_at_once(asked: Asked, fresh: ReportValidators | None) -> tuple[ReportValidators, Answer | None]:
    """The whole report, as JSON, and how fresh it is; None in the place of one of more than `stream_rows` rows. Of the
    replica only where that is as fresh as `fresh`. Raises DatabaseUnavailable.
    """
    if fresh and has_replica():
        with suppress(DatabaseUnavailable):
            async with connection("replica") as db:
                told, answer = await read_answer(db, asked)
            if told.etag == fresh.etag:
                note(asked)
                return fresh, answer
    async with connection() as db:
        return await read_answer(db, asked)


def note(asked: Asked) -> None:
    log.debug("read from the replica", tenant=asked.tenant.slug, report=asked.report.name)


async def read_answer(db: Connection, asked: Asked) -> tuple[ReportValidators, Answer | None]:
    query = with_validators(asked.rows(), asked.filter, settings.stream_rows)
    row = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
    assert row is not None
    fresh = validators_of(row, asked)
    if row["rows"] > settings.stream_rows:
        return fresh, None
    return fresh, Answer(fresh.etag, row["rows"], row["items"] or b"")
