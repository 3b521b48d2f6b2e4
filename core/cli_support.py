"""Options and output that commands share."""

from collections.abc import Callable

import click
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

console = Console()


def limit_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds --rate, --burst and --concurrency; each is None unless given."""
    for option in reversed(
        [
            click.option("--rate", type=click.FloatRange(0, min_open=True), help="Requests a second to sustain."),
            click.option("--burst", type=click.IntRange(1), help="Requests at once when rested."),
            click.option("--concurrency", type=click.IntRange(1), help="Requests under way at a time."),
        ]
    ):
        command = option(command)
    return command


def describe_limits(rate: float | None, burst: int | None, concurrency: int | None, otherwise: str) -> str:
    limits = {"a second": rate, "at once": burst, "at a time": concurrency}
    configured = ", ".join(f"{value:g} {name}" for name, value in limits.items() if value is not None)
    return f"Requests: {configured or 'no limits of its own'}; otherwise {otherwise} limits."


def print_table(columns: list[str], rows: list[list[str]], empty: str) -> None:
    """Prints a table as wide as its cells need, so that piped output is never cut; without rows prints `empty`."""
    if not rows:
        console.print(empty)
        return
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable_text(cell)) for cell in row))
    natural = Measurement.get(console, console.options.update(max_width=1_000_000), table).maximum
    Console(width=max(console.width, natural)).print(table)


def printable_text(text: str) -> str:
    """Replaces control characters, which could command the terminal: names come from outside."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
