"""Deleting much, a little at a time."""

import asyncio
from time import monotonic

from database.pool import connection

CHUNK = 10_000


async def delete_in_chunks(sql: str, *args: object, most: int = CHUNK) -> int:
    """Does a DELETE of at most `most` rows, its last argument, again until nothing more is left; how many it were.

    Each is a transaction of its own, and is followed by a rest as long as it took: nobody waits long for its locks, at
    least half of the disk is left to others, and what is interrupted goes on where it was.
    """
    total, deleted = 0, most
    while deleted >= most:
        async with connection() as db:
            started = monotonic()
            status = await db.execute(sql, *args, most)
        await asyncio.sleep(monotonic() - started)
        deleted = int(status.removeprefix("DELETE "))
        total += deleted
    return total
