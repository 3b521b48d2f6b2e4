"""Commands that only show something leave the database as it is, even one without tables or with an older schema."""

from collections.abc import Iterator

import pytest

from tests.support.cli import spawn
from tests.support.separate_database import Platform, empty_database, separate_database

READING = [
    ("tenants", "list"),
    ("staff", "list", "--platform"),
    ("staff", "list", "ash"),
    ("users", "list", "ash"),
    ("advertisers", "list", "ash"),
    ("api-keys", "list", "ash"),
    ("audit", "export", "ash"),
    ("audit", "export", "--platform", "--format", "csv"),
    ("jobs",),
]


@pytest.fixture(scope="module")
def empty() -> Iterator[Platform]:
    with empty_database() as database:
        yield database


def relations(database: Platform) -> list[dict[str, object]]:
    return database.execute(
        """
        SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2
        """
    )


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_without_tables_a_reading_command_says_what_to_run_and_creates_nothing(
    empty: Platform, command: tuple[str, ...]
) -> None:
    before = relations(empty)
    result = spawn(*command, **empty.environment)
    assert result.returncode == 1
    assert "run  gokart migrate  first" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert relations(empty) == before


def test_reading_commands_work_where_nothing_can_be_written() -> None:
    with separate_database() as database:
        name = database.execute("SELECT current_database() AS name")[0]["name"]
        database.execute(f"ALTER DATABASE {name} SET default_transaction_read_only TO on")
        for command in READING:
            database.command(*command)


def test_listing_the_tenants_leaves_pending_platform_migrations_alone() -> None:
    with separate_database() as database:
        database.execute("DELETE FROM migration WHERE name LIKE '2026-11-20T13%'")
        before = database.execute("SELECT * FROM migration ORDER BY id")
        assert "ash" in database.command("tenants", "list")
        assert database.execute("SELECT * FROM migration ORDER BY id") == before
