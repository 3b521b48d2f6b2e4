"""Calls the app's functions from tests. Unlike `run_command`, all calls share one event loop and one pool."""

import atexit
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import cache
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from database.audit_context import Actor, acting_as
from database.engine import engine
from database.pool import ConnectionPool, Work, _pools
from settings import settings
from tenants.commands import operator
from tenants.lifecycle import get_tenant
from tenants.tenant import bound_to

T = TypeVar("T")


@cache
def portal() -> BlockingPortal:
    """Runs the event loop in a thread of its own: Playwright already runs one in the thread of a browser test."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(start_blocking_portal())


@cache
def pool() -> ConnectionPool:
    """Prepares no statements, since tests change tables."""

    async def opened() -> ConnectionPool:
        options = {**engine().config, "statement_cache_size": 0}
        return ConnectionPool(
            options, max_size=settings.database_pool, timeout=settings.database_wait, max_tenants=20, max_idle=300
        )

    return portal().call(opened)


def fetch(sql: str, *args: Any) -> list[Any]:
    """Runs the statement without Piccolo."""
    connections = pool()

    async def work() -> list[Any]:
        async with connections.acquire() as db:
            return await db.fetch(sql, *args)

    return portal().call(work)


def run(work: Callable[[], Awaitable[T]], background: ConnectionPool | None = None) -> T:
    """Runs the work as the operator. Only one call at a time: it sets the pools of requests, schemas and writes in the
    background.
    """
    connections = pool()
    others: dict[Work, ConnectionPool] = {"background": background or connections, "schema": connections}

    async def whole() -> T:
        with acting_as(Actor(operator())):
            return await work()

    engine().pool = connections
    _pools.update(others)
    try:
        return portal().call(whole)
    finally:
        engine().pool = None
        for kind in others:
            del _pools[kind]


def run_in_tenant(slug: str, work: Callable[[], Awaitable[T]]) -> T:
    """Runs the work as the operator, bound to a tenant."""

    async def bound() -> T:
        with bound_to(await get_tenant(slug)):
            return await work()

    return run(bound)
