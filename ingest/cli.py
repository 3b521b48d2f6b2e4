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
    help="Format of all files. By default, it is detected from the name or content of each.",
)
def import_(tenant: str, kind: RecordKind, files: tuple[Path, ...], format_: FileFormat | None) -> None:
    """Import FILES of records for TENANT, as the intake API does.

    JSON (an object or an array), NDJSON (one object per line) or CSV (column names in the first line; an empty cell
    is null), each optionally compressed with gzip or zstd. Repeating an import counts nothing twice. Rejected records
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
    """Delete views and clicks older than GOKART_EVENT_RETENTION_DAYS, for every tenant or the given ones.

    No report changes. Views and clicks are dropped in whole months, when all of a month is older, and so is the intake
    log of that time. Conversions are kept. A background job of the servers does the same once a day.
    """
    if settings.event_retention_days is None:
        raise GokartError("GOKART_EVENT_RETENTION_DAYS is not set: views and clicks are never deleted.")

    async def work() -> list[str]:
        slugs = tenants or await TenantRow.select(TenantRow.slug).order_by(TenantRow.slug).output(as_list=True)
        return [table for slug in slugs for table in await drop_old_months(await get_tenant(slug), datetime.now(UTC))]

    dropped = run_command(work)
    console.print(f"Dropped: {', '.join(dropped)}." if dropped else "No month is old enough.")
