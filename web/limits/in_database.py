"""Counting in PostgreSQL: the table request_limit and its function gokart_limit."""

from collections.abc import Sequence

import asyncpg

from database.engine import engine
from web.limits.stores import HELD_FOR, LENT_FOR, PROCESS, SHARE, Answer, Ask

MOST_TIDIED = 10_000  # at a time, which nobody has to wait for
SETTLE = """
SELECT r.tokens, r.taken, r.remains, r.lent
FROM unnest($1::text[], $2::float8[], $3::float8[], $4::bigint[], $5::int[], $6::int[], $7::int[])
    WITH ORDINALITY AS a (key, rate, burst, most, back, held, want, n),
    LATERAL public.gokart_limit(a.key, $8, a.rate, a.burst, a.most, a.back, a.held, a.want, $9, $10, $11) r
ORDER BY a.n
"""
TIDY = """
DELETE FROM public.request_limit WHERE key IN (
    SELECT key FROM public.request_limit WHERE expires_at < extract(epoch FROM now())
    LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING 1
"""


class DatabaseStore:
    """On a connection of its own, so that it waits for nobody who waits for a report."""

    def __init__(self, share: float = SHARE) -> None:
        self._share = share
        self._connection: asyncpg.Connection | None = None

    async def settle(self, asks: Sequence[Ask]) -> list[Answer]:
        # Two processes that lock the same limits do so in the same order, so neither waits for the other.
        order = sorted(range(len(asks)), key=lambda n: asks[n].key)
        columns = zip(*(self._row(asks[n]) for n in order), strict=True)
        rows = await self._ask(SETTLE, *map(list, columns), PROCESS, self._share, LENT_FOR, HELD_FOR)
        answers = [Answer(*row) for row in rows]
        return [answer for _, answer in sorted(zip(order, answers, strict=True), key=lambda pair: pair[0])]

    async def tidy(self) -> bool:
        return len(await self._ask(TIDY, MOST_TIDIED)) == MOST_TIDIED

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _ask(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """Once more on a new connection where the database has ended the old one meanwhile."""
        if self._connection is not None:
            try:
                return await self._connection.fetch(sql, *args)
            except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresConnectionError):
                await self.close()
        self._connection = await asyncpg.connect(**engine().config)
        return await self._connection.fetch(sql, *args)

    def _row(self, ask: Ask) -> tuple[object, ...]:
        return ask.key, ask.rate, ask.burst, ask.most, ask.back, ask.held, ask.want
