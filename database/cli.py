"""gokart backup, gokart restore: of the embedded server."""

from datetime import UTC, datetime

import click

from core.cli_support import console
from core.errors import GokartError
from database.backups import BackupFolder
from database.embedded import EmbeddedPostgres
from settings import PREFIX, settings

EXTERNAL = "docs/operations.md describes backups of a server of your own: this command is for the embedded one"


@click.command()
@click.option("--keep", type=click.IntRange(1), help="Afterwards, delete all but this many base backups.")
def backup(keep: int | None) -> None:
    """Copy the embedded database, in use or not, into GOKART_BACKUP_DIR.

    The write-ahead log is archived there all the time, so that `gokart restore` can restore any moment after a backup.
    """
    folder = backup_folder()
    from database.engine import database_url

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
