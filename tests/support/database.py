"""Statements that tests run on the database directly, without the app."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from database.engine import database_url
from tests.support.app_calls import fetch


def execute(sql: str, *args: Any, schema: str = "") -> list[dict[str, Any]]:
    """Returns the statement's rows. `{s}` stands for the schema."""
    return [dict(row) for row in fetch(sql.replace("{s}", schema), *args)]


@contextmanager
def uncommitted(sql: str) -> Iterator[None]:
    """Runs the SQL in a transaction that stays open within the block and is rolled back at its end."""
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(asyncpg.connect(database_url()))
    try:
        loop.run_until_complete(connection.execute(f"BEGIN; {sql}"))
        yield
    finally:
        loop.run_until_complete(connection.close())
        loop.close()


@contextmanager
def locked(*tables: str) -> Iterator[None]:
    """Locks the tables: queries that use them wait until the end of the block."""
    with uncommitted(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE"):
        yield
