"""gokart api-keys …"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import click

from auth.api_keys import service as api_keys
from auth.api_keys.format import MintedKey
from auth.api_keys.tables import ApiKey
from auth.scopes import ADVERTISER_SCOPES, DEFAULT_SCOPES, INGEST
from catalog.tables import Advertiser
from core.cli_support import console, describe_limits, limit_options, print_table
from tenants.commands import operator, run_for_tenant

KEY_ID = click.IntRange(1, 2**31 - 1)


@click.group("api-keys")
def api_keys_group() -> None:
    """Create, list, rotate and revoke API keys."""


@api_keys_group.command()
@click.argument("tenant")
@click.option("--advertiser", type=click.UUID, help="The key's advertiser (see: gokart advertisers list).")
@click.option("--ingest", is_flag=True, help="Create an ingest key of the tenant instead of an advertiser's key.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(ADVERTISER_SCOPES),
    help="May be repeated. Default: cost-report and singular.",
)
@click.option("--name", required=True, help="What uses the key.")
@click.option("--days", type=click.IntRange(1, 3_650), help="Expire after this many days.")
@click.option("--network", "networks", multiple=True, help="Allow only this CIDR range; may be repeated.")
def create(  # noqa: PLR0917  # click passes by name
    tenant: str,
    advertiser: UUID | None,
    ingest: bool,
    scopes: tuple[str, ...],
    name: str,
    days: int | None,
    networks: tuple[str, ...],
) -> None:
    """Create an API key of TENANT and print it. It is not shown again."""
    if ingest == (advertiser is not None) or (ingest and scopes):
        raise click.UsageError("Give either --advertiser ID (and its scopes), or --ingest.")

    async def work() -> MintedKey:
        return await api_keys.create_api_key(
            name=name,
            scopes=[INGEST] if ingest else scopes or DEFAULT_SCOPES,
            advertiser=advertiser,
            created_by=operator(),
            expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
            networks=networks,
        )

    print_key(run_for_tenant(tenant, work))


def print_key(minted: MintedKey) -> None:
    """Only the key goes to standard output, so that scripts can read it."""
    click.echo("Copy the key now. It is not shown again.", err=True)
    click.echo(minted.token)


@api_keys_group.command("list")
@click.argument("tenant")
def list_(tenant: str) -> None:
    """List TENANT's API keys."""

    async def work() -> list[list[str]]:
        keys = await ApiKey.objects().order_by(ApiKey.id)
        names = {a["id"]: a["name"] for a in await Advertiser.select(Advertiser.id, Advertiser.name)}
        return [
            [
                str(key.id),
                key.hint,
                key.name,
                names.get(key.advertiser, "(the tenant)"),
                ", ".join(key.scopes),
                ", ".join(key.networks) or "any",
                describe_status(key),
                describe_last_use(key),
            ]
            for key in keys
        ]

    columns = ["id", "API key", "name", "advertiser", "scopes", "allowed IPs", "status", "last used (UTC)"]
    print_table(columns, run_for_tenant(tenant, work), "No API keys yet.")


def describe_last_use(key: ApiKey) -> str:
    at: datetime | None = key.last_used_at
    return f"{at:%Y-%m-%d %H:%M} from {key.last_used_from}" if at else "never"


def describe_status(key: ApiKey) -> str:
    expires_at: datetime | None = key.expires_at
    revoked_at: datetime | None = key.revoked_at
    if revoked_at:
        return f"revoked {revoked_at:%Y-%m-%d}"
    if expires_at is None:
        return "active"
    return f"{'expired' if expires_at <= datetime.now(UTC) else 'active until'} {expires_at:%Y-%m-%d %H:%M}"


@api_keys_group.command()
@click.argument("tenant")
@click.argument("key", type=KEY_ID)
@click.option(
    "--grace-days",
    type=click.FloatRange(0, 365),
    default=api_keys.DEFAULT_GRACE.days,
    show_default=True,
    help="How long the old key keeps working.",
)
def rotate(tenant: str, key: int, grace_days: float) -> None:
    """Create a successor of KEY (its id). The old key keeps working for the grace period."""
    grace = timedelta(days=grace_days)
    print_key(run_for_tenant(tenant, lambda: api_keys.rotate_api_key(key, created_by=operator(), grace=grace)))


@api_keys_group.command()
@click.argument("tenant")
@click.argument("key", type=KEY_ID)
def revoke(tenant: str, key: int) -> None:
    """Revoke KEY (its id) immediately and permanently."""
    run_for_tenant(tenant, lambda: api_keys.revoke_api_key(key))
    console.print(f"Revoked API key {key}.")


@api_keys_group.command()
@click.argument("tenant")
@click.argument("key", type=KEY_ID)
@limit_options
def limit(tenant: str, key: int, rate: float | None, burst: int | None, concurrency: int | None) -> None:
    """Set the rate limits of KEY (its id). Limits that are not given return to the tenant's default."""
    run_for_tenant(tenant, lambda: api_keys.set_api_key_limits(key, rate, burst, concurrency))
    console.print(describe_limits(rate, burst, concurrency, "the tenant's"))
