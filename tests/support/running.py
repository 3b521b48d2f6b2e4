"""The app's own functions, called by the tests: `terminal.run` without a new loop and new connections for each call."""

import atexit
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import cache
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from core.cli_support import operator
from database.audit_context import Actor, acting_as
from database.connections import Pool
from piccolo_conf import DB
from settings import settings
from tenants.lifecycle import find
from tenants.tenant import bound_to

T = TypeVar("T")


@cache
def portal() -> BlockingPortal:
    """To a loop in a thread of its own, since a browser test's thread counts as one in which a loop runs already."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(start_blocking_portal())


@cache
def pool() -> Pool:
    """No statement is prepared, since tests change tables."""

    async def opened() -> Pool:
        options = {**DB.config, "statement_cache_size": 0}
        return Pool(options, most=settings.database_pool, wait=settings.database_wait, most_owners=20, idle_for=300)

    return portal().call(opened)


def fetch(sql: str, *args: Any) -> list[Any]:
    """Past Piccolo."""
    there = pool()

    async def work() -> list[Any]:
        async with there.acquire() as db:
            return await db.fetch(sql, *args)

    return portal().call(work)


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
