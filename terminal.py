"""What the commands of the command line share."""

import asyncio
from collections.abc import Awaitable, Callable
from getpass import getuser
from typing import TypeVar

from rich.console import Console
from rich.table import Table

from database.pool import open_pool
from tenants.current import bound_to
from tenants.lifecycle import find

T = TypeVar("T")
console = Console()


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs a command's asynchronous part, with the database's pool open."""

    async def whole() -> T:
        async with open_pool():
            return await work()

    return asyncio.run(whole())


def run_at(slug: str, work: Callable[[], Awaitable[T]]) -> T:
    """The same, bound to a tenant. Raises GokartError where there is none of that name."""

    async def bound() -> T:
        with bound_to(await find(slug)):
            return await work()

    return run(bound)


def operator() -> str:
    """Who is at the command line, as it is noted for what they make."""
    return f"cli:{getuser()}"


def print_table(columns: list[str], rows: list[list[str]], empty: str) -> None:
    if not rows:
        console.print(empty)
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    # Wider than a terminal where it must be: what is piped on or pasted is never cut.
    Console(width=max(console.width, 200)).print(table) if not console.is_terminal else console.print(table)
