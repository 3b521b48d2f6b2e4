"""Deletes many rows in short transactions."""

import asyncio
from time import monotonic

from database.pool import connection

CHUNK_ROWS = 10_000


async def delete_in_chunks(sql: str, *args: object, chunk: int = CHUNK_ROWS) -> int:
    """Repeats a DELETE of at most `chunk` rows, its last argument, until it deletes fewer. Returns the rows deleted.

    Each chunk is a transaction of its own, followed by a pause as long as it took: locks are short, at least half of
    the disk's time is left to live traffic, and an interrupted deletion continues where it stopped.
    """
    total, deleted = 0, chunk
    while deleted >= chunk:
        async with connection() as db:
            started = monotonic()
            status = await db.execute(sql, *args, chunk)
        await asyncio.sleep(monotonic() - started)
        deleted = int(status.removeprefix("DELETE "))
        total += deleted
    return total
