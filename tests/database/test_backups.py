"""A drill: the database is backed up during intake, destroyed, restored to a moment, and completed by sending again."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from database.embedded import EmbeddedPostgres, binary
from settings import PREFIX, PROJECT
from tests.support.sandbox import JSON, event_record
from tests.support.servers import NO_TLS, free_port
from tests.support.wait import GUARD, wait_until

CLI = [sys.executable, str(PROJECT / "cli.py")]
MAY = {"date_from": "2025-05-01", "date_to": "2025-05-31"}


class Installation:
    """A server with an embedded database, as a user has it."""

    def __init__(self, folder: Path) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self.data = folder / "data" / "postgres"
        self.port = free_port()
        self.environment = {
            **clean,
            "GOKART_DATA_DIR": str(folder / "data"),
            "GOKART_BACKUP_DIR": str(folder / "back'up %d"),
            "GOKART_TOKEN_RATE": "1000000",
            "GOKART_TOKEN_BURST": "1000000",
            "GOKART_LOG_LEVEL": "error",
        }
        self.serving: subprocess.Popen[bytes] | None = None

    def gokart(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*CLI, *arguments], env=self.environment, capture_output=True, text=True, check=False, timeout=GUARD
        )

    def output(self, *arguments: str) -> str:
        done = self.gokart(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def create_tenant(self) -> None:
        self.output("tenants", "create", "acme", "--name", "Acme")
        self.advertiser = self.output("advertisers", "create", "acme", "--name", "Boots")
        self.key = self.output("api-keys", "create", "acme", "--advertiser", self.advertiser, "--name", "test")
        self.ingest_key = self.output("api-keys", "create", "acme", "--ingest", "--name", "test")

    def start(self) -> None:
        self.serving = subprocess.Popen([*CLI, "serve", "--port", str(self.port)], env=self.environment)
        wait_until(self.is_ready)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", verify=NO_TLS, timeout=GUARD).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        if self.serving:
            self.serving.terminate()
            self.serving.wait(GUARD)

    def destroy(self) -> None:
        """Kills the server and the database, and deletes the data."""
        assert self.serving
        database = [child for child in psutil.process_iter(["cwd"]) if child.info["cwd"] == str(self.data)]
        self.serving.kill()
        self.serving.wait()
        for process in database:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(database, GUARD)
        shutil.rmtree(self.data)

    def request(self, method: str, path: str, key: str, **rest: Any) -> httpx.Response:
        headers = {"Host": "api.acme.localhost", "Authorization": f"ApiToken {key}"}
        url = f"http://127.0.0.1:{self.port}{path}"
        response = httpx.request(method, url, headers=headers, verify=NO_TLS, timeout=GUARD, **rest)
        assert response.status_code == 200, response.text
        return response

    def send(self, kind: str, records: list[dict[str, Any]]) -> None:
        self.request("PUT" if kind == "offers" else "POST", f"/api/v1/ingest/{kind}", self.ingest_key, json=records)

    def clicks(self) -> int:
        rows = self.request("GET", JSON, self.key, params=MAY).json()["data"]
        return sum(row["totalClicks"] for row in rows)

    def changes(self, **parameters: str) -> Any:
        return self.request("GET", "/api/v1/reports/changes", self.key, params=parameters).json()


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path)
    yield installation
    installation.stop()


def test_a_destroyed_database_is_restored_to_a_moment_and_completed_by_sending_again(
    installation: Installation,
) -> None:
    installation.create_tenant()
    installation.start()
    offer = str(uuid4())
    installation.send("offers", [{"id": offer, "name": "Red Boots", "advertiserId": installation.advertiser}])
    sent: list[list[dict[str, Any]]] = []

    def send_one() -> None:
        batch = [event_record(offer) for _ in range(20)]
        installation.send("events", batch)
        sent.append(batch)

    stop = Event()

    def keep_sending() -> None:
        while not stop.is_set():
            send_one()

    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(keep_sending)
        installation.output("backup")
        stop.set()
        sending.result()
    next_second()
    moment = datetime.now(UTC)
    acknowledged = sum(map(len, sent))
    assert acknowledged > 0
    next_second()
    for _ in range(3):
        send_one()
    lost = installation.changes()["cursor"]
    archive_everything(installation)

    installation.destroy()
    installation.output("restore", "--yes", "--at", f"{moment:%Y-%m-%dT%H:%M:%SZ}")
    assert not list(installation.data.parent.glob("*restor*"))
    installation.start()
    assert installation.clicks() == acknowledged
    again = installation.changes(since=lost)
    assert again["reset"], "what the cursor has seen is gone"
    assert sum(row["clicks"] for row in again["data"]) == acknowledged

    everything = [event for batch in sent for event in batch]
    for start in range(0, len(everything), 10_000):
        installation.send("events", everything[start : start + 10_000])
    assert installation.clicks() == sum(map(len, sent)) == acknowledged + 60
    installation.output("backup", "--keep", "1")
    assert len(list(Path(installation.environment["GOKART_BACKUP_DIR"], "base").iterdir())) == 1


def next_second() -> None:
    """Times of restores are whole seconds."""
    now = int(time.time())
    wait_until(lambda: int(time.time()) > now + 1)


def archive_everything(installation: Installation) -> None:
    """The server archives its log at least every minute. This does not wait for that."""
    server = EmbeddedPostgres(installation.data)
    url = server.start()

    def value(sql: str) -> str:
        done = subprocess.run([binary("psql"), url, "-qtAXc", sql], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    segment = value("SELECT pg_walfile_name(pg_switch_wal())")
    wait_until(lambda: value("SELECT last_archived_wal FROM pg_stat_archiver") >= segment)
    server.stop()


def test_a_restore_of_a_database_in_use_is_refused(installation: Installation) -> None:
    installation.create_tenant()
    installation.start()
    installation.output("backup")
    refused = installation.gokart("restore", "--yes")
    assert refused.returncode == 1
    assert "A process uses the database" in refused.stderr
    assert installation.clicks() == 0, "it still runs"


def test_a_moment_before_the_first_backup_is_refused_and_changes_nothing(installation: Installation) -> None:
    installation.create_tenant()
    installation.output("backup", "--keep", "2")
    refused = installation.gokart("restore", "--yes", "--at", "2001-01-01T00:00:00Z")
    assert refused.returncode == 1
    assert "The first backup can be restored to" in refused.stderr
    assert "acme" in installation.output("tenants", "list")


def test_without_a_directory_of_backups_the_error_names_the_setting(installation: Installation) -> None:
    del installation.environment["GOKART_BACKUP_DIR"]
    refused = installation.gokart("backup")
    assert refused.returncode == 1
    assert "GOKART_BACKUP_DIR" in refused.stderr
    assert not installation.data.exists()
