"""The commands for tenants: create, list, suspend, resume, delete with a dump, restore."""

import asyncio
import os
import re
import resource
import stat
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from core.errors import GokartError
from database.embedded import binary
from database.engine import database_url
from settings import settings
from tenants import lifecycle
from tenants.migrations import latest_version
from tests.support.app_calls import run
from tests.support.cli import COMMAND, cli_error, gokart, spawn
from tests.support.database import execute, on_cluster
from tests.support.sandbox import JSON, MAY, Sandbox, conversion_callback, event_record, offer_record
from tests.support.wait import wait_until

pytestmark = pytest.mark.usefixtures("platform")


def a_name() -> str:
    return f"t{uuid4().hex[:12]}"


def exists(slug: str) -> bool:
    schema = execute("SELECT FROM pg_namespace WHERE nspname = $1", f"t_{slug.replace('-', '_')}")
    row = execute("SELECT FROM tenant WHERE slug = $1", slug)
    assert len(schema) == len(row)
    return bool(row)


# --- creating ---


def test_a_new_tenant_is_its_own_first_partner_and_at_the_latest_version() -> None:
    name = a_name()
    result = gokart("tenants", "create", name, "--name", " Brown Boots ")
    assert result.stdout == f"Created {name}: http://api.{name}.localhost:{settings.port}/docs\n"
    (row,) = execute("SELECT id, name, status, version FROM tenant WHERE slug = $1", name)
    assert (row["name"], row["status"], row["version"]) == ("Brown Boots", "active", latest_version())
    publishers = execute("SELECT id, name FROM {s}.partner", schema=f"t_{name}")
    assert publishers == [{"id": row["id"], "name": "Brown Boots"}]


@pytest.mark.parametrize(
    "slug", ["", "Demo", "1st", "a_b", "a.b", "-a", "a-", "a" * 61, "é", 'a"; DROP SCHEMA public; --']
)
def test_an_invalid_slug_is_rejected(slug: str) -> None:
    before = execute("SELECT count(*) FROM tenant")
    assert "a tenant's name is 1 to 60 of a-z" in unwrapped(
        complaint_of("tenants", "create", "--name", "X", "--", slug)
    )
    assert execute("SELECT count(*) FROM tenant") == before


def complaint_of(*arguments: str) -> str:
    result = gokart(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit), result.exception
    return result.stderr


def unwrapped(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_an_invalid_display_name_is_rejected(name: str) -> None:
    slug = a_name()
    assert cli_error("tenants", "create", slug, "--name", name).endswith("display name has 1 to 200 characters.")
    assert not exists(slug)


@pytest.mark.parametrize("slug", ["www", "api", "app", "admin", "mail", "static", "docs", "status", "smtp", "ns1"])
def test_a_reserved_label_is_rejected(slug: str) -> None:
    assert cli_error("tenants", "create", slug, "--name", "X").startswith(f"Error: slug: The name “{slug}” is reserved")
    assert not exists(slug)


def test_an_existing_slug_is_rejected() -> None:
    slug = a_name()
    run(lambda: lifecycle.create_tenant(slug, "First"))
    assert cli_error("tenants", "create", slug, "--name", "Second") == f"Error: There is a tenant '{slug}' already."
    assert execute("SELECT name FROM tenant WHERE slug = $1", slug) == [{"name": "First"}]


def test_an_existing_schema_of_no_tenant_is_unchanged() -> None:
    slug = a_name()
    execute(f"CREATE SCHEMA t_{slug}")
    try:
        assert f"already has a schema t_{slug} " in cli_error("tenants", "create", slug, "--name", "X")
        assert execute("SELECT FROM tenant WHERE slug = $1", slug) == []
    finally:
        execute(f"DROP SCHEMA t_{slug}")  # without CASCADE: fails unless it is empty


def test_one_of_two_concurrent_creations_of_a_tenant_fails() -> None:
    slug = a_name()

    async def both() -> list[Any]:
        return await asyncio.gather(*(lifecycle.create_tenant(slug, name) for name in "AB"), return_exceptions=True)

    outcomes = run(both)
    assert sorted(isinstance(outcome, GokartError) for outcome in outcomes) == [False, True]
    assert exists(slug)


# --- listing ---


def test_the_list_shows_every_tenant_with_its_status() -> None:
    active, suspended = a_name(), a_name()
    for slug in active, suspended:
        run(lambda slug=slug: lifecycle.create_tenant(slug, "Somebody Media"))  # type: ignore[misc]
    assert gokart("tenants", "suspend", suspended).exit_code == 0
    lines = {line.split()[0]: unwrapped(line) for line in gokart("tenants", "list").stdout.splitlines()}
    today = r"\d{4}-\d\d-\d\d"
    node = r" [\w.]+:\d+" if on_cluster() else ""
    rest = f"{today} {latest_version()}{node}"
    assert re.fullmatch(f"{active} Somebody Media active {rest}", lines[active])
    assert re.fullmatch(f"{suspended} Somebody Media suspended {rest}", lines[suspended])


def test_control_characters_in_names_are_replaced() -> None:
    slug, name = a_name(), "[/bold] [red]Acme[/red]\x1b]0;pwned\x07\r\nx" + "y" * 150
    run(lambda: lifecycle.create_tenant(slug, name))
    output = gokart("tenants", "list").stdout
    (line,) = [line for line in output.splitlines() if line.startswith(slug)]
    assert "[/bold] [red]Acme[/red]�]0;pwned���x" + "y" * 150 in line
    assert not {"\x1b", "\x07", "\r"} & set(output)


# --- suspending ---


def test_suspending_and_resuming_lose_nothing(sandbox: Sandbox) -> None:
    slug = sandbox.tenant.slug
    for command, done, status in ("suspend", "Suspended", 403), ("resume", "Resumed", 200):
        for _ in range(2):  # the second time has no effect
            assert gokart("tenants", command, slug).stdout == f"{done} {slug}.\n"
        wait_until(lambda status=status: sandbox.get(JSON, **MAY).status_code == status)  # type: ignore[misc]


@pytest.mark.parametrize(
    "command",
    [
        ["tenants", "suspend", "nobody"], ["tenants", "resume", "nobody"], ["tenants", "delete", "nobody", "--yes"],
        ["advertisers", "list", "nobody"], ["api-keys", "list", "nobody"], ["tenants", "suspend", "No body"],
    ],
)  # fmt: skip
def test_an_unknown_tenant_is_an_error(command: list[str]) -> None:
    assert re.fullmatch(r"Error: There is no tenant 'no ?body'\.", cli_error(*command), re.IGNORECASE)


# --- deleting ---


@pytest.fixture
def filled(sandbox: Sandbox) -> Sandbox:
    offer = offer_record(sandbox, name="Kept Offer")
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"]) for _ in range(3)])
    sandbox.send("conversions", [conversion_callback(sandbox, offer["id"], revenue="0.000001")])
    return sandbox


@pytest.mark.parametrize("typed", ["", "\n\n\n", "y\n", "yes\n", "{}x\n", "api.{}\n"])
def test_deletion_requires_the_name_as_confirmation(filled: Sandbox, typed: str) -> None:
    before = filled.report()
    result = gokart("tenants", "delete", filled.tenant.slug, given=typed.format(filled.tenant.slug))
    assert result.exit_code == 1
    assert filled.tenant.name in result.stdout
    assert filled.report() == before


def deleted(sandbox: Sandbox, folder: Path) -> Path:
    """Deletes the tenant and returns its dump."""
    slug = sandbox.tenant.slug
    result = spawn("tenants", "delete", slug, "--yes", GOKART_DATA_DIR=str(folder))
    (dump,) = (folder / "dumps").iterdir()
    assert result.stdout == f"Deleted {slug}. Its dump is in {dump} (gokart tenants restore).\n"
    return dump


def test_a_deleted_tenant_is_gone_except_for_its_dump(filled: Sandbox, tmp_path: Path) -> None:
    dump = deleted(filled, tmp_path)
    assert re.fullmatch(rf"{filled.tenant.slug}-\d{{8}}T\d{{6}}Z\.dump", dump.name)
    assert stat.S_IMODE(dump.stat().st_mode) == 0o600
    assert not exists(filled.tenant.slug)
    assert filled.get(JSON, **MAY).status_code == 404


def test_a_restored_tenant_is_what_it_was(filled: Sandbox, tmp_path: Path) -> None:
    slug, report, tables = filled.tenant.slug, filled.get(JSON, **MAY), contents(filled)
    records = {
        "offers": [offer := offer_record(filled, name="Another")],
        "events": [event_record(offer["id"])],
        "conversions": [conversion_callback(filled, offer["id"], revenue="69.5")],
    }
    execute("UPDATE tenant SET token_burst = 77 WHERE slug = $1", slug)
    rows = [execute(sql, filled.tenant.id) for sql in PUBLIC_ROWS]
    dump = deleted(filled, tmp_path)
    assert gokart("tenants", "restore", str(dump)).stdout == (
        f"Restored {slug}: http://api.{slug}.localhost:{settings.port}/docs\n"
    )
    assert [execute(sql, filled.tenant.id) for sql in PUBLIC_ROWS] == rows
    restored_tables = contents(filled)
    assert restored_tables.pop("record_state") != tables.pop("record_state")  # it has a new incarnation
    assert restored_tables == tables
    wait_until(lambda: filled.get(JSON, **MAY).status_code == 200)
    restored = filled.get(JSON, **MAY)
    assert (restored.content, restored.headers["ETag"]) == (report.content, report.headers["ETag"])
    for kind, sent in records.items():
        assert filled.send(kind, sent)["accepted"] == 1
        assert filled.send(kind, sent)["duplicates"] == 1
    known = execute("SELECT id FROM {s}.event", schema=filled.tenant.schema)
    again = [event_record(offer["id"], id=str(row["id"])) for row in known]
    assert filled.send("events", again)["accepted"] == 0
    assert str(execute("SELECT obj_description($1::regnamespace) AS text", filled.tenant.schema)[0]["text"]) == "None"


def test_a_tenant_is_restored_under_another_name(filled: Sandbox, tmp_path: Path) -> None:
    """Names of the schema in its data stay, and those in its functions change."""
    old, name = filled.tenant.slug, a_name()
    offer = offer_record(filled, name=f"{filled.tenant.schema}.offer")
    filled.send("offers", [offer])
    filled.send("events", [event_record(offer["id"])])
    report = filled.report()
    dump = deleted(filled, tmp_path)
    run(lambda: lifecycle.create_tenant(old, "Successor"))
    assert "already: choose another name with --as." in cli_error("tenants", "restore", str(dump))
    assert gokart("tenants", "restore", str(dump), "--as", name).exit_code == 0
    wait_until(
        lambda: (
            filled.request("GET", JSON, token=filled.owner_key, host=f"api.{name}.localhost", params=MAY).status_code
            == 200
        )
    )
    response = filled.request("GET", JSON, token=filled.owner_key, host=f"api.{name}.localhost", params=MAY)
    assert response.json()["data"] == report
    assert offer["name"] in response.text
    functions = execute("SELECT prosrc FROM pg_proc WHERE pronamespace = $1::regnamespace", f"t_{name}")
    assert functions
    assert not any(filled.tenant.schema in function["prosrc"] for function in functions)
    assert f"This dump has been restored already, as '{name}'." in cli_error(
        "tenants", "restore", str(dump), "--as", a_name()
    )


def test_a_suspended_tenant_is_restored_suspended(filled: Sandbox, tmp_path: Path) -> None:
    slug = filled.tenant.slug
    gokart("tenants", "suspend", slug)
    dump = deleted(filled, tmp_path)
    assert gokart("tenants", "restore", str(dump)).exit_code == 0
    wait_until(lambda: filled.get(JSON, **MAY).status_code == 403)
    (entry,) = execute("SELECT actor FROM audit_log WHERE key = $1 ORDER BY id DESC LIMIT 1", str(filled.tenant.id))
    assert entry["actor"].startswith("cli:")


def test_a_dump_that_cannot_be_restored_changes_nothing(filled: Sandbox, tmp_path: Path) -> None:
    slug = filled.tenant.slug
    dump = deleted(filled, tmp_path)
    assert "There is no such file" in cli_error("tenants", "restore", str(tmp_path / "none"))
    (tmp_path / "text").write_text("nothing")
    assert "does not appear to be a valid archive" in cli_error("tenants", "restore", str(tmp_path / "text"))
    assert "a tenant's name is" in cli_error("tenants", "restore", str(dump), "--as", "No name")
    assert "slug: The name “www” is reserved" in cli_error("tenants", "restore", str(dump), "--as", "www")
    for kept in 0.5, 0.9, 0.99:
        cut = tmp_path / "cut.dump"
        cut.write_bytes(dump.read_bytes()[: int(dump.stat().st_size * kept)])
        result = gokart("tenants", "restore", str(cut))
        assert (result.exit_code, result.stderr[:7]) == (1, "Error: ")
        assert not exists(slug)
    execute(f"CREATE SCHEMA t_{slug}")
    try:
        assert "already exists" in " ".join(gokart("tenants", "restore", str(dump)).stderr.split())
    finally:
        execute(f"DROP SCHEMA t_{slug}")
    assert not exists(slug)


def test_restoring_a_large_dump_stops_at_the_first_error(filled: Sandbox, tmp_path: Path) -> None:
    """psql stops while pg_restore still has more to write than fits into a pipe."""
    slug, offer = filled.tenant.slug, offer_record(filled)
    filled.send("offers", [offer])
    filled.send("events", [event_record(offer["id"]) for _ in range(5_000)])
    dump = deleted(filled, tmp_path)
    execute(f"CREATE SCHEMA t_{slug}")
    try:
        result = spawn("tenants", "restore", str(dump))
    finally:
        execute(f"DROP SCHEMA t_{slug}")
    assert result.returncode == 1
    assert "already exists" in " ".join(result.stderr.split())
    assert not exists(slug)


PUBLIC_ROWS = [
    "SELECT * FROM tenant WHERE id = $1",
    "SELECT migration, ran_at FROM tenant_migration WHERE tenant = $1 ORDER BY migration",
]


def contents(sandbox: Sandbox) -> dict[str, str]:
    """Row count and hash of each table, without the requests and the last use of API keys, which are written
    later.
    """
    schema = sandbox.tenant.schema
    tables = execute("SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename <> 'request_log'", schema)
    assert len(tables) > 10
    return {
        table["tablename"]: execute(
            f"""
            SELECT count(*) || ' ' ||
                coalesce(sum(hashtext((to_jsonb(t) - 'last_used_at' - 'last_used_from')::text)), 0) AS n
            FROM {schema}.{table["tablename"]} t
            """
        )[0]["n"]
        for table in tables
    }


@contextmanager
def held_up(sandbox: Sandbox) -> Iterator[None]:
    """Within the block, intake requests wait before they write."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(database_url()))
        runner.run(connection.execute(f"BEGIN; LOCK TABLE {sandbox.tenant.schema}.conversion IN SHARE MODE"))
        try:
            yield
        finally:
            runner.run(connection.close())


def waiting(sandbox: Sandbox) -> int:
    schema = sandbox.tenant.schema
    sql = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || $1 || '.conversion%'"
    return len(execute(sql, schema))


def test_records_acknowledged_during_deletion_are_in_the_dump(sandbox: Sandbox, tmp_path: Path) -> None:
    callback = conversion_callback(sandbox, offer_record(sandbox)["id"])
    with ThreadPoolExecutor(2) as pool:
        with held_up(sandbox):
            response = pool.submit(
                sandbox.request,
                "POST",
                "/api/v1/ingest/conversions",
                token=sandbox.ingest_key,
                json=callback,
            )
            deadline = time.monotonic() + 120  # only guards against hangs
            while not waiting(sandbox):
                assert time.monotonic() < deadline
            slug = sandbox.tenant.slug
            deleted = pool.submit(spawn, "tenants", "delete", slug, "--yes", GOKART_DATA_DIR=str(tmp_path))
            while not execute("SELECT FROM tenant WHERE slug = $1 AND status = 'suspended'", slug):
                assert time.monotonic() < deadline
        assert deleted.result().returncode == 0, deleted.result().stderr
        acknowledged = response.result().status_code == 200
    (dump,) = (tmp_path / "dumps").iterdir()
    restored = subprocess.run(
        [binary("pg_restore"), "--data-only", "--table=conversion", "--file=-", dump],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert (callback["conversion"]["conversionId"] in restored) == acknowledged


def test_no_dump_is_kept_on_request(filled: Sandbox, tmp_path: Path) -> None:
    result = spawn("tenants", "delete", filled.tenant.slug, "--yes", "--no-dump", GOKART_DATA_DIR=str(tmp_path))
    assert result.stdout == f"Deleted {filled.tenant.slug}.\n"
    assert list(tmp_path.iterdir()) == []
    assert not exists(filled.tenant.slug)


def test_a_failed_dump_deletes_nothing_and_leaves_no_file(filled: Sandbox, tmp_path: Path) -> None:
    before = contents(filled)
    result = subprocess.run(
        [*COMMAND, "tenants", "delete", filled.tenant.slug, "--yes"],
        env={**os.environ, "GOKART_DATA_DIR": str(tmp_path)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("Error: The dump failed, so nothing was deleted (the tenant is suspended): ")
    assert list((tmp_path / "dumps").iterdir()) == []
    assert contents(filled) == before


def test_an_unwritable_dump_directory_changes_nothing(filled: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "dumps").touch()
    result = spawn("tenants", "delete", filled.tenant.slug, "--yes", GOKART_DATA_DIR=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
    assert filled.get(JSON, **MAY).status_code == 200


def test_a_slug_can_be_reused(sandbox: Sandbox) -> None:
    slug = sandbox.tenant.slug
    run(lambda: lifecycle.delete_tenant(slug, keep_dump=False))
    run(lambda: lifecycle.create_tenant(slug, "Another"))
    wait_until(lambda: sandbox.get(JSON, **MAY).status_code == 401)  # the old tenant's API keys are invalid
