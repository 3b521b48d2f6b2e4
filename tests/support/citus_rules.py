"""The app's statements that change a tenant's tables, and what in them Citus would refuse or do badly.

PostgreSQL parses each statement as the body of a function, whose parse tree shows the volatility of all it calls.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from database.pool import connection
from database.sql import NAME, SqlFile
from settings import PROJECT
from tests.support.app_calls import fetch, run
from tests.support.database import execute

CHANGE = re.compile(r"(WITH\b.*?\b)?(INSERT INTO|UPDATE|DELETE FROM) (?!SET\b)", re.DOTALL)
OTHER_FOLDERS = {
    ".tools",
    ".venv",
    "assets",
    "bench",
    "connectors",
    "deploy",
    "docs",
    "examples",
    "schema",
    "scripts",
    "tests",
}
PUBLIC = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM) (public\.|tenant\b|tenant_migration\b)")

# What the expressions in the statements' texts stand for.
SCHEMA = re.compile(r"(.*\.)?schema|s")
EXPRESSIONS = {
    "realm.table": "staff",
    "user.realm.table": "staff",
    "realm.user_key": "staff",
    "user_columns(realm)": "p.id",
}
EXPRESSIONS_BY_FILE = {
    "admin/catalogue_import.py": {
        "table": "{schema}.advertiser",
        "', '.join(('id', *columns))": "id, name",
        "marks": "$1, $2",
        "assigned": "name = $2",
    },
    "admin/settings.py": {"changes": "final_after_days = $1"},
    "auth/users/erasure.py": {
        "account.realm.table": "staff",
        "key": "staff",
        "table": "one_time_link",
        "column": "created_by",
        "side": "after",
        "changes": "after = jsonb_set(regexp_replace(after::text, $2, $3, 'gi')::jsonb - ARRAY['x'], ARRAY['y'], $4)",
        "where": "after::text ~* $1 AND after ->> 'email' <> $5 AND after ?| ARRAY['x'] AND key = ANY($6)",
    },
    "auth/users/invitations.py": {"', '.join(values)": "email, name, role", "marks": "$1, $2, $3"},
    "auth/users/tenant_settings.py": {"table": "{schema}.logo"},
    "auth/users/totp.py": {"table": "{schema}.staff"},
    "catalog/records.py": {
        "table": "{schema}.advertiser",
        "kind.table": "advertiser",
        "', '.join(row)": "id, name",
        "marks": "$1, $2",
        "assigned": "name = $2",
    },
    "demo/people.py": {
        "table": "{schema}.staff",
        "', '.join(values)": "email, name, role",
        "marks": "$1, $2, $3",
        "again": "UPDATE SET name = excluded.name, totp_step = NULL",
    },
    "ingest/catalogue.py": {
        "table": "{schema}.partner",
        "names": "id, name",
        "rows": "unnest($1::uuid[], $2::text[]) AS u (id, name)",
        "overwritten": "name = excluded.name",
        "where": "t.name IS DISTINCT FROM excluded.name",
        "replaced": "name = u.name",
    },
    "ingest/surrogate_ids.py": {"table": "partner"},
    "tenants/dumps.py": {"table": "public.tenant", "names": "name", "literal": "NULL"},
}

NODE = re.compile(r"\\.|\{(?P<type>\w+)|(?P<end>\})|:(?P<field>\w+) (?P<value>[^\s:{}()]*)")
FUNCTION_FIELDS = {"funcid", "opfuncid"}
TABLE, FUNCTION = 0, 3  # sources of rows


class Statement(msgspec.Struct, frozen=True):
    place: str
    sql: str


class ParseNode(msgspec.Struct):
    type: str
    field: str = ""  # the one that is being read
    function: int = 0
    has_column: bool = False
    source: int = 0  # of rows, as in PostgreSQL's enum RTEKind


def changing_statements(schema: str) -> list[Statement]:
    """Those of the `.sql` files and of Python's strings, for the tenant's schema."""
    found = [*statements_in_sql_files(schema), *statements_in_strings(schema)]
    return [one for one in found if not PUBLIC.search(one.sql)]


def statements_in_sql_files(schema: str) -> Iterator[Statement]:
    for path in sorted(PROJECT.glob("*/**/sql/*.sql")):
        if path.relative_to(PROJECT).parts[0] in OTHER_FOLDERS:
            continue
        for name in NAME.findall(path.read_text()) or [None]:
            sql = SqlFile(path, name).in_schema(schema)
            if CHANGE.match(sql.strip()):
                yield Statement(f"{path.relative_to(PROJECT)} {name or ''}".strip(), sql)


def statements_in_strings(schema: str) -> Iterator[Statement]:
    for path in sorted(PROJECT.glob("*/**/*.py")):
        file = path.relative_to(PROJECT)
        if file.parts[0] not in OTHER_FOLDERS:
            for line, text in strings_in(path):
                if CHANGE.match(text.strip()):
                    yield Statement(f"{file}:{line}", with_names(str(file), text).replace("{schema}", schema))


def strings_in(path: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module; an f-string has its expressions in braces."""
    tree = ast.parse(path.read_text())
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part != node
    }
    for node in ast.walk(tree):
        if id(node) in parts:
            continue
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(
                    f"{{{ast.unparse(part.value)}}}" if isinstance(part, ast.FormattedValue) else ast.literal_eval(part)
                    for part in node.values
                ),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def with_names(file: str, text: str) -> str:
    known = EXPRESSIONS | EXPRESSIONS_BY_FILE.get(file, {})

    def name(expression: re.Match[str]) -> str:
        if SCHEMA.fullmatch(expression[1]):
            return "{schema}"
        assert expression[1] in known, f"{file}: say in EXPRESSIONS_BY_FILE what {expression[0]} stands for in: {text}"
        return known[expression[1]]

    return re.sub(r"\{([^{}]+)\}", name, text)


def problems(statement: Statement) -> list[str]:
    tree = parse_tree(statement.sql)
    found = []
    if ":hasModifyingCTE true" in tree:
        # Citus sends the result of such a part to every node, so that one dead node stops it for all tenants.
        found.append("changes data in a WITH query")
    return found + impure_calls(tree) + broken_inserts(tree)


def parse_tree(sql: str) -> str:
    async def parameter_types() -> list[str]:
        async with connection() as db:
            return [parameter.name for parameter in (await db.prepare(sql)).get_parameters()]

    types = ", ".join(run(parameter_types))
    execute("DROP FUNCTION IF EXISTS pg_temp_statement")
    execute(f"CREATE FUNCTION pg_temp_statement({types}) RETURNS void LANGUAGE sql BEGIN ATOMIC {sql}; END")
    ((tree,),) = fetch("SELECT prosqlbody::text FROM pg_proc WHERE proname = 'pg_temp_statement'")
    execute("DROP FUNCTION pg_temp_statement")
    return str(tree)


def impure_calls(tree: str) -> list[str]:
    """Functions that Citus would have to call on the node: STABLE and VOLATILE ones with a column as an argument, and
    all of them in RETURNING, CASE and coalesce(). Queries within the statement are not checked: Citus sends them as
    they are.
    """
    impure = {
        row["oid"]: row["name"] for row in fetch("SELECT oid, proname AS name FROM pg_proc WHERE provolatile <> 'i'")
    }
    found: list[str] = []
    for node, parents in nodes(tree):
        depth = depth_of(parents)
        returning = depth == 1 and any(one.type == "QUERY" and one.field == "returningList" for one in parents)
        if depth == 1 and node.function in impure and (node.has_column or returning):
            found.append(f"calls {impure[node.function]}() {'in RETURNING' if returning else 'with a column'}")
        if depth == 1 and node.function in impure and any(one.type in {"CASEEXPR", "COALESCEEXPR"} for one in parents):
            found.append(f"calls {impure[node.function]}() in CASE or coalesce()")
        if parents and node.type != "QUERY":
            parents[-1].has_column |= node.has_column or node.type == "VAR"
    return found


def broken_inserts(tree: str) -> list[str]:
    """INSERT … SELECT from a table: Citus 14.0 sends wrong SQL if a function's rows are joined with it, and crashes if
    the groups are of expressions, such as months. It refuses INSERT … VALUES with a query in it.
    """
    sources: set[int] = set()
    grouped = query_in_values = False
    for node, parents in nodes(tree):
        if node.type == "SUBLINK" and depth_of(parents) == 1 and ":commandType 3" in tree[:40]:
            query_in_values = True
        if depth_of(parents) == 2 and any(one.field == "subquery" for one in parents):
            if node.type == "RANGETBLENTRY":
                sources.add(node.source)
            grouped |= bool(node.function) and parents[-1].field == "groupexprs"
    found = ["has a query in VALUES"] if query_in_values else []
    if {TABLE, FUNCTION} <= sources:
        found.append("inserts a join of a table with the rows of a function")
    if TABLE in sources and grouped:
        found.append("inserts groups of an expression from a table")
    return found


def nodes(tree: str) -> Iterator[tuple[ParseNode, list[ParseNode]]]:
    """Each node after those in it, with those that it is in, outermost first."""
    stack: list[ParseNode] = []
    for token in NODE.finditer(tree):
        if token["type"]:
            stack.append(ParseNode(token["type"]))
        elif token["field"]:
            stack[-1].field = token["field"]
            if token["field"] in FUNCTION_FIELDS:
                stack[-1].function = int(token["value"])
            elif token["field"] == "rtekind":
                stack[-1].source = int(token["value"])
        elif token["end"]:
            yield stack.pop(), stack


def depth_of(parents: list[ParseNode]) -> int:
    """1 in the statement itself, 2 in its queries."""
    return sum(one.type == "QUERY" for one in parents)
