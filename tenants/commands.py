"""Running the asynchronous part of a command, for the platform or for one tenant."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from getpass import getuser
from typing import TypeVar

from database.audit_context import Actor, acting_as
from database.pool import SCHEMA_ERRORS, SchemaOutdated, open_pool
from tenants.lifecycle import get_tenant
from tenants.tenant import bound_to

T = TypeVar("T")


def run_command(work: Callable[[], Awaitable[T]]) -> T:
    """Runs `work` as the operator, with the database's pool open. Raises SchemaOutdated."""

    async def whole() -> T:
        with acting_as(Actor(operator())):
            async with open_pool():
                return await work()

    gc.enable()
    try:
        return asyncio.run(whole())
    except SCHEMA_ERRORS as error:
        raise SchemaOutdated(error) from error


def run_for_tenant(slug: str, work: Callable[[], Awaitable[T]]) -> T:
    """Runs `work` bound to a tenant. Raises GokartError if there is no such tenant."""

    async def bound() -> T:
        with bound_to(await get_tenant(slug)):
            return await work()

    return run_command(bound)


def operator() -> str:
    """The user at the command line, as the audit log names them."""
    return f"cli:{getuser()}"
