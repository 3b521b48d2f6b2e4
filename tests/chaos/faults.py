"""The faults. Each is injected, held for some seconds, and lifted; then the deployment must recover without help."""

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress

import asyncpg
import msgspec
import psutil

from tests.chaos.deployment import Deployment
from tests.support.processes import run_code, running_code
from tests.support.wait import wait_until

FILLS = (16 * 1024 * 1024, 4096)  # bytes: the disk is filled by large parts, then by what is left
NOT_RUNNING = (OSError, ValueError, psutil.NoSuchProcess)  # another fault has ended the database
TABLES = ["session", "by_month", "by_quarter", "event", "conversion", "offer", "api_token"]

MIGRATION = """
from types import SimpleNamespace
from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from cli import main
from tenants.migrations import execute_in_schema, migration_modules

async def forwards():
    async def add_column():
        await execute_in_schema("ALTER TABLE {s}.TABLE_NAME ADD COLUMN NEW_COLUMN integer; SELECT pg_sleep(1)")

    manager = MigrationManager(migration_id="0000-NEW_COLUMN", app_name="tenant")
    manager.add_raw(add_column)
    return manager

migration_modules()["0000-NEW_COLUMN"] = SimpleNamespace(forwards=forwards)
main(["migrate"])
"""


class Fault(msgspec.Struct, frozen=True):
    """`inject` returns when the fault has been lifted. `missing` is what this machine lacks for it, or None."""

    name: str
    inject: Callable[[Deployment, random.Random, float], None]
    missing: Callable[[Deployment], str | None] = lambda _: None


def kill_worker(deployment: Deployment, rng: random.Random, _: float) -> None:
    with suppress(psutil.NoSuchProcess):
        rng.choice(rng.choice(deployment.apps).workers).kill()


def kill_server(deployment: Deployment, _: random.Random, seconds: float) -> None:
    """The server that has no supervisor of its own. It is started again, as systemd does."""
    deployment.far.kill()
    time.sleep(seconds)
    deployment.far.start()


def kill_backend(deployment: Deployment, rng: random.Random, _: float) -> None:
    """PostgreSQL then ends all backends, and recovers from its log."""
    with suppress(*NOT_RUNNING):
        backends = [each for each in deployment.postmaster.children() if " [local] " in " ".join(each.cmdline())]
        if backends:
            rng.choice(backends).kill()


def end_backends(deployment: Deployment, rng: random.Random, _: float) -> None:
    """Half of the connections, as an administrator or a failing network does."""
    with suppress(asyncpg.PostgresError, OSError):
        deployment.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND pid % 2 = $1",
            rng.randint(0, 1),
        )


def kill_postmaster(deployment: Deployment, _: random.Random, __: float) -> None:
    with suppress(*NOT_RUNNING):
        deployment.postmaster.kill()


def cut_network(deployment: Deployment, _: random.Random, seconds: float) -> None:
    with deployment.network.cut():
        time.sleep(seconds)


def silence_network(deployment: Deployment, _: random.Random, seconds: float) -> None:
    with deployment.network.silent():
        time.sleep(seconds)


def freeze_replica(deployment: Deployment, _: random.Random, seconds: float) -> None:
    deployment.replica.hang()
    time.sleep(seconds)
    deployment.replica.resume_process()


def stop_redis(deployment: Deployment, _: random.Random, seconds: float) -> None:
    deployment.redis.stop()
    time.sleep(seconds)
    deployment.redis.start()


def fill_disk(deployment: Deployment, _: random.Random, seconds: float) -> None:
    filler = deployment.disk / "filler"
    try:
        with filler.open("wb") as file:
            end = 0
            for size in FILLS:
                with suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), end, size)
                        end += size
        time.sleep(seconds)
    finally:
        filler.unlink()


def step_clock_back(deployment: Deployment, rng: random.Random, seconds: float) -> None:
    """By up to two hours, on both servers and the database at once. Then it is right again."""
    assert deployment.clock
    deployment.clock.write_text(f"-{rng.randint(1, 7200)}\n")
    time.sleep(seconds)
    deployment.clock.write_text("+0\n")


def lock_table(deployment: Deployment, rng: random.Random, seconds: float) -> None:
    tenant = rng.choice(deployment.tenants)
    with suppress(asyncpg.PostgresError, OSError):
        deployment.execute(
            f"BEGIN; LOCK TABLE t_{tenant.slug}.{rng.choice(TABLES)} IN ACCESS EXCLUSIVE MODE;"
            f"SELECT pg_sleep({seconds}); ROLLBACK"
        )


def interrupt_migration(deployment: Deployment, rng: random.Random, seconds: float) -> None:
    """A migration of all tenants is killed while it runs, and started again until it has ended."""
    column = f"chaos_{rng.getrandbits(40):010x}"
    code = MIGRATION.replace("NEW_COLUMN", column).replace("TABLE_NAME", rng.choice(TABLES))
    with running_code(code, environment=deployment.environment) as process:
        process.join(seconds)
    wait_until(lambda: run_code(code, environment=deployment.environment).returncode == 0)


def suspend_tenant(deployment: Deployment, rng: random.Random, seconds: float) -> None:
    slug = rng.choice(deployment.tenants).slug
    deployment.suspended.add(slug)  # until the next round
    deployment.gokart("tenants", "suspend", slug)
    time.sleep(seconds)
    wait_until(lambda: deployment.gokart("tenants", "resume", slug))


def needs_disk(deployment: Deployment) -> str | None:
    return None if deployment.small_disk else "a small disk is mounted by root only"


def needs_clock(deployment: Deployment) -> str | None:
    return None if deployment.clock else "libfaketime is not installed"


FAULTS = [
    Fault("kill a worker", kill_worker),
    Fault("kill a server", kill_server),
    Fault("kill a backend", kill_backend),
    Fault("end half of the connections", end_backends),
    Fault("kill the postmaster", kill_postmaster),
    Fault("cut the network", cut_network),
    Fault("silence the network", silence_network),
    Fault("freeze the replica", freeze_replica),
    Fault("stop Redis", stop_redis),
    Fault("fill the disk", fill_disk, needs_disk),
    Fault("step the clock back", step_clock_back, needs_clock),
    Fault("lock a table", lock_table),
    Fault("interrupt a migration", interrupt_migration),
    Fault("suspend a tenant", suspend_tenant),
]
NEEDS_CLUSTER = "move a tenant"  # never injected: the deployment has one database server
