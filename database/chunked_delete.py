"""Deletes many rows in short transactions."""

import asyncio
from time import monotonic

from database.pool import connection
from database.sql import SqlFile

CHUNK_ROWS = 10_000


async def delete_in_chunks(delete: SqlFile, schema: str, *, chunk: int = CHUNK_ROWS, **arguments: object) -> int:
    """Repeats a DELETE with `LIMIT :chunk` until it deletes fewer rows. Returns the number of rows deleted.

    Each chunk is a transaction of its own, followed by a pause as long as it took: locks are short, at least half of
    the disk's time is left to live traffic, and an interrupted deletion continues where it stopped.
    """
    query = delete.bind(schema, chunk=chunk, **arguments)
    total, deleted = 0, chunk
    while deleted >= chunk:
        async with connection() as db:
            started = monotonic()
            status = await db.execute(query.sql, *query.args)
        await asyncio.sleep(monotonic() - started)
        deleted = int(status.removeprefix("DELETE "))
        total += deleted
    return total
