"""SQL statements in `.sql` files, with named parameters.

    -- The offers of an advertiser.
    SELECT name FROM {schema}.offer WHERE advertiser = :advertiser::uuid

`:name` is a parameter and `{schema}` the tenant's schema. `-- include: other.sql` inserts a file of the same folder.
A file may hold several statements, each after a line `-- name: …`; the text before the first name begins each of them.
PostgreSQL receives the statement without comments and with parameters numbered in order of appearance.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from uuid import UUID

import msgspec

SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
INCLUDE = re.compile(r"^ *-- include: *(\S+)$", re.MULTILINE)
NAME = re.compile(r"^-- name: *(\w+)$", re.MULTILINE)
# Comments, quoted text and casts come first, so that a colon within them starts no parameter.
TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/) | '[^']*' | "[^"]*" | :: | :(?P<parameter>[a-z_][a-z0-9_]*)""",
    re.VERBOSE | re.DOTALL,
)

SCHEMA = re.compile(r"(?:\{schema\}|\bt_[a-z0-9_]+|\bpublic)\.")

_names: dict[str, str] = {}  # by the statement's text without schemas


class Query(msgspec.Struct, frozen=True):
    """A statement as PostgreSQL receives it, with the values of $1, $2, …"""

    sql: str
    args: tuple[object, ...]

    def with_literals(self) -> str:
        """The statement with its values in it, for COPY, which has no parameters.

        Raises TypeError for a value that is not None, a str, UUID, int, date, datetime or a list of these.
        """
        return re.sub(r"\$(\d+)", lambda number: literal(self.args[int(number[1]) - 1]), self.sql)


def literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return quoted("{" + ",".join(array_element(element) for element in value) + "}")
    return quoted(element_text(value))


def quoted(text: str) -> str:
    """Exact with standard_conforming_strings, PostgreSQL's default, which treats no backslash as an escape."""
    return "'" + text.replace("'", "''") + "'"


def array_element(value: object) -> str:
    if value is None:
        return "NULL"
    escaped = element_text(value).replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def element_text(value: object) -> str:
    if not isinstance(value, str | UUID | int | date):
        raise TypeError(f"{type(value).__name__} has no literal")
    return str(value)


def array_text(column: Sequence[str | float | bool | None]) -> str:
    """The column as PostgreSQL's text of an array, for a parameter `:name::text::type[]`. Strings must not need escapes
    in JSON: ids do not.

    asyncpg encodes a list of a thousand elements in 270 microseconds. This takes 30, and 100 more in PostgreSQL.
    """
    return f"{{{msgspec.json.encode(column)[1:-1].decode()}}}"


class SqlText:
    """A statement, from the text of a file, which is `source`. It caches its text in so many schemas."""

    def __init__(self, text: str, *, cached_schemas: int = 1_024) -> None:
        self.source = text
        self.parameters: list[str] = []
        translated = TOKEN.sub(self._translate, text)
        self.text = "\n".join(line.rstrip() for line in translated.splitlines() if line.strip())
        self._in_schema = lru_cache(cached_schemas)(self._format)

    def bind(self, schema: str, /, **arguments: object) -> Query:
        """Raises ValueError for an invalid schema name, and TypeError unless `arguments` are exactly the parameters."""
        if arguments.keys() != set(self.parameters):
            raise TypeError(f"expected the parameters {sorted(self.parameters)}, got {sorted(arguments)}")
        return Query(self.in_schema(schema), tuple(arguments[name] for name in self.parameters))

    def in_schema(self, schema: str) -> str:
        """The statement's text. Raises ValueError for an invalid schema name."""
        return self._in_schema(schema)

    def _translate(self, token: re.Match[str]) -> str:
        if token["comment"]:
            return ""
        name = token["parameter"]
        if name is None:
            return token[0]
        if name not in self.parameters:
            self.parameters.append(name)
        return f"${self.parameters.index(name) + 1}"

    def _format(self, schema: str) -> str:
        if not SCHEMA_NAME.fullmatch(schema):
            raise ValueError(f"{schema!r} is not a valid schema name")
        return self.text.replace("{schema}", schema)


class SqlFile(SqlText):
    """The statement of a file, or the one with that name in it. Raises ValueError for a name the file lacks.

    `files` names files that are included instead of others.
    """

    def __init__(self, path: Path, name: str | None = None, files: Mapping[str, str] | None = None) -> None:
        super().__init__(statement_text(path, name, files))
        self.path = path
        self.name = name
        _names[SCHEMA.sub("", self.text)] = "/".join(path.parts[-3:]) + (f":{name}" if name else "")


def statement_name(sql: str) -> str | None:
    """The file of a statement, and its name in that file, such as `reporting/sql/cost_report.sql:whole`."""
    return _names.get(SCHEMA.sub("", sql))


def statement_text(path: Path, name: str | None, files: Mapping[str, str] | None = None) -> str:
    """The text of a file with its includes, from one `-- name:` line to the next where `name` is given."""
    text = with_includes(path, files)
    common, *named = NAME.split(text)
    statements = dict(zip(named[::2], named[1::2], strict=True))
    if name not in (statements or {None}):
        raise ValueError(f"{path.name} has no statement {name!r}; it has {list(statements)}")
    return common + statements.get(name or "", "")


def with_includes(path: Path, files: Mapping[str, str] | None = None) -> str:
    """The text of a file. Included files may include others. `files` names those to include instead of others."""

    def included(include: re.Match[str]) -> str:
        name = (files or {}).get(include[1], include[1])
        return with_includes(path.parent / name, files)

    return INCLUDE.sub(included, path.read_text())
