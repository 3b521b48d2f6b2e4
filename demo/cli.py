"""gokart demo"""

from asyncio import gather
from datetime import UTC, datetime, timedelta

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from cli import check_address_is_free, run_server
from core.cli_support import console
from core.errors import GokartError
from demo.cast import CASTS, Cast
from demo.changes import make_changes, read_first_changes
from demo.filling import fill_tenant, make_tenant
from demo.keys import make_keys
from demo.notifications import make_notifications, make_saved_view
from demo.people import STAFF_OF, make_people
from demo.senders import make_senders
from demo.welcome import DemoAccess, DemoApiKeys, create_demo_api_keys, ingest_key_id, show_access
from settings import settings
from tenants.commands import run_command
from tenants.migrations import migrate_platform
from tenants.tenant import Tenant


@click.command()
@click.option("--host", help="Address to listen on.  [GOKART_HOST]")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on.  [GOKART_PORT]")
@click.option("--days", type=click.IntRange(1, 3_650), default=365, show_default=True, help="Length of the history.")
@click.option("--no-serve", is_flag=True, help="Only create the data and print the credentials.")
def demo(host: str | None, port: int | None, days: int, no_serve: bool) -> None:
    """Fill two tenants with a year of data up to now, print URLs, logins, API keys and curl commands, and serve.

    The data is synthetic and the same on every machine. A further run adds the data since the last run.
    """
    host, port = host or settings.host, port or settings.port
    if not no_serve:
        check_address_is_free(host, port)
    try:
        access = run_command(lambda: fill_all(timedelta(days=days)))
    except KeyboardInterrupt:
        raise GokartError("Stopped. The next start continues from here.") from None
    show_access(access, port)
    if not no_serve:
        click.echo("Serving. Ctrl-C stops it; nothing is lost.\n")
        run_server(host, port, settings.workers)


async def fill_all(length: timedelta) -> DemoAccess:
    """Fills the tenants at the same time: one is generated while PostgreSQL ingests the other."""
    await migrate_platform()
    tenants = [(await make_tenant(cast), cast) for cast in CASTS]
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[day]}"), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        keys = await gather(*(fill_one(tenant, cast, length, progress) for tenant, cast in tenants))
    by_slug = {cast.slug: key for cast, key in zip(CASTS, keys, strict=True)}
    people = await make_people(tenants)
    for tenant, _ in tenants:
        await make_notifications(tenant, datetime.now(UTC))
        await make_saved_view(tenant)
    tenant, cast = tenants[0]
    return DemoAccess(by_slug, people, await read_first_changes(tenant, cast.advertisers[0].id))


async def fill_one(tenant: Tenant, cast: Cast, length: timedelta, progress: Progress) -> DemoApiKeys:
    bar = progress.add_task(f"Ingesting the data of {cast.name}", total=None, day="")
    await make_senders(tenant, cast, datetime.now(UTC))
    async for day, done, total in fill_tenant(tenant, cast, datetime.now(UTC), length):
        progress.update(bar, day=str(day), completed=done, total=total)
    await make_keys(tenant, cast, datetime.now(UTC))
    keys = await create_demo_api_keys(tenant, cast)
    await make_changes(tenant, cast, length, await ingest_key_id(tenant), STAFF_OF[cast.slug][0].email)
    return keys
