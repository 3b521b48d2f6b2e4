"""Statements in .sql files: named parameters, the tenant's schema, what the files may contain, and literals."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest

from database.sql import Query, SqlFile
from tests.support.app_calls import fetch


def write(folder: Path, text: str, name: str = "statement.sql") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def bind(folder: Path, text: str, **arguments: object) -> Query:
    return SqlFile(write(folder, text)).bind("t_acme", **arguments)


def test_parameters_are_numbered_in_order_of_appearance(tmp_path: Path) -> None:
    query = bind(tmp_path, "SELECT :b, :a, :b", a=1, b=2)
    assert query == Query("SELECT $1, $2, $1", (2, 1))


def test_the_schema_is_substituted(tmp_path: Path) -> None:
    sql = SqlFile(write(tmp_path, "SELECT nextval('{schema}.seq') FROM {schema}.offer"))
    assert sql.bind("t_acme").sql == "SELECT nextval('t_acme.seq') FROM t_acme.offer"
    assert sql.bind("t_other").sql == "SELECT nextval('t_other.seq') FROM t_other.offer"


@pytest.mark.parametrize("schema", ["", "T", "t; DROP TABLE offer", 't"', "t" * 64, "t_acme\n"])
def test_an_invalid_schema_name_is_rejected(tmp_path: Path, schema: str) -> None:
    with pytest.raises(ValueError, match="is not a valid schema name"):
        SqlFile(write(tmp_path, "SELECT 1")).bind(schema)


def test_casts_and_quoted_text_are_left_alone(tmp_path: Path) -> None:
    sql = """SELECT :a::text[], '10:b', 'it''s :c', ":d", b::int"""
    assert bind(tmp_path, sql, a=[]).sql == sql.replace(":a", "$1", 1)


def test_comments_are_not_sent(tmp_path: Path) -> None:
    text = "-- It's about :x.\nSELECT 1, -- :y\n\n  /* :z\n */ '-- text'\n"
    assert bind(tmp_path, text).sql == "SELECT 1,\n   '-- text'"


def test_a_missing_parameter_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"expected the parameters \['a', 'b'\], got \['a'\]"):
        bind(tmp_path, "SELECT :a, :b", a=1)


def test_an_unknown_parameter_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"expected the parameters \['a'\], got \['a', 'b'\]"):
        bind(tmp_path, "SELECT :a", a=1, b=2)


def test_a_file_may_hold_several_statements_with_a_common_beginning(tmp_path: Path) -> None:
    path = write(tmp_path, "WITH o AS (SELECT :a)\n-- name: rows\nSELECT * FROM o\n-- name: count\nSELECT count(*), :b")
    assert SqlFile(path, "rows").bind("t", a=1) == Query("WITH o AS (SELECT $1)\nSELECT * FROM o", (1,))
    assert SqlFile(path, "count").bind("t", a=1, b=2) == Query("WITH o AS (SELECT $1)\nSELECT count(*), $2", (1, 2))


@pytest.mark.parametrize("name", ["other", None])
def test_a_statement_the_file_lacks_is_an_error(tmp_path: Path, name: str | None) -> None:
    path = write(tmp_path, "-- name: rows\nSELECT 1")
    with pytest.raises(ValueError, match=r"has no statement .*; it has \['rows'\]"):
        SqlFile(path, name)


def test_another_file_may_be_included_instead(tmp_path: Path) -> None:
    write(tmp_path, "SELECT :a", "any.sql")
    write(tmp_path, "SELECT :b", "month.sql")
    path = write(tmp_path, "-- include: any.sql\n")
    assert SqlFile(path, files={"any.sql": "month.sql"}).bind("t", b=2) == Query("SELECT $1", (2,))


def test_a_file_may_include_another(tmp_path: Path) -> None:
    write(tmp_path, "-- The advertiser's offers.\nWITH o AS (SELECT :a)\n", "offers.sql")
    assert (
        bind(tmp_path, "-- include: offers.sql\nSELECT * FROM o", a=1).sql == "WITH o AS (SELECT $1)\nSELECT * FROM o"
    )


LITERALS = [
    ("uuid", UUID("3fa85f64-5717-4562-b3fc-2c963f66afa6")),
    ("uuid", None),
    ("date", date(2025, 5, 19)),
    ("date", date.max),
    ("timestamptz", datetime(2025, 5, 19, 15, 31, 44, 123_456, UTC)),
    ("timestamptz", datetime(2025, 5, 19, 15, 30, tzinfo=timezone(-timedelta(hours=5)))),
    ("bigint", -(2**63)),
    ("bigint[]", [1, -1]),
    ("int[]", [1, None]),
    ("date[]", [date(2025, 5, 1), date(2025, 6, 1)]),
    ("timestamptz[]", [datetime(2025, 5, 19, 15, 30, tzinfo=UTC)]),
    ("date[]", []),
    ("text", "it's “$1” \\'; -- :name"),
    ("text[]", ['"', "\\", "'", "", "NULL", "{a,b}", "'; DROP TABLE x; --", " both \n"]),
]


@pytest.mark.parametrize(("type_", "value"), LITERALS, ids=str)
def test_postgresql_reads_a_literal_as_the_same_value(type_: str, value: object) -> None:
    query = Query(f"SELECT $1::{type_}", (value,))
    assert fetch(query.with_literals())[0][0] == value


def test_literals_replace_every_parameter() -> None:
    query = Query(" ".join(f"${number}" for number in (1, 2, 10, 11, 1)), tuple(range(100, 111)))
    assert query.with_literals() == "'100' '101' '109' '110' '100'"


@pytest.mark.parametrize("value", [b"bytes", 1.5, [[1]]], ids=str)
def test_another_type_has_no_literal(value: object) -> None:
    with pytest.raises(TypeError, match="has no literal"):
        Query("SELECT $1", (value,)).with_literals()
