"""gokart jobs, gokart backup, gokart restore"""

from datetime import UTC, datetime

import click

from core.cli_support import console, print_table
from core.errors import GokartError
from database.backups import BackupFolder
from database.embedded import EmbeddedPostgres
from database.engine import database_url
from jobs.definitions import INTERVALS, JOBS
from jobs.runs import JobStatus, job_statuses
from settings import PREFIX, settings
from tenants.commands import run_command

EXTERNAL = "docs/operations.md describes backups of a server of your own: this command is for the embedded one"


@click.command()
def jobs() -> None:
    """Show the background jobs with their last runs and failures. The server processes run them."""
    statuses = run_command(lambda: job_statuses(INTERVALS))
    rows = [[name, job.summary, *describe_run(statuses.get(name))] for name, job in JOBS.items()]
    print_table(["job", "what it does", "last run", "outcome", "next run"], rows, "")
    for name, status in statuses.items():
        if name in JOBS and status.failed_at:
            text = f"{name} last failed at {format_time(status.failed_at)}: {status.error}"
            console.print(text, soft_wrap=True, markup=False, highlight=False)


def describe_run(status: JobStatus | None) -> tuple[str, str, str]:
    """The start and the outcome of the last run, and when the job is due next."""
    when_served = "as soon as a server runs"
    if status is None or status.started_at is None:
        return "never", "", when_served
    outcome = f"{status.tenants} tenants"
    if status.failures:
        outcome += f", {status.failures} failed"
    if status.running:
        return format_time(status.started_at), f"running, {outcome} so far", ""
    if status.interrupted:
        return format_time(status.started_at), f"interrupted, {outcome} so far", when_served
    assert status.ended_at is not None, "the run is over"
    assert status.next_at is not None, "the job has run"
    seconds = (status.ended_at - status.started_at).total_seconds()
    return format_time(status.started_at), f"{outcome}, in {seconds:.1f} s", format_time(status.next_at)


def format_time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


@click.command()
@click.option("--keep", type=click.IntRange(1), help="Afterwards, delete all but this many base backups.")
def backup(keep: int | None) -> None:
    """Copy the embedded database, in use or not, into GOKART_BACKUP_DIR.

    The write-ahead log is archived there all the time, so that `gokart restore` can restore any moment after a backup.
    """
    folder = backup_folder()
    created = folder.create(database_url())
    console.print(f"{created.path}", soft_wrap=True, highlight=False, markup=False)
    for deleted in folder.prune(keep) if keep else []:
        console.print(f"deleted {deleted.path}", soft_wrap=True, highlight=False, markup=False)


@click.command()
@click.option("--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="A time in UTC. Default: the latest archived.")
@click.confirmation_option(prompt="Replace the data by the backup? The present data is kept in another directory.")
def restore(at: datetime | None) -> None:
    """Restore the embedded database from GOKART_BACKUP_DIR. Stop the server first.

    The archive may lack the last minute. Senders can send again what they have sent since: records that arrive twice
    count once.
    """
    folder = backup_folder()
    server = EmbeddedPostgres(settings.data_dir / "postgres")
    moved = folder.restore(server, at.replace(tzinfo=UTC) if at else None)
    if moved:
        console.print(f"The previous data is in {moved}", soft_wrap=True, highlight=False, markup=False)
    console.print("Restored. Start the server with  gokart serve")


def backup_folder() -> BackupFolder:
    """Raises GokartError."""
    if settings.database_url:
        raise GokartError(EXTERNAL)
    if settings.backup_dir is None:
        raise GokartError(f"{PREFIX}BACKUP_DIR names the directory of the backups, and is not set")
    return BackupFolder(settings.backup_dir)
