"""Statements that one server runs and a Citus cluster refuses, or runs badly. docs/citus.md explains the cluster."""

import pytest

from tests.support.citus_rules import Statement, changing_statements, problems
from tests.support.sandbox import Sandbox

ON_ONE_SERVER_ONLY = {"ingest/sql/apply_deltas.sql", "ingest/sql/insert_events.sql"}


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
            "WITH gone AS (DELETE FROM {s}.by_quarter RETURNING offer) SELECT count(*) FROM gone",
            "changes data in a WITH query",
        ),
        (
            """
            INSERT INTO {s}.by_month SELECT date_trunc('month', bucket::timestamp), sum(cost), offer, partner,
                sum(conversions), sum(clicks), sum(views) FROM {s}.by_day GROUP BY 1, offer, partner
            """,
            "inserts the sums of one roll-up into another, which crashes Citus 14.0",
        ),
    ],
)
def test_the_check_finds(module_sandbox: Sandbox, sql: str, problem: str) -> None:
    assert problem in problems(Statement("here", sql.replace("{s}", module_sandbox.tenant.schema)))
