"""Statements that tests run on the database directly, without the app."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import asyncpg

from database.engine import database_url
from tenants.cache import CHANNEL
from tests.support.app_calls import fetch
from tests.support.wait import wait_until

CACHED = re.compile(r"(UPDATE|DELETE FROM) \{s\}\.(api_token|advertiser)\b")


@cache
def on_cluster() -> bool:
    """Whether the tests' database is the coordinator of a Citus cluster."""
    return bool(fetch("SELECT FROM pg_extension WHERE extname = 'citus'"))


def execute(sql: str, *args: Any, schema: str = "") -> list[dict[str, Any]]:
    """Returns the statement's rows. `{s}` stands for the schema.

    On a cluster, it notifies the app as docs/citus.md asks those who change rows with psql to do.
    """
    rows = [dict(row) for row in fetch(sql.replace("{s}", schema), *args)]
    if CACHED.search(sql):
        notify_on_cluster(schema)
    return rows


def notify_on_cluster(schema: str) -> None:
    """Does on a cluster what triggers do on one server, after a change of an API key or advertiser."""
    if on_cluster():
        fetch("SELECT pg_notify($1, $2)", CHANNEL, schema)


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


def wait_for_older_transactions() -> None:
    """Returns when every transaction that has begun on the server has ended, also those of other tests: until then the
    change feed holds later ones back.
    """
    (begun,) = execute("SELECT pg_current_xact_id()::text AS xid")
    wait_until(
        lambda: bool(execute("SELECT WHERE pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8", begun["xid"]))
    )
