"""What the commands of the command line share."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from getpass import getuser
from typing import TypeVar

import click
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from database.audit_context import Actor, acting_as
from database.pool import OUTDATED, Outdated, open_pool
from settings import settings
from tenants.lifecycle import find
from tenants.tenant import bound_to

T = TypeVar("T")
console = Console()


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs a command's asynchronous part as the operator, with the database's pool open.

    Raises GokartError for an outdated schema.
    """

    async def whole() -> T:
        with acting_as(Actor(operator())):
            async with open_pool():
                return await work()

    gc.enable()
    try:
        return asyncio.run(whole())
    except OUTDATED as error:
        raise Outdated(error) from error


def run_at(slug: str, work: Callable[[], Awaitable[T]]) -> T:
    """The same, bound to a tenant. Raises GokartError where there is none of that name."""

    async def bound() -> T:
        with bound_to(await find(slug)):
            return await work()

    return run(bound)


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """--rate, --burst and --concurrency, each None where it is not given."""
    for option in reversed(
        [
            click.option("--rate", type=click.FloatRange(0, min_open=True), help="Requests a second to sustain."),
            click.option("--burst", type=click.IntRange(1), help="Requests at once when rested."),
            click.option("--concurrency", type=click.IntRange(1), help="Requests under way at a time."),
        ]
    ):
        command = option(command)
    return command


def limits_told(rate: float | None, burst: int | None, concurrency: int | None, otherwise: str) -> str:
    limits = {"a second": rate, "at once": burst, "at a time": concurrency}
    told = ", ".join(f"{value:g} {name}" for name, value in limits.items() if value is not None)
    return f"Requests: {told or 'no limit of its own'}; for the rest, {otherwise} limits."


def operator() -> str:
    """Who is at the command line, as it is noted for what they make."""
    return f"cli:{getuser()}"


def origin(host: str) -> str:
    """Where browsers find `host`.<base>: behind a proxy with TLS, unless that is this machine."""
    local = settings.base_host == "localhost"
    return f"http://{host}.localhost:{settings.port}" if local else f"https://{host}.{settings.base_host}"


def print_table(columns: list[str], rows: list[list[str]], empty: str) -> None:
    """Wider than a terminal where it must be: what is piped on or pasted is never cut."""
    if not rows:
        console.print(empty)
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    natural = Measurement.get(console, console.options.update(max_width=1_000_000), table).maximum
    Console(width=max(console.width, natural)).print(table)


def printable(text: str) -> str:
    """Names come from outside: none of their characters may command the terminal or break its lines."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
