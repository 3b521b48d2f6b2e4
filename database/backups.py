"""Backups of the embedded server: base backups, and an archive of its write-ahead log (WAL) for any moment after them.

`base/TIME` is a copy of the data directory that was complete at TIME (UTC), and `wal/` has the log since the first. The
server archives a segment of the log when it is full, and at least every ARCHIVE_TIMEOUT seconds.

Source: PostgreSQL's documentation, “Continuous Archiving and Point-in-Time Recovery (PITR)”.
"""

import os
import shlex
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from core.errors import GokartError
from database import superuser
from database.embedded import EmbeddedPostgres, EmbeddedPostgresError, binary

ARCHIVE_TIMEOUT = 60  # seconds
NAME_FORMAT = "%Y%m%dT%H%M%SZ"


class BackupError(GokartError):
    """A backup could not be made or restored."""


class BaseBackup(msgspec.Struct, frozen=True, order=True):
    """`completed`: the earliest moment that can be restored from it."""

    completed: datetime
    path: Path


class BackupFolder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        self.base = self.folder / "base"
        self.wal = self.folder / "wal"

    def prepare(self, data_directory: Path) -> None:
        """Creates the folders. The user that runs the server writes into `wal`."""
        for folder in (self.base, self.wal, data_directory.parent):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.base, self.wal):
            folder.chmod(0o700)
        superuser.chown_to(self.wal, superuser.unprivileged_user(data_directory, binary("postgres")))
        superuser.unprivileged_user(self.wal, binary("postgres"))  # may now traverse the folders above

    @property
    def archive_options(self) -> dict[str, str]:
        """Settings of a server that archives its log here. A segment appears under its name when it is complete.

        A segment that was archived before it was full ends with zeros, which gzip reduces to almost nothing.
        """
        wal = shlex.quote(str(self.wal)).replace("%", "%%")
        command = (
            f'if test -f {wal}/%f.gz; then gzip -cd {wal}/%f.gz | cmp -s "%p"; '
            f'else gzip -c "%p" > {wal}/%f.part && sync {wal}/%f.part && mv {wal}/%f.part {wal}/%f.gz; fi'
        )
        return {"archive_mode": "on", "archive_timeout": str(ARCHIVE_TIMEOUT), "archive_command": command}

    @property
    def restore_options(self) -> dict[str, str]:
        wal = shlex.quote(str(self.wal)).replace("%", "%%")
        return {"restore_command": f'gzip -cd {wal}/%f.gz > "%p"', "recovery_target_action": "promote"}

    def backups(self) -> list[BaseBackup]:
        """Oldest first."""
        found = []
        for path in self.base.glob("*Z"):
            completed = datetime.strptime(path.name, NAME_FORMAT).replace(tzinfo=UTC)
            found.append(BaseBackup(completed, path))
        return sorted(found)

    def create(self, url: str) -> BaseBackup:
        """Copies the running server, which stays in use. Raises BackupError."""
        fresh = self.base / f"new-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        run([binary("pg_basebackup"), "-d", url, "-D", fresh, "-X", "none", "-c", "fast", "--no-sync"])
        completed = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
        path = fresh.with_name(completed.strftime(NAME_FORMAT))
        run(["sync", "-f", fresh])
        fresh.rename(path)
        return BaseBackup(completed, path)

    def prune(self, keep: int) -> list[BaseBackup]:
        """Deletes all but the latest `keep` base backups, and the log that only those needed. Returns those deleted."""
        backups = self.backups()
        deleted, kept = backups[:-keep], backups[-keep:]
        for backup in deleted:
            shutil.rmtree(backup.path)
        if deleted:
            needed = first_segment(kept[0].path)
            for segment in self.wal.iterdir():
                # The first eight digits are the timeline. Files of its history have no segment number and stay.
                if len(segment.name.split(".")[0]) == 24 and segment.name[8:24] < needed[8:]:
                    segment.unlink()
        return deleted

    def restore(self, server: EmbeddedPostgres, at: datetime | None) -> Path | None:
        """Restores the state at that time, or the latest that is archived, into the server's data directory.

        Returns where the present data, if there was any, has been moved. The server must be stopped. Raises
        BackupError; the present data then stays in use.
        """
        backup = self.choose(at)
        with server.stopped():
            restoring = server.directory.with_name(f"{server.directory.name}.restoring")  # with the server's lock files
            shutil.rmtree(restoring, ignore_errors=True)
            fresh = restoring / server.directory.name
            target = {"recovery_target_time": at.isoformat()} if at else {}
            recovering = EmbeddedPostgres(fresh, **self.archive_options, **self.restore_options, **target)
            try:
                shutil.copytree(backup.path, fresh, symlinks=True)
                fresh.chmod(0o700)
                (fresh / "recovery.signal").touch()
                user = superuser.unprivileged_user(server.directory, binary("postgres"))
                for path in (fresh, *fresh.rglob("*")):
                    superuser.chown_to(path, user)
                recover(recovering)
                return replace(server.directory, fresh)
            except EmbeddedPostgresError as error:
                raise BackupError(f"The backup could not be restored: {error}") from error
            finally:
                shutil.rmtree(restoring, ignore_errors=True)

    def choose(self, at: datetime | None) -> BaseBackup:
        """The latest base backup that was complete at the time. Raises BackupError."""
        backups = self.backups()
        if not backups:
            raise BackupError(f"{self.base} contains no backup")
        usable = [backup for backup in backups if at is None or backup.completed <= at]
        if not usable:
            raise BackupError(f"The first backup can be restored to {backups[0].completed:%Y-%m-%dT%H:%M:%SZ} or later")
        return usable[-1]


def first_segment(backup: Path) -> str:
    """The name of the first file of the log that a base backup needs."""
    first_line = (backup / "backup_label").read_text().partition("\n")[0]
    return first_line.partition("(file ")[2].removesuffix(")")


def recover(server: EmbeddedPostgres) -> None:
    """Starts the server, waits until it has replayed the log, and stops it.

    Raises BackupError, EmbeddedPostgresError.
    """
    url = server.start()
    try:
        while run([binary("psql"), url, "-qtAXc", "SELECT pg_is_in_recovery()"]) != "f":
            time.sleep(0.1)
        run([binary("psql"), url, "-qtAXc", "CHECKPOINT"])
    finally:
        server.stop()


def replace(current: Path, fresh: Path) -> Path | None:
    """Moves `fresh` to `current`. Returns where the previous directory is now."""
    moved = None
    if current.exists():
        moved = current.with_name(f"{current.name}.before-{datetime.now(UTC).strftime(NAME_FORMAT)}")
        current.rename(moved)
    fresh.rename(current)
    return moved


def run(command: list[str | Path]) -> str:
    """The output of a program. Raises BackupError."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        raise BackupError(f"{Path(command[0]).name}: {done.stderr.strip()}")
    return done.stdout.strip()
