"""gokart advertisers …, gokart tenants limit"""

from typing import Any
from uuid import UUID, uuid4

import click
from piccolo.columns import Column

from catalog.fields import ADVERTISERS, FieldValues, read_time_zone
from catalog.records import create_row
from catalog.tables import Advertiser
from catalog.tenants import set_tenant_limits
from core.cli_support import console, describe_limits, limit_options, print_table
from core.errors import GokartError
from database.transactions import transaction
from tenants.cache import notify_changed
from tenants.cli import tenants
from tenants.commands import run_command, run_for_tenant
from tenants.tenant import current_tenant

LONGEST_NAME = 500


@click.group()
def advertisers() -> None:
    """Create, list, pause advertisers; switch Singular on and off."""


@advertisers.command()
@click.argument("tenant")
@click.option("--name", required=True)
@click.option("--id", "id_", type=click.UUID, help="Its id in GoKart; without it a new one.")
@click.option("--time-zone", help="An IANA name, such as Europe/Berlin; without it that of TENANT's settings.")
def create(tenant: str, name: str, id_: UUID | None, time_zone: str | None) -> None:
    """Make an advertiser of TENANT and print its id."""
    new = id_ or uuid4()
    if not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise GokartError(f"--name: An advertiser's name has 1 to {LONGEST_NAME} characters.")
    values: FieldValues = {"name": name.strip()}
    if time_zone is not None:
        try:
            values["time_zone"] = read_time_zone(time_zone)
        except GokartError as error:
            raise GokartError(f"--time-zone: {error}") from error

    async def work() -> None:
        async with transaction():
            if await Advertiser.exists().where(Advertiser.id == new):
                raise GokartError(f"There is an advertiser {new} already.")
            await create_row(current_tenant(), ADVERTISERS, new, values)

    run_for_tenant(tenant, work)
    click.echo(new)


@advertisers.command("list")
@click.argument("tenant")
def list_(tenant: str) -> None:
    """List TENANT's advertisers."""

    async def work() -> list[list[str]]:
        found = await Advertiser.objects().order_by(Advertiser.name)
        return [[str(a.id), a.name, a.status, "on" if a.singular_enabled else "off"] for a in found]

    print_table(["id", "name", "status", "singular"], run_for_tenant(tenant, work), "There is no advertiser yet.")


@advertisers.command("set")
@click.argument("tenant")
@click.argument("advertiser", type=click.UUID)
@click.option("--singular/--no-singular", default=None, help="Whether Singular may pull its costs.")
@click.option("--paused/--active", default=None, help="A paused advertiser's tokens get 403.")
def set_(tenant: str, advertiser: UUID, singular: bool | None, paused: bool | None) -> None:
    """Change an ADVERTISER (its id) of TENANT."""
    values: dict[Column | str, Any] = {}
    if singular is not None:
        values["singular_enabled"] = singular
    if paused is not None:
        values["status"] = "paused" if paused else "active"
    if not values:
        raise click.UsageError("Give --singular, --no-singular, --paused or --active.")

    async def work() -> None:
        async with transaction() as db:
            changed = await Advertiser.update(values).where(Advertiser.id == advertiser).returning(Advertiser.id)
            if not changed:
                raise GokartError(f"There is no advertiser {advertiser} at {tenant}.")
            await notify_changed(db)

    run_for_tenant(tenant, work)
    console.print("Changed.")


@tenants.command()
@click.argument("tenant")
@limit_options
def limit(tenant: str, rate: float | None, burst: int | None, concurrency: int | None) -> None:
    """Set the rate limits of each API key of TENANT. Options that are not given return to the platform's limits."""
    run_command(lambda: set_tenant_limits(tenant, rate, burst, concurrency))
    console.print(describe_limits(rate, burst, concurrency, "the platform's"))
