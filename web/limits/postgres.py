"""Rate limits counted in PostgreSQL: the table request_limit and its function gokart_limit."""

from collections.abc import Sequence

import asyncpg

from database.engine import engine
from web.limits.limiter import SLOT_LEASE, BucketGrant, BucketRequest
from web.limits.sync import BORROWED_SHARE, LOAN_SECONDS, PROCESS_ID

CLEANUP_BATCH = 10_000

SYNC = """
SELECT r.tokens, r.taken, r.remains, r.lent
FROM unnest($1::text[], $2::float8[], $3::float8[], $4::bigint[], $5::int[], $6::int[], $7::int[])
    WITH ORDINALITY AS a (key, rate, burst, most, back, held, want, n),
    LATERAL public.gokart_limit(a.key, $8, a.rate, a.burst, a.most, a.back, a.held, a.want, $9, $10, $11) r
ORDER BY a.n
"""
DELETE_EXPIRED = """
DELETE FROM public.request_limit WHERE key IN (
    SELECT key FROM public.request_limit WHERE expires_at < extract(epoch FROM now())
    LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING 1
"""


class PostgresLimitStore:
    """Uses a connection of its own, so that it does not wait for a report that has taken the pool's."""

    def __init__(self, share: float = BORROWED_SHARE) -> None:
        self._share = share
        self._connection: asyncpg.Connection | None = None

    async def sync(self, requests: Sequence[BucketRequest]) -> list[BucketGrant]:
        # All processes lock rows in the order of their keys, so that there is no deadlock.
        order = sorted(range(len(requests)), key=lambda n: requests[n].key)
        columns = zip(*(self._columns(requests[n]) for n in order), strict=True)
        rows = await self._fetch(SYNC, *map(list, columns), PROCESS_ID, self._share, LOAN_SECONDS, SLOT_LEASE)
        grants = [BucketGrant(*row) for row in rows]
        return [grant for _, grant in sorted(zip(order, grants, strict=True), key=lambda pair: pair[0])]

    async def delete_expired(self) -> bool:
        return len(await self._fetch(DELETE_EXPIRED, CLEANUP_BATCH)) == CLEANUP_BATCH

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _fetch(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Connects again, once, if the database has closed the connection."""
        if self._connection is not None:
            try:
                return await self._connection.fetch(sql, *args)
            except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError):
                await self.close()
        self._connection = await asyncpg.connect(**engine().config)
        return await self._connection.fetch(sql, *args)

    def _columns(self, request: BucketRequest) -> tuple[object, ...]:
        r = request
        return r.key, r.rate, r.burst, r.concurrency, r.returned, r.held, r.wanted
