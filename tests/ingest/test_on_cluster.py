"""Intake on a Citus cluster sends other statements, with the same result. One server runs them too."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from database.engine import engine
from ingest.conversions import ingest_conversions
from ingest.events import ingest_events
from tenants.nodes import _clusters
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

TABLES = "by_quarter", "by_hour", "by_day", "by_month", "changed_day", "changed_month", "restatement"
FIGURES = """
SELECT {table}.*, o.name AS offer_name FROM {s}.{table} JOIN {s}.offer o ON o.key = {table}.offer
ORDER BY o.name, bucket{further}
"""
UNLIKE = {"restatement": {"xid", "changed_at"}}  # columns whose values differ between two runs
FIRST, SECOND = "2025-05-31T23:59:59.999999Z", "2025-06-01T00:00:00Z"
NOW = datetime(2025, 6, 2, tzinfo=UTC)
IDS = [f"00000000-0000-4000-8000-{n:012}" for n in range(40)]


def batches(sandbox: Sandbox, offers: list[str]) -> list[tuple[Any, list[dict[str, Any]]]]:
    """Views and clicks at the end of a month, new and repeated ones; then conversions and changes of them."""

    def event(n: int) -> dict[str, Any]:
        at = FIRST if n % 3 else SECOND
        return event_record(offers[n % 2], id=IDS[n], type="click" if n % 5 == 0 else "view", occurredAt=at)

    def conversion(n: int, day: int, status: str) -> dict[str, Any]:
        one = conversion_callback(sandbox, offers[n % 2], sent_at=f"2025-06-0{day}T00:00:00Z")
        changed = {"conversionId": IDS[n], "status": status, "userCompletedAt": FIRST if n % 3 else SECOND}
        return one | {"conversion": one["conversion"] | changed}

    return [
        (ingest_events, [event(n) for n in range(20)]),
        (ingest_events, [event(n) for n in (*range(15, 30), 16, 29)]),
        (ingest_events, [event(n) for n in range(30)]),
        (ingest_conversions, [conversion(n, 1, "Success") for n in range(20)]),
        (ingest_conversions, [conversion(n, 2, "Rejected" if n % 2 else "Success") for n in range(10, 25)]),
    ]


def ingest_all(sandbox: Sandbox) -> tuple[list[tuple[int, int]], dict[str, list[dict[str, Any]]]]:
    """Accepted records and duplicates of each batch; and all rows of the roll-ups and change marks."""
    offers = [offer_record(sandbox, name=name) for name in ("First", "Second")]
    sandbox.send("offers", offers)

    async def work() -> list[tuple[int, int]]:
        results = []
        for ingest, records in batches(sandbox, [offer["id"] for offer in offers]):
            result = await ingest(sandbox.tenant, [msgspec.json.encode(record) for record in records], NOW, None)
            assert result.rejected == []
            results.append((result.accepted, result.duplicates))
        return results

    results = run_in_tenant(sandbox.tenant.slug, work)
    rows = {}
    for table in TABLES:
        further = "" if table.startswith("changed_") else ", partner"
        if table == "restatement":
            further += ", xid"
        sql = FIGURES.replace("{table}", table).replace("{further}", further)
        rows[table] = [
            {
                name: value
                for name, value in row.items()
                if name not in UNLIKE.get(table, {"xid"}) | {"offer", "partner"}
            }
            for row in execute(sql, schema=sandbox.tenant.schema)
        ]
    return results, rows


@pytest.mark.one_server("it compares with the statements of one server, which a cluster refuses")
def test_intake_on_a_cluster_counts_as_on_one_server(
    sandbox: Sandbox, other_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = engine().url
    monkeypatch.setitem(_clusters, url, False)  # noqa: FBT003
    expected = ingest_all(sandbox)
    monkeypatch.setitem(_clusters, url, True)  # noqa: FBT003
    assert ingest_all(other_sandbox) == expected
    results, rows = expected
    assert results == [(20, 0), (10, 7), (0, 30), (20, 0), (15, 0)]
    assert all(rows.values())
