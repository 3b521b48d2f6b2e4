"""A streaming replica of the tests' server."""

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
    """Of all databases of the tests' server; `url` is that of this process's. At the end of a test it runs, and
    replays what it is sent.
    """

    def __init__(self, directory: Path, database: str) -> None:
        self._server = EmbeddedPostgres(directory, fsync="off", hot_standby_feedback="on")
        self._database = database
        self._hanging: list[psutil.Process] = []
        self.url = self.start()

    def start(self) -> str:
        """Or starts again."""
        return urlsplit(self._server.start())._replace(path=f"/{self._database}").geturl()

    def stop(self) -> None:
        self._server.stop()

    def hang(self) -> None:
        """It takes connections and answers nothing, as one does whose machine is cut off."""
        pid = int((self._server.directory / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        self._hanging = [postmaster, *postmaster.children()]
        for process in self._hanging:
            process.send_signal(signal.SIGSTOP)

    def resume_process(self) -> None:
        while self._hanging:
            self._hanging.pop().send_signal(signal.SIGCONT)

    def pause(self) -> None:
        """From here on it lags."""
        self.ask("SELECT pg_wal_replay_pause()")
        assert wait_for_value(lambda: self.ask("SELECT pg_get_wal_replay_pause_state()"), "paused")

    def resume(self) -> None:
        self.ask("SELECT pg_wal_replay_resume()")

    def catch_up(self) -> None:
        """Until it has replayed all that the primary has committed by now."""
        execute(WRITTEN)
        (row,) = execute("SELECT pg_current_wal_flush_lsn()::text AS written")
        assert wait_for_value(lambda: self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{row['written']}'"), "t")

    def ask(self, sql: str) -> str:
        """One value."""
        done = subprocess.run(
            [binary("psql"), self.url, "--no-psqlrc", "-qtAc", sql], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


def who_runs(primary: str) -> int | None:
    """The user, where this process is root."""
    host = parse_qs(urlsplit(primary).query)["host"][0]
    return Path(host).stat().st_uid if os.geteuid() == 0 else None


@contextmanager
def running_replica(primary: str) -> Iterator[Replica]:
    """`primary` is the direct URL of this process's database, on an embedded server."""
    folder = Path(tempfile.mkdtemp(prefix="gokart-replica-"))
    owner = who_runs(primary)
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
