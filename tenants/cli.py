"""gokart tenants …, gokart nodes, gokart migrate"""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.cli_support import console, print_table
from core.errors import GokartError
from tenants import lifecycle, nodes
from tenants.commands import run_command
from tenants.config import tenancy
from tenants.dumps import restore_tenant
from tenants.migrations import MigrationOutcome, latest_version, migrate_platform, migrate_tenants
from tenants.tables import TenantRow


@click.group()
def tenants() -> None:
    """Create, list, rename, suspend, resume, move, delete and restore tenants."""


@tenants.command()
@click.argument("tenant")
@click.option("--name", required=True, help="Display name.")
def create(tenant: str, name: str) -> None:
    """Create TENANT, which is its label in host names."""

    async def work() -> None:
        await migrate_platform()
        await lifecycle.create_tenant(tenant, name)

    run_command(work)
    console.print(f"Created {tenant}: {tenancy().start_url(tenant)}")


@tenants.command("list")
def list_() -> None:
    """List the tenants."""

    async def work() -> tuple[list[TenantRow], dict[str, str] | None]:
        rows = await TenantRow.objects().order_by(TenantRow.slug)
        return rows, await nodes.nodes_of((row.slug, row.schema) for row in rows)

    rows, node_by_slug = run_command(work)
    latest = latest_version()
    print_table(
        ["tenant", "name", "status", "created", "schema version"] + (["node"] if node_by_slug else []),
        [
            [
                r.slug,
                r.name,
                r.status,
                f"{r.created_at:%Y-%m-%d}",
                str(r.version) + version_note(r.version, latest),
                *([node_by_slug[r.slug]] if node_by_slug else []),
            ]
            for r in rows
        ],
        "There are no tenants yet: gokart tenants create NAME --name 'Display Name'",
    )


def version_note(version: str | None, latest: str) -> str:
    if version == latest:
        return ""
    return " (newer)" if version and version > latest else " (old)"


@tenants.command()
@click.argument("tenant")
@click.option("--name", required=True, help="The new display name.")
def rename(tenant: str, name: str) -> None:
    """Change the display name of TENANT. Its hosts stay the same."""
    run_command(lambda: lifecycle.rename_tenant(tenant, name))
    console.print("Changed.")


@tenants.command()
@click.argument("tenant")
def suspend(tenant: str) -> None:
    """Respond with 403 on the hosts of TENANT. No data is lost."""
    run_command(lambda: lifecycle.set_tenant_status(tenant, "suspended"))
    console.print(f"Suspended {tenant}.")


@tenants.command()
@click.argument("tenant")
def resume(tenant: str) -> None:
    """Undo suspend."""
    run_command(lambda: lifecycle.set_tenant_status(tenant, "active"))
    console.print(f"Resumed {tenant}.")


@tenants.command()
@click.argument("tenant")
@click.argument("node")
def move(tenant: str, node: str) -> None:
    """Move TENANT to another NODE of a Citus cluster (see: gokart nodes). It stays readable."""

    async def work() -> bool:
        return await nodes.move_tenant(await lifecycle.get_tenant(tenant), node)

    console.print(f"Moved {tenant} to {node}." if run_command(work) else f"{tenant} is already on {node}.")


@click.command("nodes")
def nodes_() -> None:
    """List the nodes of a Citus cluster with their tenants and sizes."""
    print_table(
        ["node", "status", "tenants", "size"],
        [
            [
                node.name,
                "inactive" if not node.active else "ready" if node.takes_tenants else "accepts no tenants",
                f"{node.tenants:,}",
                "?" if node.size is None else decimal(node.size),
            ]
            for node in run_command(nodes.list_nodes)
        ],
        "The cluster has no nodes yet: SELECT citus_add_node('HOST', PORT)",
    )


@tenants.command()
@click.argument("tenant")
@click.option("--no-dump", is_flag=True, help="Do not keep a dump of the data.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def delete(tenant: str, no_dump: bool, yes: bool) -> None:
    """Delete TENANT with all its data. Keeps a dump unless --no-dump is given."""
    found = run_command(lambda: lifecycle.get_tenant(tenant))
    if (
        not yes
        and click.prompt(f"This deletes {found.name} with all its data. Type its name, {tenant}, to confirm") != tenant
    ):
        raise GokartError("Nothing was deleted.")
    path = run_command(lambda: lifecycle.delete_tenant(tenant, keep_dump=not no_dump))
    console.print(
        f"Deleted {tenant}." + (f" Its dump is in {path} (gokart tenants restore)." if path else ""), soft_wrap=True
    )


@tenants.command()
@click.argument("dump", type=click.Path(path_type=Path))
@click.option(
    "--as", "slug", metavar="NAME", help="Another name than the tenant had, which is its label in host names."
)
def restore(dump: Path, slug: str | None) -> None:
    """Restore the tenant of a DUMP that `delete` has written, with the status that it had."""
    restored = run_command(lambda: restore_tenant(dump, slug))
    console.print(f"Restored {restored}: {tenancy().start_url(restored)}", soft_wrap=True)


@click.command()
@click.argument("tenants", nargs=-1, metavar="[TENANT]...")
def migrate(tenants: tuple[str, ...]) -> None:
    """Migrate the platform and every tenant, or the named ones, to the latest schema."""
    outcomes = run_command(lambda: migrate_with_progress(list(tenants)))
    failed = [outcome for outcome in outcomes if outcome.error]
    changed = sum(1 for outcome in outcomes if outcome.ran)
    console.print(f"{changed} migrated, {len(outcomes) - changed - len(failed)} up to date, {len(failed)} failed.")
    if failed:
        lines = "\n".join(f"  {outcome.slug}: {outcome.error}" for outcome in failed)
        raise GokartError(f"These tenants are unchanged:\n{lines}")


async def migrate_with_progress(slugs: list[str]) -> list[MigrationOutcome]:
    await migrate_platform()
    slugs = slugs or await TenantRow.select(TenantRow.slug).order_by(TenantRow.slug).output(as_list=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    outcomes = []
    # A separate console: migrate_platform replaces sys.stdout to capture what migrations print.
    terminal = Console(file=sys.stdout)
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        task = progress.add_task("Migrating", total=len(slugs))
        async for outcome in migrate_tenants(slugs):
            outcomes.append(outcome)
            progress.update(task, advance=1, description=f"Migrating {outcome.slug}")
    return outcomes
