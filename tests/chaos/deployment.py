"""Two servers of the app with one database, as on two machines, with all that a deployment can have.

`near` runs on the machine of the database: it starts the embedded PostgreSQL, and starts it again when it ends. `far`
reaches that database over a network that can fail, reads from a replica, and is started again when it ends, as systemd
does. Both count rate limits in Redis.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import httpx
import msgspec
import psutil

from database.embedded import EmbeddedPostgres
from settings import PREFIX, PROJECT
from tests.support.limit_stores import Redis
from tests.support.processes import kill_tree, run_cli_process, run_code
from tests.support.replica import Replica, postmaster_of, running_replica
from tests.support.servers import NO_TLS, free_port
from tests.support.tcp_proxy import TcpProxy, running_tcp_proxy
from tests.support.wait import GUARD, wait_until

T = TypeVar("T")
WORKERS = 2
DISK = "1g"  # the size of the small disk
TENANTS = 3
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
SETTINGS = {
    "GOKART_TOKEN_RATE": "1000000",
    "GOKART_TOKEN_BURST": "1000000",
    "GOKART_TOKEN_CONCURRENCY": "1000",
    "GOKART_CONNECTIONS_PER_ADDRESS": "1000000",
    "GOKART_TASKS_EVERY": "5",  # seconds: the jobs run among the faults
    "GOKART_STREAM_ROWS": "20",  # larger reports are streamed
    "GOKART_LOG_FORMAT": "json",
}
CREATE_TENANT = """
import msgspec
from httpx import Client
from tests.support.sandbox import create_sandbox
made = create_sandbox(Client())
print(msgspec.json.encode({
    "id": made.tenant.id, "slug": made.tenant.slug, "name": made.tenant.name, "ingest_key": made.ingest_key,
    "advertisers": [{"id": made.owner, "key": made.owner_key}, {"id": made.rival, "key": made.rival_key}],
}).decode())
"""


class AdvertiserAccess(msgspec.Struct):
    id: UUID
    key: str


class TenantAccess(msgspec.Struct):
    """A tenant, and API keys for its intake and for the reports of its advertisers."""

    id: UUID
    slug: str
    name: str
    ingest_key: str
    advertisers: list[AdvertiserAccess]

    @property
    def host(self) -> str:
        return f"api.{self.slug}.localhost"


class App:
    """A server of the app with two workers. Its log is a file."""

    def __init__(self, log: Path, environment: dict[str, str]) -> None:
        self.log = log
        self.environment = environment
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, str(PROJECT / "cli.py"), "serve"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port), "--workers", str(WORKERS)],
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    @property
    def workers(self) -> list[psutil.Process]:
        assert self._process
        return [each for each in psutil.Process(self._process.pid).children() if "spawn_main" in str(each.cmdline())]

    def kill(self) -> None:
        """Ends all its processes with SIGKILL, as a failing machine does."""
        assert self._process
        kill_tree(self._process.pid)
        self._process.wait()

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(GUARD)
            except subprocess.TimeoutExpired:
                self.kill()

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", verify=NO_TLS, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False


class Deployment:
    """`clock` is the file with the offset of the deployment's clock, None without libfaketime. `disk` is the directory
    with the database; `small_disk` tells whether it is a disk of its own.
    """

    def __init__(self, folder: Path, disk: Path, *, small_disk: bool) -> None:
        self.folder = folder
        self.disk = disk
        self.small_disk = small_disk
        self.clock = folder / "clock" if FAKETIME else None
        self.postgres = EmbeddedPostgres(disk / "postgres")
        self.url = self.postgres._url()
        self.tenants: list[TenantAccess] = []
        self.suspended: set[str] = set()  # tenants that may be suspended now
        self._clean = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}

    def start(self, stack: ExitStack) -> None:
        self.redis = Redis(self.folder)
        stack.callback(self.redis.close)
        shared = {**self._clean, **SETTINGS, **self._fake_clock(), "GOKART_LIMITS": self.redis.setting}
        self.near = App(self.folder / "near.log", {**shared, "GOKART_DATA_DIR": str(self.disk)})
        stack.callback(self.near.stop)
        assert run_cli_process("migrate", environment=self.near.environment).returncode == 0
        self.near.start()
        wait_until(self.near.is_ready)
        self.execute("ALTER SYSTEM SET max_wal_size = '128MB'")  # the disk is small
        self.execute("SELECT pg_reload_conf()")
        self.tenants = [self._create_tenant() for _ in range(TENANTS)]

        self.network: TcpProxy = stack.enter_context(running_tcp_proxy(self.url))
        self.replica: Replica = stack.enter_context(running_replica(self.url))
        self.far = App(
            self.folder / "far.log",
            {
                **shared,
                "GOKART_DATABASE_URL": self.network.url,
                "GOKART_REPLICA_URL": self.replica.url,
                "GOKART_DATA_DIR": str(self.folder),
            },
        )
        stack.callback(self.far.stop)
        self.far.start()
        wait_until(self.far.is_ready)

    @property
    def apps(self) -> list[App]:
        return [self.near, self.far]

    @property
    def postmaster(self) -> psutil.Process:
        return postmaster_of(self.postgres.directory)

    def execute(self, script: str) -> None:
        """Runs SQL as the superuser, past the failing network."""
        self._with_connection(lambda connection: connection.execute(script))

    def fetch(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        return self._with_connection(lambda connection: connection.fetch(sql, *args))

    def _with_connection(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        async def connected() -> T:
            connection = await asyncpg.connect(self.url)
            try:
                return await work(connection)
            finally:
                await connection.close()

        return asyncio.run(connected())

    def gokart(self, *arguments: str) -> bool:
        """Runs a command of the operator. Tells whether it succeeded."""
        return run_cli_process(*arguments, environment=self.environment).returncode == 0

    @property
    def environment(self) -> dict[str, str]:
        """That of a process which uses the database and does not start it."""
        return {**self._clean, "GOKART_DATABASE_URL": self.url, "GOKART_DATA_DIR": str(self.folder)}

    def _create_tenant(self) -> TenantAccess:
        done = run_code(CREATE_TENANT, environment=self.environment)
        assert done.returncode == 0, done.stderr
        return msgspec.json.decode(done.stdout, type=TenantAccess)

    def _fake_clock(self) -> dict[str, str]:
        """The clocks of the deployment show real time, plus the offset in the file `clock`."""
        if self.clock is None:
            return {}
        self.clock.write_text("+0\n")
        self.clock.chmod(0o644)
        return {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.clock),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


@contextmanager
def running_deployment() -> Iterator[Deployment]:
    folder = Path(tempfile.mkdtemp(prefix="gokart-chaos-"))
    folder.chmod(0o755)
    disk = folder / "disk"
    disk.mkdir()
    small_disk = os.geteuid() == 0 and mount_small_disk(disk)
    try:
        with ExitStack() as stack:
            deployment = Deployment(folder, disk, small_disk=small_disk)
            deployment.start(stack)
            yield deployment
    finally:
        if small_disk:
            subprocess.run(["umount", disk], check=True)
        shutil.rmtree(folder)


def mount_small_disk(directory: Path) -> bool:
    """Tells whether this machine can."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(directory)]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
