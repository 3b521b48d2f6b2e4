"""gokart demo"""

from datetime import UTC, datetime, timedelta

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli import check_address_is_free, run_server
from core.cli_support import console
from core.errors import GokartError
from demo.cast import CASTS
from demo.filling import fill, make_tenant
from demo.keys import make_keys
from demo.people import make_people
from demo.welcome import Opened, make_tokens, show
from settings import settings
from tenants.commands import run_command
from tenants.migrations import migrate_platform


@click.command()
@click.option("--host", help="Address to listen on.  [GOKART_HOST]")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on.  [GOKART_PORT]")
@click.option("--days", type=click.IntRange(1, 3_650), default=365, show_default=True, help="Length of the history.")
@click.option("--no-serve", is_flag=True, help="Only make the data, and print what works once the API is served.")
def demo(host: str | None, port: int | None, days: int, no_serve: bool) -> None:
    """Fill two tenants with a year of data up to now, print URLs, logins, tokens and curl lines, and serve.

    The data is made up, the same on every machine; a further run adds what has happened since.
    """
    host, port = host or settings.host, port or settings.port
    if not no_serve:
        check_address_is_free(host, port)
    try:
        opened = run_command(lambda: fill_all(timedelta(days=days)))
    except KeyboardInterrupt:
        raise GokartError("Stopped. The next start goes on from here.") from None
    show(opened, port)
    if not no_serve:
        click.echo("Serving. Ctrl-C stops it; nothing is lost.\n")
        run_server(host, port, settings.workers)


async def fill_all(length: timedelta) -> Opened:
    await migrate_platform()
    tenants, tokens = [], {}
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[day]}"), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        for cast in CASTS:
            bar = progress.add_task(f"Sending {cast.name}'s year in", total=None, day="")
            tenant = await make_tenant(cast)
            async for day, done, total in fill(tenant, cast, datetime.now(UTC), length):
                progress.update(bar, day=str(day), completed=done, total=total)
            await make_keys(tenant, cast, datetime.now(UTC))
            tokens[cast.slug] = await make_tokens(tenant, cast)
            tenants.append((tenant, cast))
    return Opened(tokens, await make_people(tenants))
