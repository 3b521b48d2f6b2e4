"""The embedded PostgreSQL recovers from crashes, or reports why it cannot start."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from database.embedded import EmbeddedPostgres, EmbeddedPostgresError, binary

FAST = {"fsync": "off"}
ROOT = Path(__file__).parents[2]

PROCESS = """
import sys, time
from pathlib import Path
from database.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), fsync="off")
try:
    server.start()
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
print("started", flush=True)
sys.stdin.read()
server.stop()
"""

LIMITED_PROCESS = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))
{PROCESS}
"""


def sql(url: str, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, "not within 120 seconds"
        time.sleep(0.01)


def start_process(directory: Path, program: str = PROCESS) -> subprocess.Popen[str]:
    """Starts a process that starts the server and uses it until its standard input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", program, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory after a clean shutdown, for copying."""
    directory = tmp_path_factory.mktemp("complete") / "postgres"
    server = EmbeddedPostgres(directory, **FAST)
    sql(server.start(), "CREATE TABLE kept AS SELECT 7 AS figure")
    server.stop()
    return directory


@pytest.fixture
def directory(tmp_path: Path, complete: Path) -> Iterator[Path]:
    """A data directory for this test, which contains the number 7."""
    place = tmp_path / "data" / "postgres"
    place.parent.mkdir()
    subprocess.run(["cp", "-a", complete, place], check=True)
    yield place
    last = EmbeddedPostgres(place, **FAST)
    if last.running:
        last.start()
        last.stop()


def figure(url: str) -> object:
    return sql(url, "SELECT figure FROM kept")


def test_it_finds_its_data_again(directory: Path) -> None:
    for _ in range(2):
        server = EmbeddedPostgres(directory, **FAST)
        assert figure(server.start()) == 7
        server.stop()
        assert not server.running


def test_it_is_postgresql_18_and_sorts_by_code_point(directory: Path) -> None:
    server = EmbeddedPostgres(directory, **FAST)
    url = server.start()
    assert str(sql(url, "SHOW server_version")).startswith("18.")
    assert sql(url, "SELECT string_agg(n, '' ORDER BY n) FROM unnest(array['é', 'b', 'Z', 'a']) n") == "Zabé"
    assert sql(url, "SHOW timezone") == "UTC"
    server.stop()


def test_the_last_process_stops_the_server(directory: Path) -> None:
    first, second = EmbeddedPostgres(directory, **FAST), EmbeddedPostgres(directory, **FAST)
    assert first.start() == second.start()
    first.stop()
    assert figure(second.start()) == 7
    second.stop()
    assert not second.running


def test_stopping_twice_is_harmless(directory: Path) -> None:
    server = EmbeddedPostgres(directory, **FAST)
    server.start()
    server.stop()
    server.stop()


def test_the_next_process_takes_over_the_server_of_a_killed_one_and_stops_it(directory: Path) -> None:
    with start_process(directory) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == "started\n"
        killed.kill()
    server = EmbeddedPostgres(directory, **FAST)
    assert server.running
    assert figure(server.start()) == 7
    server.stop()
    assert not server.running


def test_a_killed_server_starts_again(directory: Path) -> None:
    with start_process(directory) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == "started\n"
        killed.kill()
        postgres = psutil.Process(int((directory / "postmaster.pid").read_text().split()[0]))
        postgres.kill()
        until(lambda: not postgres.is_running() or postgres.status() == psutil.STATUS_ZOMBIE)
    server = EmbeddedPostgres(directory, **FAST)
    assert figure(server.start()) == 7
    server.stop()
    assert not server.running


@pytest.mark.parametrize("remains", ["", "{pid}\n", "{pid}\n{directory}\n1700000000\n5432\n/tmp\n\n  1 2\nready   \n"])
def test_a_stale_lock_file_does_not_prevent_a_start(directory: Path, remains: str) -> None:
    stale = directory / "postmaster.pid"
    stale.write_text(remains.format(pid=os.getpid(), directory=directory))
    shutil.chown(stale, directory.stat().st_uid)
    server = EmbeddedPostgres(directory, **FAST)
    assert figure(server.start()) == 7
    server.stop()


def test_initialization_can_be_killed_at_any_point(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    with start_process(directory) as killed:
        until(lambda: list(tmp_path.glob("postgres.new-*/global")))
        killed.kill()
    assert not directory.exists()
    server = EmbeddedPostgres(directory, **FAST)
    assert sql(server.start(), "SELECT 1") == 1
    server.stop()


def test_processes_that_start_together_share_one_server(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    users = [start_process(directory) for _ in range(3)]
    for user in users:
        assert user.stdout
        assert user.stdout.readline() == "started\n"
    for user in users:
        _, errors = user.communicate()
        assert errors == ""
    assert not EmbeddedPostgres(directory).running


@pytest.mark.parametrize("name", ["with space, comma, 'quotes\" and é", "long" * 30])
def test_any_path_works(tmp_path: Path, complete: Path, name: str) -> None:
    place = tmp_path / name / "postgres"
    place.parent.mkdir()
    subprocess.run(["cp", "-a", complete, place], check=True)
    server = EmbeddedPostgres(place, **FAST)
    assert figure(server.start()) == 7
    server.stop()


def refusal(directory: Path) -> str:
    with pytest.raises(EmbeddedPostgresError) as caught:
        EmbeddedPostgres(directory, hint="set another directory", **FAST).start()
    return str(caught.value)


def test_data_of_another_version_is_rejected(directory: Path) -> None:
    (directory / "PG_VERSION").write_text("16\n")
    assert f"The data in {directory} is of PostgreSQL 16, but this is PostgreSQL 18: move it away" in refusal(directory)


def test_a_directory_with_other_files_is_rejected_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert f"{tmp_path} contains other files than a PostgreSQL database" in refusal(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("place", "reason"), [("/dev/null/postgres", "is not a directory"), ("/sys/x/postgres", "This user may not")]
)
def test_an_unwritable_directory_is_rejected(place: str, reason: str) -> None:
    message = refusal(Path(place))
    assert reason in message
    assert message.endswith("; set another directory")


def test_a_server_that_does_not_start_reports_why(directory: Path) -> None:
    with (directory / "postgresql.conf").open("a") as configuration:
        configuration.write("shared_bufers = 1GB\n")
    message = refusal(directory)
    assert f"PostgreSQL in {directory} did not start" in message
    assert 'unrecognized configuration parameter "shared_bufers"' in message
    assert not EmbeddedPostgres(directory).running


def test_initialization_on_a_full_disk_fails_and_leaves_no_files(tmp_path: Path) -> None:
    """A file size limit stands in for a full disk: any user can set it."""
    with start_process(tmp_path / "postgres", LIMITED_PROCESS) as poor:
        _, errors = poor.communicate()
    assert poor.returncode == 1
    assert errors.startswith("EmbeddedPostgresError: The disk is full: PostgreSQL could not write to ")
    assert not list(tmp_path.glob("postgres.new-*"))


@pytest.mark.parametrize(
    ("line", "full"),
    [
        ('FATAL:  could not write lock file "postmaster.pid": No space left on device', True),
        ('PANIC:  could not write to file "pg_wal/xlogtemp.71": Disk quota exceeded', True),
        ('FATAL:  could not resize shared memory segment "/PostgreSQL.1": No space left on device', False),
    ],
)
def test_a_full_disk_is_recognized_in_the_log(tmp_path: Path, line: str, full: bool) -> None:
    message = EmbeddedPostgres(tmp_path)._startup_error(
        f"LOG:  starting PostgreSQL\n{line}\nLOG:  database system is shut down\n", tmp_path
    )
    assert message.startswith("The disk is full") is full
    assert line in message


def test_the_programs_of_the_wheel_run() -> None:
    for name in ("psql", "pg_dump", "pg_restore"):
        version = subprocess.run([binary(name), "--version"], check=True, capture_output=True, text=True).stdout
        assert "18." in version
