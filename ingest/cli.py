"""gokart import …, gokart prune"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from core.cli_support import console
from core.errors import GokartError
from ingest.files import FileFormat, RecordFile, RecordKind
from ingest.imports import RejectsFile, format_totals, import_file
from ingest.partitions import drop_old_months
from settings import settings
from tenants.commands import run_command, run_for_tenant
from tenants.lifecycle import get_tenant
from tenants.tables import TenantRow
from tenants.tenant import current_tenant

SOME_REJECTED = 3  # exit code


@click.command("import")
@click.argument("tenant")
@click.argument("kind", type=click.Choice(["conversions", "events", "offers", "partners"]))
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["json", "ndjson", "csv"]),
    help="Of all the files; without it the name or the beginning of each tells.",
)
def import_(tenant: str, kind: RecordKind, files: tuple[Path, ...], format_: FileFormat | None) -> None:
    """Take FILES of records in at TENANT, as the intake calls do.

    JSON (an object or an array), NDJSON (an object a line) or CSV (a first line of column names; an empty cell is
    null), each also compressed with gzip or zstd. A repeated import counts nothing twice. Records that are not taken
    are written to FILE.rejects.ndjson, and the exit code is then 3.
    """
    columns = TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        async def work() -> int:
            return sum([await import_one(path, kind, format_, progress) for path in files])

        rejected = run_for_tenant(tenant, work)
    if rejected:
        sys.exit(SOME_REJECTED)


async def import_one(path: Path, kind: RecordKind, format_: FileFormat | None, progress: Progress) -> int:
    """Returns how many records were rejected."""
    with RecordFile(path, kind, format_) as source, RejectsFile(path) as rejects:
        bar = progress.add_task(path.name, total=source.size)
        totals = await import_file(current_tenant(), source, rejects, lambda done: progress.update(bar, completed=done))
        progress.remove_task(bar)
    where = f", see {rejects.path}" if totals.rejected else ""
    console.print(f"{path}: {format_totals(totals)}{where}", soft_wrap=True, highlight=False, markup=False)
    return totals.rejected


@click.command()
@click.argument("tenants", nargs=-1, metavar="[TENANT]...")
def prune(tenants: tuple[str, ...]) -> None:
    """Drop what is beyond GOKART_EVENT_RETENTION_DAYS from the ledger of every tenant, or those named.

    No report changes: the figures stay. Views and clicks go in whole months, once all of a month is older; so does the
    log of intake calls and of what they rejected. Conversions stay. The servers do the same by themselves once a day.
    """
    if settings.event_retention_days is None:
        raise GokartError("GOKART_EVENT_RETENTION_DAYS is not set: views and clicks are kept for ever.")

    async def work() -> list[str]:
        slugs = tenants or await TenantRow.select(TenantRow.slug).order_by(TenantRow.slug).output(as_list=True)
        return [table for slug in slugs for table in await drop_old_months(await get_tenant(slug), datetime.now(UTC))]

    dropped = run_command(work)
    console.print(f"Dropped: {', '.join(dropped)}." if dropped else "No month is that old.")
