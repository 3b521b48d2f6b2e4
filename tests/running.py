"""The app's own functions, called by the tests: `terminal.run` without a new loop and new connections for each call."""

import atexit
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import cache
from typing import Any, TypeVar

import asyncpg
from anyio.from_thread import BlockingPortal, start_blocking_portal

from database.actors import Actor, acting_as
from database.pool import leave_as_it_is
from piccolo_conf import DB
from settings import settings
from tenants.current import bound_to
from tenants.lifecycle import find
from terminal import operator

T = TypeVar("T")
MOST_QUERIES = 150  # of a connection; each tenant that it meets stays in its memory


@cache
def portal() -> BlockingPortal:
    """To a loop in a thread of its own, since a browser test's thread counts as one in which a loop runs already."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(start_blocking_portal())


@cache
def pool() -> "asyncpg.Pool[asyncpg.Record]":
    """No statement is prepared, since tests change tables."""

    async def connect() -> Any:
        return await asyncpg.create_pool(
            **DB.config,
            min_size=0,
            max_size=settings.database_pool,
            max_queries=MOST_QUERIES,
            statement_cache_size=0,
            reset=leave_as_it_is,
        )

    return portal().call(connect)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """As the operator. Nothing else of this process uses Piccolo meanwhile."""
    there = pool()

    async def whole() -> T:
        with acting_as(Actor(operator())):
            return await work()

    DB.pool = there
    try:
        return portal().call(whole)
    finally:
        DB.pool = None


def run_at(slug: str, work: Callable[[], Awaitable[T]]) -> T:
    """The same, bound to a tenant."""

    async def bound() -> T:
        with bound_to(await find(slug)):
            return await work()

    return run(bound)
