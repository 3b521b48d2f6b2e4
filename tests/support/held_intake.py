"""Intake transactions that stay open until a test ends them, so that commits come in any order."""

from datetime import UTC, datetime

import asyncpg

from database.engine import database_url
from ingest.rollups import BucketDelta, apply_deltas
from tests.support.app_calls import portal
from tests.support.database import execute
from tests.support.sandbox import Sandbox


class HeldIntake:
    """A transaction of its own, which has its number from the beginning. `offer` is the last one it changed."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.offer: str | None = None
        self._db: asyncpg.Connection = portal().call(self._begin)

    async def _begin(self) -> asyncpg.Connection:
        db = await asyncpg.connect(database_url())
        await db.execute("BEGIN")
        await db.execute("SELECT pg_current_xact_id()")
        return db

    def click(self, offer: str, *, at: datetime, clicks: int = 1) -> None:
        """Counts clicks of the tenant itself, without the ledger."""
        (row,) = execute(
            "SELECT (SELECT key FROM {s}.offer WHERE id = $1) AS offer, key AS partner FROM {s}.partner WHERE id = $2",
            offer,
            self.sandbox.tenant.id,
            schema=self.sandbox.tenant.schema,
        )
        deltas = {((row["offer"], row["partner"]), at): BucketDelta(clicks=clicks)}
        self.offer = offer
        portal().call(lambda: apply_deltas(self._db, self.sandbox.tenant.schema, deltas, datetime.now(UTC)))

    def commit(self) -> None:
        self._end("COMMIT")

    def roll_back(self) -> None:
        self._end("ROLLBACK")

    def _end(self, command: str) -> None:
        async def work() -> None:
            await self._db.execute(command)
            await self._db.close()

        portal().call(work)
