"""Runs a streaming replica of the tests' server."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil

from database.embedded import EmbeddedPostgres, binary
from database.superuser import chown_to, process_identity
from tests.support.database import execute
from tests.support.wait import wait_for_value

WRITTEN = "SELECT set_config('synchronous_commit', 'on', true), pg_logical_emit_message(true, 'tests', '')"


class Replica:
    """A replica of the tests' server. `url` is that of this process's database on the replica.

    Each test leaves it running, with replay resumed.
    """

    def __init__(self, directory: Path, database: str) -> None:
        self._server = EmbeddedPostgres(directory, fsync="off", hot_standby_feedback="on")
        self._database = database
        self._hanging: list[psutil.Process] = []
        self.url = self.start()

    def start(self) -> str:
        """Starts the replica, also again after `stop`. Returns the URL."""
        return urlsplit(self._server.start())._replace(path=f"/{self._database}").geturl()

    def stop(self) -> None:
        self._server.stop()

    def hang(self) -> None:
        """Accepts connections, and does not answer."""
        postmaster = postmaster_of(self._server.directory)
        self._hanging = [postmaster, *postmaster.children()]
        for process in self._hanging:
            process.send_signal(signal.SIGSTOP)

    def resume_process(self) -> None:
        while self._hanging:
            self._hanging.pop().send_signal(signal.SIGCONT)

    def pause(self) -> None:
        """Pauses replay: the replica lags from now on."""
        self.ask("SELECT pg_wal_replay_pause()")
        assert wait_for_value(lambda: self.ask("SELECT pg_get_wal_replay_pause_state()"), "paused")

    def resume(self) -> None:
        self.ask("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Waits until the replica has replayed everything that the primary has committed so far."""
        execute(WRITTEN)
        (row,) = execute("SELECT pg_current_wal_flush_lsn()::text AS written")
        assert wait_for_value(lambda: self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{row['written']}'"), "t")

    def ask(self, sql: str) -> str:
        """Runs the statement on the replica and returns its one value as text."""
        done = subprocess.run(
            [binary("psql"), self.url, "--no-psqlrc", "-qtAc", sql], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


def postmaster_of(directory: Path) -> psutil.Process:
    """The process that serves this data directory. Raises OSError, ValueError or NoSuchProcess while none does."""
    return psutil.Process(int((directory / "postmaster.pid").read_text().partition("\n")[0]))


def server_user(primary: str) -> int | None:
    """The id of the user that runs the primary if this process is root, else None."""
    host = parse_qs(urlsplit(primary).query)["host"][0]
    return Path(host).stat().st_uid if os.geteuid() == 0 else None


@contextmanager
def running_replica(primary: str) -> Iterator[Replica]:
    """`primary` is the direct URL of this process's database, on an embedded server."""
    folder = Path(tempfile.mkdtemp(prefix="gokart-replica-"))
    owner = server_user(primary)
    chown_to(folder, owner)
    replica = None
    try:
        url = urlsplit(primary)._replace(path="/postgres").geturl()
        subprocess.run(
            [
                *(binary("pg_basebackup"), f"--dbname={url}", f"--pgdata={folder / 'postgres'}"),
                *("--checkpoint=fast", "--no-sync", "--write-recovery-conf"),
            ],
            check=True,
            **process_identity(owner),
        )
        replica = Replica(folder / "postgres", urlsplit(primary).path.removeprefix("/"))
        yield replica
    finally:
        if replica is not None:
            replica.resume_process()
            replica.stop()
        shutil.rmtree(folder)
