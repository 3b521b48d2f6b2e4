"""gokart tokens …"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import click

from auth.api_keys import service as api_keys
from auth.api_keys.format import MintedKey
from auth.api_keys.tables import ApiKey
from catalog.tables import Advertiser
from core.cli_support import console, describe_limits, limit_options, print_table
from tenants.commands import operator, run_for_tenant

TOKEN = click.IntRange(1, 2**31 - 1)


@click.group()
def tokens() -> None:
    """Create, list, rotate, revoke API tokens."""


@tokens.command()
@click.argument("tenant")
@click.option("--advertiser", type=click.UUID, help="Whose token it is (see: gokart advertisers list).")
@click.option("--ingest", is_flag=True, help="A token of the tenant that brings data in, instead of an advertiser's.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(api_keys.ADVERTISER_SCOPES), help="Both, if none is given."
)
@click.option("--name", required=True, help="To tell it from others.")
@click.option("--days", type=click.IntRange(1, 3_650), help="Expire after this many days.")
@click.option("--network", "networks", multiple=True, help="CIDR network that it may be used from; may be repeated.")
def create(  # noqa: PLR0917  # click passes by name
    tenant: str,
    advertiser: UUID | None,
    ingest: bool,
    scopes: tuple[str, ...],
    name: str,
    days: int | None,
    networks: tuple[str, ...],
) -> None:
    """Make a token of TENANT. It is shown once."""
    if ingest == (advertiser is not None) or (ingest and scopes):
        raise click.UsageError("Give either --advertiser ID (and its scopes), or --ingest.")

    async def work() -> MintedKey:
        return await api_keys.create_api_key(
            name=name,
            scopes=[api_keys.INGEST] if ingest else scopes or api_keys.ADVERTISER_SCOPES,
            advertiser=advertiser,
            created_by=operator(),
            expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
            networks=networks,
        )

    show(run_for_tenant(tenant, work))


def show(minted: MintedKey) -> None:
    """The token alone on standard output, so that a script can take it; the rest beside it."""
    click.echo("Keep it now: it is not shown again.", err=True)
    click.echo(minted.token)


@tokens.command("list")
@click.argument("tenant")
def list_(tenant: str) -> None:
    """List TENANT's tokens, by what may be shown of them."""

    async def work() -> list[list[str]]:
        found = await ApiKey.objects().order_by(ApiKey.id)
        names = {a["id"]: a["name"] for a in await Advertiser.select(Advertiser.id, Advertiser.name)}
        return [
            [
                str(t.id),
                t.hint,
                t.name,
                names.get(t.advertiser, "(the tenant)"),
                ", ".join(t.scopes),
                ", ".join(t.networks) or "any",
                state_of(t),
                used(t),
            ]
            for t in found
        ]

    columns = ["id", "token", "name", "advertiser", "scopes", "networks", "state", "last used (UTC)"]
    print_table(columns, run_for_tenant(tenant, work), "There is no token yet.")


def used(key: ApiKey) -> str:
    at: datetime | None = key.last_used_at
    return f"{at:%Y-%m-%d %H:%M} from {key.last_used_from}" if at else "never"


def state_of(key: ApiKey) -> str:
    expires_at: datetime | None = key.expires_at
    revoked_at: datetime | None = key.revoked_at
    if revoked_at:
        return f"revoked {revoked_at:%Y-%m-%d}"
    if expires_at is None:
        return "live"
    return f"{'expired' if expires_at <= datetime.now(UTC) else 'live until'} {expires_at:%Y-%m-%d %H:%M}"


@tokens.command()
@click.argument("tenant")
@click.argument("token", type=TOKEN)
@click.option(
    "--grace-days",
    type=click.FloatRange(0, 365),
    default=api_keys.DEFAULT_GRACE.days,
    show_default=True,
    help="The old one goes on for.",
)
def rotate(tenant: str, token: int, grace_days: float) -> None:
    """Replace TOKEN (its id) by a new one; the old one works on for the grace period."""
    grace = timedelta(days=grace_days)
    show(run_for_tenant(tenant, lambda: api_keys.rotate_api_key(token, created_by=operator(), grace=grace)))


@tokens.command()
@click.argument("tenant")
@click.argument("token", type=TOKEN)
def revoke(tenant: str, token: int) -> None:
    """Stop TOKEN (its id) at once, for ever."""
    run_for_tenant(tenant, lambda: api_keys.revoke_api_key(token))
    console.print(f"Revoked {token}.")


@tokens.command()
@click.argument("tenant")
@click.argument("token", type=TOKEN)
@limit_options
def limit(tenant: str, token: int, rate: float | None, burst: int | None, concurrency: int | None) -> None:
    """Set what TOKEN (its id) may ask for. What is not given is the tenant's again."""
    run_for_tenant(tenant, lambda: api_keys.set_api_key_limits(token, rate, burst, concurrency))
    console.print(describe_limits(rate, burst, concurrency, "the tenant's"))
