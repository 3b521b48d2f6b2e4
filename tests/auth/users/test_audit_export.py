"""The command `gokart audit export`."""

import csv
import io
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.cli import COMMAND, cli_error, spawn
from tests.support.database import execute
from tests.support.people import audit, create_platform_staff, staff_browser
from tests.support.sandbox import Sandbox, offer_record


def export(*arguments: str) -> str:
    done = spawn("audit", "export", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def entries(*arguments: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in export(*arguments).splitlines()]


def insert_entry(sandbox: Sandbox, at: datetime, label: str, after: str = "{}") -> None:
    execute(
        "INSERT INTO {s}.audit_log (at, actor, action, subject, key, label, after) "
        "VALUES ($1, 'test', 'created', 'offer', '1', $2, $3)",
        at,
        label,
        after,
        schema=sandbox.tenant.schema,
    )


def test_ndjson_has_every_entry_with_its_values_in_order(sandbox: Sandbox) -> None:
    staff_browser(sandbox).post("/staff/settings", data={"staff_totp_required": "on"})
    insert_entry(sandbox, datetime(2020, 1, 1, tzinfo=UTC), "=old", '{"rate": 0.10, "big": 12345678901234567890}')
    exported = entries(sandbox.tenant.slug)
    stored = sorted(audit(sandbox), key=lambda row: (row["at"], row["id"]))
    assert len(exported) == len(stored) > 5
    for entry, row in zip(exported, stored, strict=True):
        assert datetime.fromisoformat(entry["at"]) == row["at"]
        assert entry["at"].endswith("Z")
        assert entry["address"] == (row["address"] and str(row["address"]))
        for name in "before", "after":
            assert entry[name] == (row[name] and msgspec.json.decode(row[name]))
        for name in "id", "actor", "action", "subject", "key", "label":
            assert entry[name] == row[name]
    first = export(sandbox.tenant.slug).splitlines()[0]
    assert '"label":"=old"' in first
    assert '{"big": 12345678901234567890, "rate": 0.10}' in first


def test_bounds_are_in_utc_and_the_end_is_excluded(sandbox: Sandbox) -> None:
    for hour in range(4):
        insert_entry(sandbox, datetime(2020, 1, 31, 22, tzinfo=UTC) + timedelta(hours=hour), f"hour {hour}")

    def labels(*arguments: str) -> list[str]:
        return [entry["label"] for entry in entries(sandbox.tenant.slug, *arguments)]

    assert labels("--from", "2020-01-01", "--to", "2020-02-01") == ["hour 0", "hour 1"]
    assert labels("--from", "2020-01-31T23:00:00Z", "--to", "2020-02-01T01:00:00Z") == ["hour 1", "hour 2"]
    assert labels("--to", "2020-01-31T22:00:00Z") == []
    assert labels("--from", "2020-02-01")[:2] == ["hour 2", "hour 3"]
    error = cli_error("audit", "export", sandbox.tenant.slug, "--from", "2020-02-01", "--to", "2020-02-01")
    assert error == "Error: --from: Give a time before --to."


def test_csv_is_safe_in_a_spreadsheet(sandbox: Sandbox) -> None:
    insert_entry(sandbox, datetime(2020, 1, 1, tzinfo=UTC), '=HYPERLINK("x"), "y"\n', '{"name": "=1"}')
    text = export(sandbox.tenant.slug, "--format", "csv", "--to", "2021-01-01")
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["label"] == '\'=HYPERLINK("x"), "y"\n'
    assert row["after"] == '{"name": "=1"}'
    assert (row["at"], row["address"], row["before"]) == ("2020-01-01T00:00:00.000000Z", "", "")


def test_an_empty_export_has_the_header_only(sandbox: Sandbox) -> None:
    before_all = ("--to", "1990-01-01")
    assert export(sandbox.tenant.slug, *before_all) == ""
    header = "id,at,actor,address,action,subject,key,label,before,after"
    assert export(sandbox.tenant.slug, "--format", "csv", *before_all).strip() == header


def test_the_platform_has_an_audit_log_of_its_own(sandbox: Sandbox) -> None:
    email = create_platform_staff()
    labels = {entry["label"] for entry in entries("--platform")}
    assert {email, sandbox.tenant.name} <= labels
    assert email not in export(sandbox.tenant.slug)
    assert "Give either TENANT or --platform." in cli_error("audit", "export")


def test_it_writes_nothing(sandbox: Sandbox) -> None:
    sandbox.send("offers", [offer_record(sandbox)])
    before = audit(sandbox)
    export(sandbox.tenant.slug)
    assert audit(sandbox) == before


def test_memory_does_not_grow_with_the_log(sandbox: Sandbox, tmp_path: Path) -> None:
    def peak(count: int) -> int:
        """Peak memory of an export of so many more entries of two kilobytes, in MiB."""
        execute(
            "INSERT INTO {s}.audit_log (actor, action, subject, key, label, after) "
            "SELECT 'test', 'created', 'offer', n, n, jsonb_build_object('name', repeat('x', 2000)) "
            "FROM generate_series(1, $1::int) n",
            count,
            schema=sandbox.tenant.schema,
        )
        output = tmp_path / str(count)
        file = os.open(output, os.O_WRONLY | os.O_CREAT)
        actions = [(os.POSIX_SPAWN_DUP2, file, 1)]
        command = [*COMMAND, "audit", "export", sandbox.tenant.slug]
        process = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        os.close(file)
        _, status, usage = os.wait4(process, 0)
        assert status == 0
        assert output.stat().st_size > count * 2_000
        return usage.ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10)

    small = peak(2_000)
    assert peak(30_000) < small + 20


@pytest.mark.parametrize("tenant", ["nobody"])
def test_an_unknown_tenant_is_an_error(sandbox: Sandbox, tenant: str) -> None:  # noqa: ARG001  # makes the database
    assert tenant in cli_error("audit", "export", tenant)
