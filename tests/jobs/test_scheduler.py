"""Background jobs: each run is done by one process, survives its death, and continues after a failing tenant."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from jobs.definitions import JOBS
from tests.support.sandbox import event_record
from tests.support.separate_database import TENANTS, Platform, kill, separate_database
from tests.support.wait import wait_until

ONCE = dict.fromkeys(JOBS, 1)


@pytest.fixture(scope="module")
def module_platform() -> Iterator[Platform]:
    with separate_database() as platform:
        yield platform


@pytest.fixture
def platform(module_platform: Platform) -> Platform:
    """A database in which no job has run."""
    module_platform.execute("TRUNCATE task")
    return module_platform


def test_each_run_is_done_by_one_of_all_processes(platform: Platform, tmp_path: Path) -> None:
    with platform.running_server(tmp_path, workers=2) as one, platform.running_server(tmp_path, workers=2) as other:
        platform.wait_for(ONCE)
        ended = [line for server in (one, other) for line in server.log_lines("job finished")]
    assert sorted(line["job"] for line in ended) == sorted(JOBS)
    assert {row["tenants"] for row in platform.execute("SELECT tenants FROM task")} == {len(TENANTS)}


def test_a_job_runs_again_after_the_interval(platform: Platform, tmp_path: Path) -> None:
    with platform.running_server(tmp_path, every="0.2"):
        wait_until(lambda: min(platform.runs(ended=False).values(), default=0) >= 3)


@pytest.mark.parametrize("died", [False, True], ids=["between runs", "during one that died"])
def test_a_clock_that_was_set_back_does_not_stop_a_job(platform: Platform, tmp_path: Path, died: bool) -> None:
    platform.execute(
        """
        INSERT INTO task (name, started_at, ended_at, run, alive_until)
        SELECT 'cleanup', later, later, CASE WHEN $1 THEN gen_random_uuid() END, CASE WHEN $1 THEN later END
        FROM (SELECT now() + interval '1 year' AS later)
        """,
        died,
    )
    with platform.running_server(tmp_path):
        platform.wait_for({"cleanup": 1})


def test_a_run_whose_process_died_is_continued(platform: Platform, tmp_path: Path) -> None:
    with platform.locked("t_birch.intake"):
        with platform.running_server(tmp_path) as first:
            wait_until(lambda: reached(platform, "cleanup") == "ash")
            kill(first)
        platform.execute("UPDATE task SET alive_until = now() WHERE run IS NOT NULL")  # as if the time had passed
        assert "interrupted, 1 tenants so far" in platform.command("jobs")
    with platform.running_server(tmp_path) as second:
        platform.wait_for(ONCE)
        (begun,) = [line for line in second.log_lines("job started") if line["job"] == "cleanup"]
    assert begun["after"] == "ash"
    assert platform.execute("SELECT tenants FROM task WHERE name = 'cleanup'") == [{"tenants": len(TENANTS)}]


def test_a_process_stops_after_another_took_over_its_run(platform: Platform, tmp_path: Path) -> None:
    with platform.running_server(tmp_path) as server:
        with platform.locked("t_birch.intake"):
            wait_until(lambda: reached(platform, "cleanup") == "ash")
            platform.execute("UPDATE task SET run = gen_random_uuid() WHERE name = 'cleanup'")
        wait_until(lambda: bool(server.log_lines("took over")))
    assert reached(platform, "cleanup") == "ash"


def test_a_failure_at_one_tenant_is_reported_and_does_not_stop_the_others(platform: Platform, tmp_path: Path) -> None:
    platform.execute("ALTER TABLE t_birch.sign_in_attempt RENAME TO elsewhere")
    platform.execute("INSERT INTO t_cedar.sign_in_attempt VALUES ('who', 1, now() - interval '2 days')")
    try:
        with platform.running_server(tmp_path) as server:
            platform.wait_for(ONCE)
            (failure,) = server.log_lines("job failed")
    finally:
        platform.execute("ALTER TABLE t_birch.elsewhere RENAME TO sign_in_attempt")
    assert (failure["job"], failure["tenant"]) == ("cleanup", "birch")
    assert platform.execute("SELECT FROM t_cedar.sign_in_attempt") == []
    output = platform.command("jobs")
    assert "3 tenants, 1 failed" in output
    assert "birch: UndefinedTableError" in output
    (soon,) = platform.execute("SELECT started_at + interval '1 hour' AS next FROM task WHERE name = 'cleanup'")
    assert f"{soon['next']:%Y-%m-%d %H:%M:%S}" in output  # and not after a day


def test_the_command_line_shows_jobs_that_never_ran(platform: Platform) -> None:
    lines = platform.command("jobs").splitlines()
    assert platform.command("tasks").splitlines() == lines  # its former name
    assert [line.split()[0] for line in lines[1:]] == list(JOBS)
    assert all("never" in line for line in lines[1:])


def test_months_beyond_the_retention_are_dropped(platform: Platform, tmp_path: Path) -> None:
    offer = {"id": "7df30136-ff83-4551-b877-fa0f0d8b8f72", "name": "Test", "advertiserName": "Owner"}
    offers = tmp_path / "offers.json"
    offers.write_bytes(msgspec.json.encode(offer | {"advertiserId": "ee70b574-1234-4b4e-8b99-46e050754d1c"}))
    platform.command("import", "ash", "offers", str(offers))
    events = tmp_path / "events.json"
    events.write_bytes(msgspec.json.encode(event_record(offer["id"])))
    platform.command("import", "ash", "events", str(events))
    days = platform.execute("SELECT * FROM t_ash.by_day")
    with platform.running_server(tmp_path, GOKART_EVENT_RETENTION_DAYS="32") as server:
        platform.wait_for(ONCE)
        (did,) = [line for line in server.log_lines("job changed data") if line["job"] == "drop-months"]
    assert (did["tenant"], did["months_dropped"]) == ("ash", 1)
    assert platform.execute("SELECT to_regclass('t_ash.event_2025_05') AS it") == [{"it": None}]
    assert platform.execute("SELECT * FROM t_ash.by_day") == days


def reached(platform: Platform, task: str) -> str | None:
    rows = platform.execute("SELECT reached FROM task WHERE name = $1", task)
    return rows[0]["reached"] if rows else None
