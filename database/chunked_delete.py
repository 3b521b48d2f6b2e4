"""Deletes many rows in short transactions."""

import asyncio
from collections.abc import Mapping
from time import monotonic

from database.pool import connection
from database.sql import SqlFile
from database.transactions import set_local_sql

CHUNK_ROWS = 10_000


async def delete_in_chunks(
    delete: SqlFile,
    schema: str,
    *,
    chunk: int = CHUNK_ROWS,
    local: Mapping[str, str] | None = None,
    **arguments: object,
) -> int:
    """Repeats a DELETE with `LIMIT :chunk` until it deletes fewer rows. Returns the number of rows deleted.

    `local` are settings of each transaction, which triggers read.

    Each chunk is a transaction of its own, followed by a pause as long as it took: locks are short, at least half of
    the disk's time is left to live traffic, and an interrupted deletion continues where it stopped.
    """
    query = delete.bind(schema, chunk=chunk, **arguments)
    total, deleted = 0, chunk
    while deleted >= chunk:
        async with connection() as db, db.transaction():
            started = monotonic()
            if local:
                await db.execute(set_local_sql(local))
            status = await db.execute(query.sql, *query.args)
        await asyncio.sleep(monotonic() - started)
        deleted = int(status.removeprefix("DELETE "))
        total += deleted
    return total
