"""gokart staff …, gokart users …, gokart audit …, gokart erase"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

import click

from auth.scopes import ADVERTISER_SCOPES, DEFAULT_SCOPES
from auth.users import totp
from auth.users.audit_export import FORMATS, export_audit_log
from auth.users.directory import (
    UserDetails,
    get_user_by_email,
    list_users,
    update_advertiser_user,
    update_staff_user,
)
from auth.users.emails import report_change
from auth.users.erasure import Found, erase_at_tenant, erase_platform_staff
from auth.users.invitations import IssuedLink, invite_advertiser_user, invite_staff_user, renew_link
from auth.users.login_pages import one_time_url
from auth.users.one_time_links import describe_lifetime
from auth.users.realms import ADVERTISER, PLATFORM, STAFF, Realm
from auth.users.users import ROLES
from catalog.tables import Advertiser
from core.cli_support import console, print_table
from tenants.commands import operator, run_command, run_for_tenant
from tenants.config import tenancy
from tenants.migrations import migrate_platform

T = TypeVar("T")
TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"])
EMAIL = click.option("--email", required=True, help="The address to sign in with.")


def realm_options(command: Callable[..., None]) -> Callable[..., None]:
    """[TENANT] and --platform: exactly one must be given."""
    command = click.option("--platform", is_flag=True, help="The platform's staff instead of a tenant's.")(command)
    return click.argument("tenant", required=False)(command)


def staff_realm(tenant: str | None, platform: bool) -> Realm:
    if platform == (tenant is not None):
        raise click.UsageError("Give either TENANT or --platform.")
    return PLATFORM if platform else STAFF


def run_in(tenant: str | None, work: Callable[[], Awaitable[T]]) -> T:
    """Runs `work` at the tenant, or else at the platform."""
    return run_for_tenant(tenant, work) if tenant else run_command(work)


@click.group()
def staff() -> None:
    """Invite, list and change the staff of a tenant or of the platform."""


@staff.command()
@realm_options
@EMAIL
@click.option("--name", required=True)
@click.option("--role", required=True, type=click.Choice(ROLES))
def invite(tenant: str | None, platform: bool, email: str, name: str, role: str) -> None:
    """Invite a user to the staff of TENANT, and print the one-time link to choose a password."""
    realm = staff_realm(tenant, platform)

    async def work() -> IssuedLink:
        if realm is PLATFORM:
            await migrate_platform()  # the first command of a new installation may be this one
        return await invite_staff_user(realm, email, name, role, operator())

    print_link(tenant, run_in(tenant, work))


@staff.command("list")
@realm_options
def list_staff(tenant: str | None, platform: bool) -> None:
    """List the staff of TENANT."""
    realm = staff_realm(tenant, platform)
    rows = [[m.email, m.name, m.role, *status_cells(m)] for m in run_in(tenant, lambda: list_users(realm))]
    print_table(["email", "name", "role", *STATUS_COLUMNS], rows, "No users yet.")


@staff.command("link")
@realm_options
@EMAIL
@click.option("--no-second-factor", is_flag=True, help="Also turn off two-factor authentication.")
def staff_link(tenant: str | None, platform: bool, email: str, no_second_factor: bool) -> None:
    """Print a new one-time link to choose a password. The user's earlier links stop working."""
    realm = staff_realm(tenant, platform)
    print_link(tenant, run_in(tenant, lambda: renew_user_link(realm, email, no_second_factor)))


@staff.command("set")
@realm_options
@EMAIL
@click.option("--role", type=click.Choice(ROLES))
@click.option("--active/--inactive", default=None, help="Inactive users are signed out and cannot sign in.")
def set_(tenant: str | None, platform: bool, email: str, role: str | None, active: bool | None) -> None:
    """Change a user's role, or whether the user may sign in."""
    realm = staff_realm(tenant, platform)
    if role is None and active is None:
        raise click.UsageError("Give --role, --active or --inactive.")

    async def work() -> None:
        await update_staff_user(realm, (await get_user_by_email(realm, email)).id, role=role, active=active)

    run_in(tenant, work)
    console.print("Changed.")


@click.group()
def users() -> None:
    """Invite, list and change advertiser users."""


@users.command("invite")
@click.argument("tenant")
@click.option(
    "--advertiser", required=True, type=click.UUID, help="The user's advertiser (see: gokart advertisers list)."
)
@EMAIL
@click.option("--name", required=True)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(ADVERTISER_SCOPES),
    help="Permissions of the user and of the API keys that the user creates. Default: cost-report and singular.",
)
@click.option(
    "--admin/--no-admin",
    default=None,
    help="Whether the user manages the advertiser's other users. Default: if it is the advertiser's first user.",
)
def invite_user(
    tenant: str, advertiser: UUID, email: str, name: str, *, scopes: tuple[str, ...], admin: bool | None
) -> None:
    """Invite a user of an advertiser of TENANT, and print the one-time link to choose a password."""

    async def work() -> IssuedLink:
        chosen = scopes or DEFAULT_SCOPES
        return await invite_advertiser_user(email, name, advertiser, chosen, operator(), admin=admin)

    print_link(tenant, run_for_tenant(tenant, work))


@users.command("list")
@click.argument("tenant")
def list_advertiser_users(tenant: str) -> None:
    """List the advertiser users of TENANT."""

    async def work() -> list[list[str]]:
        names = {a["id"]: a["name"] for a in await Advertiser.select(Advertiser.id, Advertiser.name)}
        return [
            [
                m.email,
                m.name,
                names.get(m.advertiser, ""),
                ", ".join(m.scopes),
                "yes" if m.admin else "no",
                *status_cells(m),
            ]
            for m in await list_users(ADVERTISER)
        ]

    print_table(
        ["email", "name", "advertiser", "scopes", "administrator", *STATUS_COLUMNS],
        run_for_tenant(tenant, work),
        "No users yet.",
    )


@users.command("link")
@click.argument("tenant")
@EMAIL
@click.option("--no-second-factor", is_flag=True, help="Also turn off two-factor authentication.")
def user_link(tenant: str, email: str, no_second_factor: bool) -> None:
    """Print a new one-time link to choose a password. The user's earlier links stop working."""
    print_link(tenant, run_for_tenant(tenant, lambda: renew_user_link(ADVERTISER, email, no_second_factor)))


@users.command("set")
@click.argument("tenant")
@EMAIL
@click.option("--admin/--no-admin", required=True, help="Whether the user manages the advertiser's other users.")
def set_user(tenant: str, email: str, admin: bool) -> None:
    """Make an advertiser user of TENANT an administrator of the advertiser's users, or an ordinary user."""

    async def work() -> None:
        await update_advertiser_user((await get_user_by_email(ADVERTISER, email)).id, admin=admin)

    run_for_tenant(tenant, work)
    console.print("Changed.")


@click.group()
def audit() -> None:
    """Export the audit log of a tenant or of the platform."""


@audit.command("export")
@realm_options
@click.option("--from", "start", type=TIME, help="The first moment, in UTC.  [default: the first entry]")
@click.option("--to", "end", type=TIME, help="The moment after the last one, in UTC.  [default: the last entry]")
@click.option("--format", "format_", type=click.Choice(sorted(FORMATS)), default="ndjson", show_default=True)
def export(tenant: str | None, platform: bool, start: datetime | None, end: datetime | None, format_: str) -> None:
    """Write TENANT's audit log to standard output, oldest entry first.

    Times are in UTC. A date is its midnight: --from 2026-11-01 --to 2026-12-01 is November. CSV is for spreadsheets: a
    cell that they would evaluate as a formula begins with an apostrophe. NDJSON has every value as it is.
    """
    realm = staff_realm(tenant, platform)
    first, last = [moment and moment.replace(tzinfo=UTC) for moment in (start, end)]

    async def work() -> None:
        await export_audit_log(realm, first, last, FORMATS[format_], lambda chunk: click.echo(chunk, nl=False))

    run_in(tenant, work)


@click.command()
@realm_options
@EMAIL
@click.option("--dry-run", is_flag=True, help="Only show what would be erased.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def erase(tenant: str | None, platform: bool, email: str, dry_run: bool, yes: bool) -> None:
    """Erase a person at TENANT: as staff, as a user of advertisers, and as their contact. It cannot be undone.

    Deletes the accounts with this address, with sessions, one-time links, second factors and sign-in attempts. In the
    audit log and in the names of API keys, a pseudonym replaces the address, and the person's name and IP addresses
    are removed. API keys that the person created keep working. With --platform: platform staff, and what the logs of
    tenants have of them.
    """
    realm = staff_realm(tenant, platform)

    async def work(*, dry_run: bool) -> Found:
        return await (erase_platform_staff if realm is PLATFORM else erase_at_tenant)(email, dry_run=dry_run)

    found = run_in(tenant, lambda: work(dry_run=True))
    if not found:
        console.print("Nothing is stored about this address.")
        return
    print_table(["what", "how many"], [[what, f"{count:,}"] for what, count in sorted(found.items())], "")
    if not dry_run and (yes or click.confirm("Erase all of this?", abort=True)):
        run_in(tenant, lambda: work(dry_run=False))
        console.print("Erased.")


async def renew_user_link(realm: Realm, email: str, no_second_factor: bool) -> IssuedLink:
    found = await get_user_by_email(realm, email)
    invited = await renew_link(realm, found.id, operator())
    if no_second_factor:
        await totp.disable_totp(realm, found.id)
        await report_change(found.email, found.name, "totp-off")
    return invited


def print_link(tenant: str | None, invited: IssuedLink) -> None:
    """Only the link goes to standard output, so that scripts can read it."""
    lifetime = describe_lifetime(invited.purpose)
    click.echo(f"For {invited.user.email}: works once, within {lifetime}. It is not shown again.", err=True)
    origin = tenancy().site_url(f"app.{tenant}" if tenant else "admin")
    click.echo(one_time_url(origin, invited.user.realm, invited.token))


STATUS_COLUMNS = ["status", "two-factor", "last sign-in (UTC)"]


def status_cells(user: UserDetails) -> list[str]:
    at = user.last_sign_in_at
    return [user.state, "on" if user.totp else "off", f"{at:%Y-%m-%d %H:%M}" if at else "never"]
