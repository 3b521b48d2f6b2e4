"""Statements that one server runs and a Citus cluster refuses, or runs badly. docs/citus.md explains the cluster."""

import asyncio
import re
from typing import Any

import pytest

from settings import PROJECT
from tenants.migrations import migration_modules, split_statements
from tests.support.citus_rules import Statement, changing_statements, problems
from tests.support.sandbox import Sandbox

ON_ONE_SERVER_ONLY = {
    "ingest/sql/apply_deltas.sql",
    "ingest/sql/insert_events.sql",
    "ingest/sql/upsert_conversions.sql",
}


def test_no_statement_does_what_a_cluster_cannot(module_sandbox: Sandbox) -> None:
    statements = changing_statements(module_sandbox.tenant.schema)
    assert len(statements) > 40
    found = {one.place: wrong for one in statements if (wrong := problems(one))}
    assert found == {place: ["changes data in a WITH query"] for place in ON_ONE_SERVER_ONLY}


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        (
            "UPDATE {s}.session SET expires_at = created_at + '1 hour'::interval",
            "calls timestamptz_pl_interval() with a column",
        ),
        ("DELETE FROM {s}.session WHERE date_trunc('day', seen_at) < now()", "calls date_trunc() with a column"),
        ("UPDATE {s}.session SET address = NULL WHERE id = 1 RETURNING now()", "calls now() in RETURNING"),
        (
            "UPDATE {s}.session SET seen_at = CASE WHEN id = 1 THEN now() ELSE seen_at END",
            "calls now() in CASE or coalesce()",
        ),
        (
            "INSERT INTO {s}.partner (id, name) VALUES ($1, (SELECT max(name) FROM {s}.partner))",
            "has a query in VALUES",
        ),
        (
            "WITH gone AS (DELETE FROM {s}.by_quarter RETURNING offer) SELECT count(*) FROM gone",
            "changes data in a WITH query",
        ),
        (
            """
            INSERT INTO {s}.by_month SELECT date_trunc('month', bucket::timestamp), sum(cost), offer, partner,
                sum(conversions), sum(clicks), sum(views) FROM {s}.by_day GROUP BY 1, offer, partner
            """,
            "inserts groups of an expression from a table",
        ),
        (
            """
            INSERT INTO {s}.changed_day (offer, bucket, version, changed_at)
            SELECT key, d::date, 1, now() FROM {s}.offer, generate_series('2025-01-01'::date, '2025-01-31', '1 day') d
            """,
            "inserts a join of a table with the rows of a function",
        ),
    ],
)
def test_the_check_finds(module_sandbox: Sandbox, sql: str, problem: str) -> None:
    assert problem in problems(Statement("here", sql.replace("{s}", module_sandbox.tenant.schema)))


CONSTRAINT = re.compile(r"\b(CHECK|REFERENCES|UNIQUE|PRIMARY KEY|FOREIGN KEY|EXCLUDE|IDENTITY)\b")
NAMED_CONSTRAINT = re.compile(r"ALTER TABLE \S+\s+ADD CONSTRAINT \w+ (?!.*\bADD\b).*", re.DOTALL)


def refused_alterations(script: str) -> list[str]:
    """The statements that add a constraint without a name, or together with something else."""
    found = [statement for statement in split_statements(script) if statement.startswith("ALTER TABLE")]
    return [one for one in found if CONSTRAINT.search(one) and not NAMED_CONSTRAINT.fullmatch(one)]


def test_migrations_of_tenants_on_a_node_add_constraints_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first migration only ever ran before a tenant was placed on a node."""
    scripts: list[str] = []
    for _, module in sorted(migration_modules().items())[1:]:

        async def record(script: str) -> None:
            scripts.append(script.format(s="t_tenant"))

        monkeypatch.setattr(module, "execute_in_schema", record, raising=False)

        async def steps(module: Any = module) -> None:
            for step in (await module.forwards()).raw:
                await step()

        asyncio.run(steps())
    assert scripts
    assert [one for script in scripts for one in refused_alterations(script)] == []


def test_triggers_run_on_a_node() -> None:
    """On a node, one with a transition table fails, and one that has TRUNCATE and other events does not exist."""
    triggers = re.findall(r"^CREATE TRIGGER .*", (PROJECT / "schema" / "tenant.sql").read_text(), re.MULTILINE)
    assert len(triggers) > 20
    assert [one for one in triggers if "REFERENCING" in one or "OR TRUNCATE" in one] == []


def test_no_default_reads_a_table() -> None:
    """On a cluster, some INSERT … SELECT would call it on the node, or while rows are copied there: both are errors."""
    defaults = re.findall(r"\bDEFAULT tenant\.(\w+)", (PROJECT / "schema" / "tenant.sql").read_text())
    assert set(defaults) == {"cause_of_change"}, "which reads no table"


def test_the_check_of_migrations_finds() -> None:
    script = """
        ALTER TABLE t.advertiser ADD a text CHECK (a <> '');
        ALTER TABLE t.advertiser ADD CHECK (a <> '');
        ALTER TABLE t.advertiser ADD b text, ADD CONSTRAINT named CHECK (a <> '');
        ALTER TABLE t.advertiser ADD c text NOT NULL DEFAULT '', ADD d text;
        ALTER TABLE t.advertiser ADD CONSTRAINT named CHECK (a <> ',');
    """
    assert len(refused_alterations(script)) == 3
