"""The statements that a batch sends, as committed in snapshots/: their number does not depend on the batch's size."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from database.engine import engine
from ingest.batches import BatchResult
from ingest.conversions import ingest_conversions
from ingest.events import ingest_events
from tenants.nodes import _clusters
from tests.support.app_calls import run_in_tenant
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.statements import assert_snapshot, recorded_statements

SNAPSHOTS = Path(__file__).parent / "snapshots"
Ingest = Callable[..., Awaitable[BatchResult]]


def send(sandbox: Sandbox, ingest: Ingest, records: list[dict[str, Any]]) -> tuple[BatchResult, list[str]]:
    """The result of the batch, and the statements that it sent."""
    encoded = [msgspec.json.encode(record) for record in records]

    async def work() -> tuple[BatchResult, list[str]]:
        with recorded_statements() as statements:
            result = await ingest(sandbox.tenant, encoded, datetime.now(UTC), None)
        return result, statements

    return run_in_tenant(sandbox.tenant.slug, work)


@pytest.fixture
def offer(sandbox: Sandbox) -> str:
    """An offer with an event in May 2025, so that the month has a partition."""
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    send(sandbox, ingest_events, [event_record(offer["id"])])
    return str(offer["id"])


@pytest.fixture(params=["", "_on_cluster"])
def suffix(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of the snapshot's name. On a cluster, no statement changes data in a WITH query."""
    monkeypatch.setitem(_clusters, engine().url, bool(request.param))
    return str(request.param)


@pytest.mark.parametrize("size", [2, 50])
def test_statements_of_events(sandbox: Sandbox, offer: str, size: int, suffix: str) -> None:
    result, statements = send(sandbox, ingest_events, [event_record(offer) for _ in range(size)])
    assert result.accepted == size
    assert_snapshot(SNAPSHOTS / f"events{suffix}.sql", statements, sandbox)


@pytest.mark.parametrize("size", [3, 50])
def test_statements_of_conversions(sandbox: Sandbox, offer: str, size: int, suffix: str) -> None:
    """New conversions, and an update of a known one."""
    known = conversion_callback(sandbox, offer, sent_at="2025-06-01T00:00:00Z")
    sandbox.send("conversions", [known])
    new = [conversion_callback(sandbox, offer) for _ in range(size - 1)]
    update = known | {"sentAt": "2025-06-02T00:00:00Z", "conversion": known["conversion"] | {"status": "Rejected"}}
    result, statements = send(sandbox, ingest_conversions, [*new, update])
    assert result.accepted == size
    assert_snapshot(SNAPSHOTS / f"conversions{suffix}.sql", statements, sandbox)
