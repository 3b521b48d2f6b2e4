"""gokart staff …, gokart logins …"""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import click

from auth.users import totp
from auth.users.directory import UserDetails, list_users, member, update_staff_user
from auth.users.invitations import SCOPES, IssuedLink, invite_advertiser_user, invite_staff_user, renew_link
from auth.users.login_pages import one_time_url
from auth.users.one_time_links import LINK_LIFETIMES
from auth.users.realms import ADVERTISER, PLATFORM, STAFF, Realm
from auth.users.users import ROLES
from catalog.tables import Advertiser
from core.cli_support import console, print_table
from tenants.commands import operator, run_command, run_for_tenant
from tenants.hosts import site_url
from tenants.migrations import migrate_platform

T = TypeVar("T")
EMAIL = click.option("--email", required=True, help="They sign in with it.")


def place(command: Callable[..., None]) -> Callable[..., None]:
    """[TENANT] and --platform, one of which is given."""
    command = click.option("--platform", is_flag=True, help="The platform's own staff, instead of a tenant's.")(command)
    return click.argument("tenant", required=False)(command)


def realm_of(tenant: str | None, platform: bool) -> Realm:
    if platform == (tenant is not None):
        raise click.UsageError("Give either TENANT or --platform.")
    return PLATFORM if platform else STAFF


def run_in(tenant: str | None, work: Callable[[], Awaitable[T]]) -> T:
    """At the tenant, else the platform, whose tables are made where there are none yet."""
    if tenant:
        return run_for_tenant(tenant, work)

    async def migrated() -> T:
        await migrate_platform()
        return await work()

    return run_command(migrated)


@click.group()
def staff() -> None:
    """Invite, list, change the staff of a tenant or of the platform."""


@staff.command()
@place
@EMAIL
@click.option("--name", required=True)
@click.option("--role", required=True, type=click.Choice(ROLES))
def invite(tenant: str | None, platform: bool, email: str, name: str, role: str) -> None:
    """Add somebody to the staff of TENANT, and print the one-time link to set a password."""
    realm = realm_of(tenant, platform)
    show(tenant, run_in(tenant, lambda: invite_staff_user(realm, email, name, role, operator())))


@staff.command("list")
@place
def list_staff(tenant: str | None, platform: bool) -> None:
    """List the staff of TENANT."""
    realm = realm_of(tenant, platform)
    rows = [[m.email, m.name, m.role, *standing(m)] for m in run_in(tenant, lambda: list_users(realm))]
    print_table(["e-mail", "name", "role", *STANDING], rows, "There is nobody yet.")


@staff.command("link")
@place
@EMAIL
@click.option("--no-second-factor", is_flag=True, help="Turn two-step sign-in off as well.")
def staff_link(tenant: str | None, platform: bool, email: str, no_second_factor: bool) -> None:
    """Print a new one-time link to set a password. Earlier ones of the same person no longer work."""
    realm = realm_of(tenant, platform)
    show(tenant, run_in(tenant, lambda: link_again(realm, email, no_second_factor)))


@staff.command("set")
@place
@EMAIL
@click.option("--role", type=click.Choice(ROLES))
@click.option("--active/--inactive", default=None, help="Who is inactive is signed out and cannot sign in.")
def set_(tenant: str | None, platform: bool, email: str, role: str | None, active: bool | None) -> None:
    """Change somebody's role, or whether they may sign in."""
    realm = realm_of(tenant, platform)
    if role is None and active is None:
        raise click.UsageError("Say what to change: --role, --active or --inactive.")

    async def work() -> None:
        await update_staff_user(realm, (await member(realm, email)).id, role=role, active=active)

    run_in(tenant, work)
    console.print("Changed.")


@click.group()
def logins() -> None:
    """Invite and list the people of advertisers."""


@logins.command("invite")
@click.argument("tenant")
@click.option("--advertiser", required=True, type=click.UUID, help="Whose (see: gokart advertisers list).")
@EMAIL
@click.option("--name", required=True)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="What their keys may have; both, if none is given.",
)
def invite_to_advertiser(tenant: str, advertiser: UUID, email: str, name: str, scopes: tuple[str, ...]) -> None:
    """Add somebody to an advertiser of TENANT, and print the one-time link to set a password."""
    show(
        tenant,
        run_for_tenant(tenant, lambda: invite_advertiser_user(email, name, advertiser, scopes or SCOPES, operator())),
    )


@logins.command("list")
@click.argument("tenant")
def list_logins(tenant: str) -> None:
    """List the people of TENANT's advertisers."""

    async def work() -> list[list[str]]:
        names = {a["id"]: a["name"] for a in await Advertiser.select(Advertiser.id, Advertiser.name)}
        return [
            [m.email, m.name, names.get(m.advertiser, ""), ", ".join(m.scopes), *standing(m)]
            for m in await list_users(ADVERTISER)
        ]

    print_table(
        ["e-mail", "name", "advertiser", "scopes", *STANDING], run_for_tenant(tenant, work), "There is nobody yet."
    )


@logins.command("link")
@click.argument("tenant")
@EMAIL
@click.option("--no-second-factor", is_flag=True, help="Turn two-step sign-in off as well.")
def login_link(tenant: str, email: str, no_second_factor: bool) -> None:
    """Print a new one-time link to set a password. Earlier ones of the same person no longer work."""
    show(tenant, run_for_tenant(tenant, lambda: link_again(ADVERTISER, email, no_second_factor)))


async def link_again(realm: Realm, email: str, no_second_factor: bool) -> IssuedLink:
    found = await member(realm, email)
    invited = await renew_link(realm, found.id, operator())
    if no_second_factor:
        await totp.disable_totp(realm, found.id)
    return invited


def show(tenant: str | None, invited: IssuedLink) -> None:
    """The link alone on standard output, so that a script can take it; the rest beside it."""
    hours = int(LINK_LIFETIMES[invited.purpose].total_seconds() // 3600)
    lasts = f"{hours // 24} days" if hours > 24 else f"{hours} hours"
    click.echo(f"For {invited.user.email}: works once, for {lasts}. It is not shown again.", err=True)
    click.echo(one_time_url(site_url(f"app.{tenant}" if tenant else "admin"), invited.user.realm, invited.token))


STANDING = ["state", "two-step", "last sign-in (UTC)"]


def standing(who: UserDetails) -> list[str]:
    at = who.last_sign_in_at
    return [who.state, "on" if who.totp else "off", f"{at:%Y-%m-%d %H:%M}" if at else "never"]
