"""The embedded PostgreSQL comes back from whatever happened to it, or says in words why it cannot."""

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

USER = """
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

POOR_USER = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))
{USER}
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
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "not within 20 seconds"
        time.sleep(0.01)


def another_user(directory: Path, program: str = USER) -> subprocess.Popen[str]:
    """A process that starts the server and uses it until its standard input ends."""
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
    """A cluster that was stopped in good order, to be copied."""
    directory = tmp_path_factory.mktemp("complete") / "postgres"
    server = EmbeddedPostgres(directory, **FAST)
    sql(server.start(), "CREATE TABLE kept AS SELECT 7 AS figure")
    server.stop()
    return directory


@pytest.fixture
def directory(tmp_path: Path, complete: Path) -> Iterator[Path]:
    """A stopped cluster of the test's own, with the figure 7 in it."""
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


def test_it_is_postgresql_18_with_names_in_order_of_code_points(directory: Path) -> None:
    server = EmbeddedPostgres(directory, **FAST)
    url = server.start()
    assert str(sql(url, "SHOW server_version")).startswith("18.")
    assert sql(url, "SELECT string_agg(n, '' ORDER BY n) FROM unnest(array['é', 'b', 'Z', 'a']) n") == "Zabé"
    assert sql(url, "SHOW timezone") == "UTC"
    server.stop()


def test_the_last_user_stops_it(directory: Path) -> None:
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


def test_a_killed_user_leaves_a_server_that_the_next_one_takes_over_and_stops(directory: Path) -> None:
    with another_user(directory) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == "started\n"
        killed.kill()
    server = EmbeddedPostgres(directory, **FAST)
    assert server.running
    assert figure(server.start()) == 7
    server.stop()
    assert not server.running


def test_a_killed_server_starts_again(directory: Path) -> None:
    with another_user(directory) as killed:
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
def test_a_lock_file_that_names_another_program_does_not_stop_it(directory: Path, remains: str) -> None:
    stale = directory / "postmaster.pid"
    stale.write_text(remains.format(pid=os.getpid(), directory=directory))
    shutil.chown(stale, directory.stat().st_uid)
    server = EmbeddedPostgres(directory, **FAST)
    assert figure(server.start()) == 7
    server.stop()


def test_making_the_cluster_may_be_killed_at_any_point(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    with another_user(directory) as killed:
        until(lambda: list(tmp_path.glob("postgres.new-*/global")))
        killed.kill()
    assert not directory.exists()
    server = EmbeddedPostgres(directory, **FAST)
    assert sql(server.start(), "SELECT 1") == 1
    server.stop()


def test_users_who_arrive_together_share_one_server(tmp_path: Path) -> None:
    directory = tmp_path / "postgres"
    users = [another_user(directory) for _ in range(3)]
    for user in users:
        assert user.stdout
        assert user.stdout.readline() == "started\n"
    for user in users:
        _, errors = user.communicate()
        assert errors == ""
    assert not EmbeddedPostgres(directory).running


@pytest.mark.parametrize("name", ["with space, comma, 'quotes\" and é", "long" * 30])
def test_any_path_will_do(tmp_path: Path, complete: Path, name: str) -> None:
    place = tmp_path / name / "postgres"
    place.parent.mkdir()
    subprocess.run(["cp", "-a", complete, place], check=True)
    server = EmbeddedPostgres(place, **FAST)
    assert figure(server.start()) == 7
    server.stop()


def refusal(directory: Path) -> str:
    with pytest.raises(EmbeddedPostgresError) as caught:
        EmbeddedPostgres(directory, **FAST).start()
    return str(caught.value)


def test_data_of_another_version_is_refused(directory: Path) -> None:
    (directory / "PG_VERSION").write_text("16\n")
    assert f"The data in {directory} is of PostgreSQL 16, and this is PostgreSQL 18: move it away" in refusal(directory)


def test_a_directory_of_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert f"{tmp_path} holds other files than a PostgreSQL database" in refusal(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("place", "said"), [("/dev/null/postgres", "is not a directory"), ("/sys/x/postgres", "This user may not")]
)
def test_a_place_that_cannot_be_written_is_refused(place: str, said: str) -> None:
    message = refusal(Path(place))
    assert said in message
    assert "GOKART_DATA_DIR" in message


def test_a_server_that_does_not_start_shows_why(directory: Path) -> None:
    with (directory / "postgresql.conf").open("a") as configuration:
        configuration.write("shared_bufers = 1GB\n")
    message = refusal(directory)
    assert f"PostgreSQL in {directory} did not start" in message
    assert 'unrecognized configuration parameter "shared_bufers"' in message
    assert not EmbeddedPostgres(directory).running


def test_a_cluster_that_there_is_no_room_for_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """Room is what a process may write: the limit on a file's size is one that any user can set anywhere."""
    with another_user(tmp_path / "postgres", POOR_USER) as poor:
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
def test_a_full_disk_is_told_from_its_log(tmp_path: Path, line: str, full: bool) -> None:
    message = EmbeddedPostgres(tmp_path)._why(
        f"LOG:  starting PostgreSQL\n{line}\nLOG:  database system is shut down\n", tmp_path
    )
    assert message.startswith("The disk is full") is full
    assert line in message


def test_the_programs_of_the_wheel_can_be_run() -> None:
    for name in ("psql", "pg_dump", "pg_restore"):
        version = subprocess.run([binary(name), "--version"], check=True, capture_output=True, text=True).stdout
        assert "18." in version
