"""Migrations: atomic for each tenant, safe to interrupt, to repeat and to run concurrently."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from msgspec.structs import replace

import piccolo_conf
from database.engine import database_url
from settings import PROJECT
from tenants import lifecycle
from tenants.config import tenancy
from tenants.migrations import latest_version, migration_ids, migration_modules
from tests.support.app_calls import run
from tests.support.cli import COMMAND, gokart
from tests.support.database import execute, locked, uncommitted
from tests.support.terminal import in_terminal
from tests.support.wait import GUARD, wait_until

pytestmark = pytest.mark.usefixtures("platform")

SECOND_ID = "2026-12-01T06:00:00:000000"
SECOND = f"""
from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from tenants.migrations import execute_in_schema

ID = "{SECOND_ID}"

async def change():
    await execute_in_schema("ALTER TABLE {{s}}.offer ADD COLUMN colour text; CREATE TABLE {{s}}.obstacle ();")
    1 / (0 if MISTAKE else 1)

async def forwards():
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description="second")
    manager.add_raw(change)
    return manager
"""
WITH_FOLDER = """
import sys
from pathlib import Path
import piccolo_conf
from msgspec.structs import replace
piccolo_conf.TENANCY = replace(piccolo_conf.TENANCY, tenant_migrations=Path(sys.argv.pop(1)))
from cli import main
main()
"""


class Upgrade(NamedTuple):
    """Three tenants at the latest version, and a folder that contains one more migration."""

    tenants: list[str]
    folder: Path


@pytest.fixture
def upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upgrade]:
    """Makes this process use the folder."""
    slugs = [a_tenant() for _ in range(3)]
    folder = tmp_path / "migrations"
    shutil.copytree(tenancy().tenant_migrations, folder)
    monkeypatch.syspath_prepend(str(tmp_path))  # restores sys.path afterwards
    with monkeypatch.context() as patch:
        patch.setattr(piccolo_conf, "TENANCY", replace(tenancy(), tenant_migrations=folder))
        tenancy.cache_clear()
        write_second(folder)
        yield Upgrade(slugs, folder)
    tenancy.cache_clear()
    migration_modules.cache_clear()


def a_tenant() -> str:
    slug = f"t{uuid4().hex[:12]}"
    run(lambda: lifecycle.create_tenant(slug, slug))
    return slug


def write_second(folder: Path, *, mistake: bool = False) -> None:
    for old in folder.glob("second_*.py"):
        old.unlink()
    (folder / f"second_{uuid4().hex}.py").write_text(f"MISTAKE = {mistake}\n{SECOND}")
    migration_modules.cache_clear()
    migration_ids.cache_clear()


def versions(slugs: list[str]) -> list[str]:
    """The recorded version of each tenant, which is checked against its schema."""
    found = []
    for slug in slugs:
        (row,) = execute("SELECT id, version FROM tenant WHERE slug = $1", slug)
        ledger = execute("SELECT migration FROM tenant_migration WHERE tenant = $1 ORDER BY 1", row["id"])
        columns = execute(
            "SELECT FROM information_schema.columns WHERE table_schema = $1 AND column_name = 'colour'", f"t_{slug}"
        )
        assert ledger[-1]["migration"] == row["version"]
        assert len(columns) == (row["version"] == SECOND_ID)
        assert len(ledger) == len({each["migration"] for each in ledger})
        found.append("second" if row["version"] == SECOND_ID else "first")
    return found


def spawn(folder: Path, *slugs: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WITH_FOLDER, str(folder), "migrate", *slugs],
        cwd=PROJECT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_waiting(count: int = 1) -> None:
    """Waits until this many processes wait for a lock."""
    query = (
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() "
        "AND application_name = ''"
    )
    wait_until(lambda: len(execute(query)) >= count)


def test_each_named_tenant_is_migrated(upgrade: Upgrade) -> None:
    first = latest_version()
    assert first == SECOND_ID
    result = gokart("migrate", *upgrade.tenants[:2])
    assert result.stdout == "2 migrated, 0 up to date, 0 failed.\n"
    assert versions(upgrade.tenants) == ["second", "second", "first"]
    assert gokart("migrate", *upgrade.tenants).stdout == "1 migrated, 2 up to date, 0 failed.\n"
    assert gokart("migrate", *upgrade.tenants).stdout == "0 migrated, 3 up to date, 0 failed.\n"


def test_a_failing_tenant_is_unchanged_and_the_others_are_migrated(upgrade: Upgrade) -> None:
    failing = upgrade.tenants[1]
    execute(f"CREATE TABLE t_{failing}.obstacle ()")
    result = gokart("migrate", *upgrade.tenants)
    assert result.exit_code == 1
    assert result.stdout == "2 migrated, 0 up to date, 1 failed.\n"
    assert result.stderr == (
        f'Error: These tenants are unchanged:\n  {failing}: DuplicateTableError: relation "obstacle" already exists\n'
    )
    assert versions(upgrade.tenants) == ["second", "first", "second"]
    lines = {line.split()[0]: line for line in gokart("tenants", "list").stdout.splitlines()}
    assert [slug for slug in upgrade.tenants if "(old)" in lines[slug]] == [failing]

    execute(f"DROP TABLE t_{failing}.obstacle")
    assert gokart("migrate", *upgrade.tenants).stdout == "1 migrated, 2 up to date, 0 failed.\n"
    assert versions(upgrade.tenants) == ["second"] * 3
    assert execute("SELECT migration_error FROM tenant WHERE slug = $1", failing) == [{"migration_error": None}]


def test_a_failing_migration_changes_nothing(upgrade: Upgrade) -> None:
    write_second(upgrade.folder, mistake=True)
    result = gokart("migrate", *upgrade.tenants)
    assert result.stdout == "0 migrated, 0 up to date, 3 failed.\n"
    assert result.stderr.count("ZeroDivisionError: division by zero") == 3
    assert versions(upgrade.tenants) == ["first"] * 3
    write_second(upgrade.folder)
    assert gokart("migrate", *upgrade.tenants).stdout == "3 migrated, 0 up to date, 0 failed.\n"


def test_an_unknown_tenant_does_not_stop_the_others(upgrade: Upgrade) -> None:
    result = gokart("migrate", "nobody", *upgrade.tenants)
    assert result.stdout == "3 migrated, 0 up to date, 1 failed.\n"
    assert "nobody: GokartError: There is no tenant 'nobody'." in result.stderr


def test_a_lost_connection_fails_one_tenant_only(upgrade: Upgrade) -> None:
    with locked(f"t_{upgrade.tenants[1]}.offer"):
        running = spawn(upgrade.folder, *upgrade.tenants)
        until_waiting()
        assert versions(upgrade.tenants) == ["second", "first", "first"]
        execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            "AND datname = current_database() AND application_name = ''"
        )
        output, errors = running.communicate(timeout=120)
    assert (output, running.returncode) == ("2 migrated, 0 up to date, 1 failed.\n", 1), errors
    assert versions(upgrade.tenants) == ["second", "first", "second"]


def test_the_next_run_resumes_a_killed_one(upgrade: Upgrade) -> None:
    with locked(f"t_{upgrade.tenants[1]}.offer"):
        killed = spawn(upgrade.folder, *upgrade.tenants)
        until_waiting()
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=120)
        assert versions(upgrade.tenants) == ["second", "first", "first"]
    assert gokart("migrate", *upgrade.tenants).stdout == "2 migrated, 1 up to date, 0 failed.\n"
    assert versions(upgrade.tenants) == ["second"] * 3


def test_concurrent_runs_share_the_work(upgrade: Upgrade) -> None:
    with locked(f"t_{upgrade.tenants[0]}.offer"):
        both = [spawn(upgrade.folder, *upgrade.tenants) for _ in range(2)]
        until_waiting(2)
    outputs = [each.communicate(timeout=120)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    counts = [re.fullmatch(r"(\d) migrated, (\d) up to date, 0 failed.\n", output) for output in outputs]
    assert sum(int(count[1]) for count in counts if count) == 3
    assert versions(upgrade.tenants) == ["second"] * 3


def test_requests_get_through_while_a_migration_waits_for_a_long_one(upgrade: Upgrade) -> None:
    slug = upgrade.tenants[0]
    with uncommitted(f"SELECT FROM t_{slug}.offer"):  # a long report
        process = spawn(upgrade.folder, slug, GOKART_LOCK_TIMEOUT="0.3")
        until_waiting()
        execute(f"SELECT FROM t_{slug}.offer")  # queues behind the migration until that gives up
        assert process.poll() is None, "the migration tries again"
    output, _ = process.communicate(timeout=GUARD)
    assert output == "1 migrated, 0 up to date, 0 failed.\n"
    assert versions([slug]) == ["second"]


@pytest.mark.usefixtures("upgrade")
def test_a_tenant_created_during_a_migration_is_at_the_latest_version() -> None:
    assert versions([a_tenant()]) == ["second"]


def test_progress_is_shown_on_a_terminal(upgrade: Upgrade) -> None:
    first, second, _ = upgrade.tenants
    command = [sys.executable, "-c", WITH_FOLDER, str(upgrade.folder), "migrate", *upgrade.tenants]
    with locked(f"t_{second}.offer"), in_terminal(command, PYTHONPATH=str(PROJECT)) as screen:
        until_waiting()
        wait_until(lambda: screen.shows(f"Migrating {first} .*1/3"))  # while the second is being migrated


def test_platform_migrations_can_run_concurrently() -> None:
    name = f"gokart_test_{os.getpid()}_{uuid4().hex[:8]}"
    execute(f"CREATE DATABASE {name}")
    try:
        environment = {**os.environ, "GOKART_DATABASE_URL": urlsplit(database_url())._replace(path=f"/{name}").geturl()}
        both = [
            subprocess.Popen([*COMMAND, "migrate"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for _ in range(3)
        ]
        outputs = [each.communicate(timeout=120)[0] for each in both]
        assert outputs == [b"0 migrated, 0 up to date, 0 failed.\n"] * 3
        early = subprocess.run([*COMMAND, "tenants", "list"], env=environment, capture_output=True, check=True)
        assert early.stdout.startswith(b"There are no tenants yet")
    finally:
        execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_before_the_first_migration_commands_say_to_migrate() -> None:
    name = f"gokart_test_{os.getpid()}_{uuid4().hex[:8]}"
    execute(f"CREATE DATABASE {name}")
    try:
        url = urlsplit(database_url())._replace(path=f"/{name}").geturl()
        result = subprocess.run(
            [*COMMAND, "api-keys", "list", "demo"],
            env={**os.environ, "GOKART_DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 1
        assert result.stderr.endswith("run  gokart migrate  first.\n")
        assert "Traceback" not in result.stderr
    finally:
        execute(f"DROP DATABASE {name} WITH (FORCE)")
