"""Transactions: with the settings that triggers read, and snapshots."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from piccolo.engine.postgres import PostgresTransaction

from database.audit_context import current_actor
from database.engine import engine
from database.pool import Connection, PooledConnection, Work, connection


@asynccontextmanager
async def transaction(work: Work = "call") -> AsyncIterator[Connection]:
    """A transaction for the block. Piccolo's queries in the block run in it; the connection is for other statements.
    It comes from the pool for that kind of work.

    The audit log records the changes with the current actor. A nested block is a savepoint and keeps the outer actor.

    Piccolo's own context manager leaks the connection, and stays the task's current transaction, if COMMIT fails.
    """
    piccolo = engine()
    outer = piccolo.current_transaction.get()
    if isinstance(outer, PostgresTransaction):
        async with outer.connection.transaction():
            yield outer.connection
        return
    async with connection(work) as db, db.transaction():
        current = PostgresTransaction(piccolo)
        current.connection = db
        token = piccolo.current_transaction.set(current)
        actor = current_actor()
        try:
            if actor:
                await db.execute(
                    set_local_sql({"gokart.actor": actor.name, "gokart.address": str(actor.address or "")})
                )
            yield db
        finally:
            piccolo.current_transaction.reset(token)


@asynccontextmanager
async def primary_snapshot() -> AsyncIterator[PooledConnection]:
    """A connection for a stream to the primary, in a transaction with one snapshot."""
    async with connection("stream") as db, read_only_snapshot(db):
        yield db


@asynccontextmanager
async def read_only_snapshot(db: Connection) -> AsyncIterator[None]:
    """asyncpg's own context manager would raise for a connection that was closed within the block."""
    transaction = db.transaction(isolation="repeatable_read", readonly=True)
    await transaction.start()
    try:
        if engine().options.pgbouncer:
            await lift_statement_timeout(db)  # which is the role's; without PgBouncer, these connections have none
        yield
    except BaseException:
        if not db.is_closed():
            await transaction.rollback()
        raise
    await transaction.commit()


async def lift_statement_timeout(db: Connection) -> None:
    """Until the transaction ends, its statements may take any time: for streams and maintenance."""
    await db.execute("SET LOCAL statement_timeout = 0")


async def plan_for_arguments(db: Connection) -> None:
    """Until the transaction ends, statements are planned for their arguments. After five runs on a connection,
    PostgreSQL may otherwise choose one plan for all arguments, which uses no index for “$1 IS NULL OR …”.
    """
    await db.execute("SET LOCAL plan_cache_mode = force_custom_plan")


def set_local_sql(values: Mapping[str, str]) -> str:
    """SQL that applies the settings until the transaction ends, also on the nodes of Citus, where triggers read them.
    Without Citus, the first one has no effect.

    Citus passes on SET, but not set_config(), so the values cannot be parameters.
    """
    settings = {"citus.propagate_set_commands": "local", **values}
    return "; ".join(f"SET LOCAL {name} TO {quote_literal(value)}" for name, value in settings.items())


def quote_literal(text: str) -> str:
    """A string constant in SQL, safe for any text and any value of standard_conforming_strings."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
