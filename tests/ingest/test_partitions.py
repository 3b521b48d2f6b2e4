"""The next month of the ledger is created in advance for tenants with events."""

from datetime import UTC, datetime

from ingest.partitions import create_next_month
from tests.support.app_calls import run
from tests.support.database import execute
from tests.support.sandbox import Sandbox, event_record, offer_record


def months(sandbox: Sandbox) -> list[str]:
    leaves = "SELECT relid::regclass::text AS name FROM pg_partition_tree('{s}.event') WHERE level = 1 ORDER BY 1"
    rows = execute(leaves, schema=sandbox.tenant.schema)
    return [row["name"].rpartition(".event_")[2] for row in rows]


def send_in_december(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"], occurredAt="2024-12-05T10:00:00Z")])


def test_the_next_month_is_created_before_it_begins(sandbox: Sandbox) -> None:
    send_in_december(sandbox)
    assert not run(lambda: create_next_month(sandbox.tenant, datetime(2024, 12, 19, 23, 59, tzinfo=UTC)))
    assert months(sandbox) == ["2024_12"]
    assert run(lambda: create_next_month(sandbox.tenant, datetime(2024, 12, 20, tzinfo=UTC)))
    assert months(sandbox) == ["2024_12", "2025_01"]
    assert not run(lambda: create_next_month(sandbox.tenant, datetime(2024, 12, 21, tzinfo=UTC)))


def test_events_are_accepted_in_a_month_created_ahead(sandbox: Sandbox) -> None:
    send_in_december(sandbox)
    run(lambda: create_next_month(sandbox.tenant, datetime(2024, 12, 31, tzinfo=UTC)))
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    event = event_record(offer["id"], occurredAt="2025-01-01T00:00:00Z")
    assert [sandbox.send("events", [event])["accepted"] for _ in range(2)] == [1, 0]


def test_no_month_is_created_for_a_tenant_without_events(sandbox: Sandbox) -> None:
    send_in_december(sandbox)
    assert not run(lambda: create_next_month(sandbox.tenant, datetime(2025, 1, 25, tzinfo=UTC)))
    assert months(sandbox) == ["2024_12"]
