"""make bench: measures performance against reference systems in the same run, alternating; see RESULTS.md.

    make bench                                     all parts
    make bench PART="reports streams"              some parts
    make bench PEERS=folder                        with the peers: other implementations of the same report
    make bench PART=tenants TENANTS="1000 5000"    with these numbers of tenants
    make bench-tenants                             with 10,000 tenants, which takes an hour

The data stay in .data/bench until the schema changes. Creating them takes a minute or two.
"""

import argparse
import os
import sys
import time
from importlib import import_module
from pathlib import Path

import click

from bench import DATA
from core.errors import GokartError

TITLES = {
    "reports": "Reports",
    "go": "Go",
    "alternatives": "Alternatives",
    "streams": "Streams",
    "query": "Query",
    "changes": "Changes",
    "formats": "Formats",
    "spend": "Staff spend",
    "overhead": "Request overhead",
    "limits": "Rate limits",
    "start": "Start",
    "intake": "Intake",
    "disk": "Disk",
    "history": "History",
    "tenants": "Tenants",
}
TENANTS = [150]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--part", nargs="+", choices=TITLES, default=list(TITLES))
    parser.add_argument("--peers", type=Path, help="folder of the peers; default: without peers")
    parser.add_argument("--tenants", type=int, nargs="+", default=TENANTS, help="numbers of tenants to measure with")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    set_up()
    measure(options)


def set_up() -> None:
    """Selects default settings and the benchmark's own database, for this process and its child processes."""
    for name in [name for name in os.environ if name.startswith("GOKART_")]:
        del os.environ[name]
    os.environ["GOKART_DATA_DIR"] = str(DATA)
    from database.engine import database_url

    os.environ["GOKART_DATABASE_URL"] = database_url()


def measure(options: argparse.Namespace) -> None:
    """Measures the parts one by one, and writes each to RESULTS.md at once."""
    from bench.machine import busy_warning, machine
    from bench.results import Section, show, write_section
    from core.cli_support import console

    started = time.monotonic()
    for part in TITLES:
        if part in options.part:
            began = time.monotonic()
            module = import_module(f"bench.{part}")
            warning = busy_warning()
            if warning:
                console.print(f"[yellow]{warning.strip(' *')}[/]")
            with console.status(f"Measuring {part} ..."):
                rows = module.measure(options)
            title = section_title(part, options.tenants)
            section = Section(title, module.METHOD, machine(options.rounds) + warning, rows)
            show(section, console)
            write_section(section, list(TITLES.values()))
            console.print(f"(PART={part} took {time.monotonic() - began:.0f} s.)\n")
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    console.print(f"Took {minutes} min {seconds} s; written to bench/RESULTS.md")


def section_title(part: str, tenants: list[int]) -> str:
    """Other numbers of tenants than the default have a section of their own."""
    if part == "tenants" and tenants != TENANTS:
        return f"{TITLES[part]} ({', '.join(f'{count:,}' for count in tenants)})"
    return TITLES[part]


if __name__ == "__main__":
    try:
        main()
    except GokartError as error:
        click.secho(f"Error: {error}", fg="red", err=True)
        sys.exit(1)
