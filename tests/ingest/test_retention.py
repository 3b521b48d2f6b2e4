"""GOKART_EVENT_RETENTION_DAYS: old events are deleted and rejected, and never count twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.support.database import execute
from tests.support.sandbox import Sandbox, event_record, offer_record
from tests.support.servers import run_cli, running_server


def ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def test_pruning_the_ledger_changes_no_report(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"], occurredAt=ago(days)) for days in (1, 100, 400)])
    everything = {"date_from": "1970-01-01", "date_to": "2100-01-01"}
    before = sandbox.report(**everything)
    output = run_cli("prune", sandbox.tenant.slug, GOKART_EVENT_RETENTION_DAYS="50")
    assert output.count("event_") == 2
    assert sandbox.report(**everything) == before
    assert run_cli("prune", sandbox.tenant.slug, GOKART_EVENT_RETENTION_DAYS="50") == "No month is old enough."


def test_pruned_events_never_count_again_with_another_setting(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    event = event_record(offer["id"], occurredAt=ago(400))
    sandbox.send("events", [event])
    run_cli("prune", sandbox.tenant.slug, GOKART_EVENT_RETENTION_DAYS="50")
    result = sandbox.send("events", [event])  # to a server that keeps events forever
    assert [(r["index"], r["field"]) for r in result["rejected"]] == [(0, "occurredAt")]


def test_an_event_that_may_have_been_pruned_is_rejected(sandbox: Sandbox, tmp_path: Path) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    with (
        running_server(tmp_path, GOKART_EVENT_RETENTION_DAYS="50") as server,
        server.client() as http,
    ):
        forgetful = msgspec.structs.replace(sandbox, http=http)
        result = forgetful.send("events", [event_record(offer["id"], occurredAt=ago(days)) for days in (49, 51)])
    assert result["accepted"] == 1
    assert [(r["index"], r["field"]) for r in result["rejected"]] == [(1, "occurredAt")]


@pytest.mark.parametrize("met", [True, False], ids=["by a process that made its month", "by another one"])
def test_events_pruned_during_a_request_never_count_again(sandbox: Sandbox, tmp_path: Path, met: bool) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    event = event_record(offer["id"], occurredAt=ago(400))
    sandbox.send("events", [event])

    def slowly() -> Iterator[bytes]:
        body = msgspec.json.encode([event])
        yield body[:5]
        run_cli("prune", sandbox.tenant.slug, GOKART_EVENT_RETENTION_DAYS="50")
        yield body[5:]

    if met:
        result = sandbox.send_body("events", slowly())
    else:
        with running_server(tmp_path) as server, server.client() as http:
            result = msgspec.structs.replace(sandbox, http=http).send_body("events", slowly())
    assert [(r["index"], r["field"]) for r in result["rejected"]] == [(0, "occurredAt")]
    assert sum(row["totalClicks"] for row in sandbox.report(date_from="1970-01-01", date_to="2100-01-01")) == 1


def test_a_month_that_was_dropped_manually_is_created_again(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    execute("DROP TABLE {s}.event_2025_05", schema=sandbox.tenant.schema)
    assert sandbox.send("events", [event_record(offer["id"])])["accepted"] == 1
