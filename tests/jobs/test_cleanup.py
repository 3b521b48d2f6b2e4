"""Expired rows are deleted, and no others."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from jobs import cleanup
from jobs.cleanup import clean_platform, clean_tenant
from settings import settings
from tenants.config import tenancy
from tests.support.app_calls import run
from tests.support.database import execute
from tests.support.sandbox import JSON, MAY, Sandbox, conversion_callback, event_record, offer_record

NOW = datetime.now(UTC)


def set_retention(monkeypatch: pytest.MonkeyPatch, **days: int) -> None:
    monkeypatch.setattr(cleanup, "settings", settings.model_copy(update=days))


def test_the_intake_log_is_kept_for_90_days(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    for _ in range(3):
        sandbox.send("events", [event_record(offer["id"]), event_record("not one")])
    age = "UPDATE {s}.intake SET received_at = now() - $2::interval WHERE id = (SELECT min(id) + $1 FROM {s}.intake)"
    for n, days in enumerate([100, 91, 89]):
        execute(age, n, timedelta(days=days), schema=sandbox.tenant.schema)
    execute("UPDATE {s}.rejected_record SET last_at = now() - interval '91 days'", schema=sandbox.tenant.schema)
    sandbox.send("events", [event_record("another")])
    deleted = run(lambda: clean_tenant(sandbox.tenant, NOW))
    assert (deleted["batches_deleted"], deleted["rejected_records_deleted"]) == (2, 3)
    (left,) = execute(
        "SELECT (SELECT count(*) FROM {s}.intake) AS calls, (SELECT count(*) FROM {s}.intake_reject) AS rejects",
        schema=sandbox.tenant.schema,
    )
    assert left == {"calls": 3, "rejects": 3}
    (rejected,) = execute("SELECT record FROM {s}.rejected_record", schema=sandbox.tenant.schema)
    assert rejected["record"] is not None


def test_the_last_batch_is_kept_for_reports(sandbox: Sandbox) -> None:
    sandbox.send("offers", [offer_record(sandbox)])
    execute("UPDATE {s}.intake SET received_at = '2025-01-02T03:04:05Z'", schema=sandbox.tenant.schema)
    run(lambda: clean_tenant(sandbox.tenant, NOW))
    assert sandbox.get(JSON, **MAY).headers["gokart-data-through"] == "2025-01-02T03:04:05Z"


@pytest.mark.parametrize("platform", [False, True])
def test_expired_sessions_links_and_attempts_are_deleted(sandbox: Sandbox, platform: bool) -> None:
    schema = "public" if platform else sandbox.tenant.schema

    def clear() -> Mapping[str, int]:
        return run(lambda: clean_platform(NOW) if platform else clean_tenant(sandbox.tenant, NOW))

    clear()
    execute("INSERT INTO {s}.staff (email, name, role) VALUES ('old@example.com', 'A', 'viewer')", schema=schema)
    execute(
        """
        INSERT INTO {s}.session (digest, staff, expires_at)
        SELECT sha256(hours::text::bytea), s.id, now() + hours * interval '1 hour'
        FROM {s}.staff s, unnest(ARRAY[-1, 1]) AS hours WHERE email = 'old@example.com'
        """,
        schema=schema,
    )
    execute(
        """
        INSERT INTO {s}.one_time_link (digest, staff, purpose, created_by, expires_at)
        SELECT sha256(days::text::bytea), s.id, 'reset', 'test', now() - days * interval '1 day'
        FROM {s}.staff s, unnest(ARRAY[91, 89, -1]) AS days WHERE email = 'old@example.com'
        """,
        schema=schema,
    )
    execute(
        "INSERT INTO {s}.sign_in_attempt SELECT hours::text, 1, now() - hours * interval '1 hour' "
        "FROM unnest(ARRAY[25, 23]) AS hours",
        schema=schema,
    )
    expected = {"sessions_deleted": 1, "links_deleted": 1, "attempts_deleted": 1}
    assert {name: count for name, count in clear().items() if name in expected} == expected
    execute("DELETE FROM {s}.staff WHERE email = 'old@example.com'", schema=schema)


@pytest.mark.parametrize("platform", [False, True])
def test_audit_entries_are_kept_unless_the_setting_says_how_long(
    sandbox: Sandbox, platform: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = "public" if platform else sandbox.tenant.schema
    execute(
        "INSERT INTO {s}.audit_log (at, actor, action, subject, key, label) "
        "SELECT $1::timestamptz - days * interval '1 day', 'test', 'created', 'retention', days, '' "
        "FROM unnest(ARRAY[5000, 31, 29]) AS days",
        NOW,
        schema=schema,
    )

    def clean() -> Mapping[str, int]:
        return run(lambda: clean_platform(NOW) if platform else clean_tenant(sandbox.tenant, NOW))

    def kept() -> list[str]:
        rows = execute("SELECT key FROM {s}.audit_log WHERE subject = 'retention' ORDER BY at", schema=schema)
        return [row["key"] for row in rows]

    clean()
    assert kept() == ["5000", "31", "29"]
    set_retention(monkeypatch, audit_retention_days=30)
    assert clean()["audit_entries_deleted"] >= 2
    assert kept() == ["29"]
    assert clean()["audit_entries_deleted"] == 0


def test_a_setting_says_how_long_logs_are_kept(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.send("events", [{}])
    sandbox.send("events", [{}])
    age = "UPDATE {s}.intake SET received_at = $1 WHERE id >= (SELECT max(id) FROM {s}.intake) OR $2"
    for days, all_ in (8, True), (4, False):
        execute(age, NOW - timedelta(days=days), all_, schema=sandbox.tenant.schema)
    set_retention(monkeypatch, log_retention_days=7)
    assert run(lambda: clean_tenant(sandbox.tenant, NOW))["batches_deleted"] == 1


def test_dumps_of_deleted_tenants_are_kept_unless_the_setting_says_how_long(
    sandbox: Sandbox,  # noqa: ARG001  # makes the database
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tenancy().dump_dir
    folder.mkdir(parents=True, exist_ok=True)
    old, new = folder / "retention-old.dump", folder / "retention-new.dump"
    for file, days in (old, 31), (new, 29):
        file.touch()
        os.utime(file, times=((NOW - timedelta(days=days)).timestamp(),) * 2)
    run(lambda: clean_platform(NOW))
    assert old.exists()
    set_retention(monkeypatch, dump_retention_days=30)
    assert run(lambda: clean_platform(NOW))["dumps_deleted"] == 1
    assert (old.exists(), new.exists()) == (False, True)
    new.unlink()


def test_the_history_is_kept_as_long_as_is_set(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    offer, schema = offer_record(sandbox), sandbox.tenant.schema
    sandbox.send("offers", [offer])
    for days in (300, 200, 101, 100, 99):
        sandbox.send("events", [event_record(offer["id"])])
        callback = conversion_callback(sandbox, offer["id"])
        sandbox.send("conversions", [callback])
        rejected = callback["conversion"] | {"status": "Rejected"}
        sandbox.send("conversions", [callback | {"sentAt": "2025-06-01T00:00:00Z", "conversion": rejected}])
        ago = timedelta(days=days, hours=1)
        execute(
            "UPDATE {s}.restatement SET changed_at = now() - $1::interval WHERE changed_at > now() - interval '9 days'",
            ago,
            schema=schema,
        )
        execute(
            "UPDATE {s}.conversion_history SET until = now() - $1::interval WHERE until > now() - interval '9 days'",
            ago,
            schema=schema,
        )
    execute("UPDATE {s}.record_state SET recorded_since = '2025-01-01'", schema=schema)

    def state() -> dict[str, int]:
        (row,) = execute(
            """
            SELECT
                (SELECT count(*) FROM {s}.restatement) AS changes,
                (SELECT count(*) FROM {s}.conversion_history) AS states,
                (SELECT date_trunc('second', now() - recorded_since) FROM {s}.record_state) > interval '101 days' AS all
            """,
            schema=schema,
        )
        return row

    assert "changes_deleted" not in run(lambda: clean_tenant(sandbox.tenant, NOW))
    assert state() == {"changes": 15, "states": 5, "all": True}
    set_retention(monkeypatch, history_retention_days=100)
    deleted = run(lambda: clean_tenant(sandbox.tenant, NOW))
    assert (deleted["changes_deleted"], deleted["states_deleted"]) == (9, 3)
    assert state() == {"changes": 6, "states": 2, "all": False}
    beyond = (NOW - timedelta(days=100, hours=1)).isoformat()
    response = sandbox.get(JSON, **MAY, as_of=beyond)
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "as_of")
    assert sandbox.get(JSON, **MAY, as_of=(NOW - timedelta(days=99)).isoformat()).status_code == 200
