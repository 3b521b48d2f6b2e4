"""The next month of the ledger is created in advance for tenants with events."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import msgspec

from ingest.partitions import create_next_month, drop_old_months
from tests.support.app_calls import run
from tests.support.database import execute
from tests.support.sandbox import Sandbox, event_record, offer_record
from tests.support.servers import run_cli, running_server


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


def months_before_2026(count: int) -> list[str]:
    """A time in each of the last months of 2025 and before, the latest first."""
    return [f"{2025 - n // 12}-{12 - n % 12:02}-05T10:00:00Z" for n in range(count)]


def test_events_of_too_many_months_in_one_call_are_rejected(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    times = months_before_2026(30)
    events = [event_record(offer["id"], occurredAt=at) for at in times]
    result = sandbox.send("events", events)
    assert (result["accepted"], result["duplicates"]) == (24, 0)
    assert [(r["index"], r["id"], r["field"]) for r in result["rejected"]] == [
        (n, events[n]["id"], "occurredAt") for n in range(24, 30)
    ]
    assert "before 2024-01" in result["rejected"][0]["message"]
    assert "24 months" in result["rejected"][0]["message"]
    assert months(sandbox) == sorted(at[:7].replace("-", "_") for at in times[:24])
    again = sandbox.send("events", events[24:])
    assert (again["accepted"], again["rejected"]) == (6, [])


def test_a_call_for_every_month_since_1970_creates_few_partitions(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    result = sandbox.send("events", [event_record(offer["id"], occurredAt=at) for at in months_before_2026(672)])
    assert (result["accepted"], len(result["rejected"])) == (24, 648)
    assert len(months(sandbox)) == 24
    assert "before 2020-01-01" in result["rejected"][-1]["message"]


def test_rejected_events_create_no_partition(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    good = event_record(offer["id"])
    rejected = [
        event_record(offer["id"], occurredAt="2024-01-01T00:00:00Z", partnerId=str(uuid4())),
        event_record(str(uuid4()), occurredAt="2024-02-01T00:00:00Z"),
        event_record(offer["id"], occurredAt="2024-03-01T00:00:00Z", type="sale"),
        event_record(offer["id"], occurredAt="2019-12-31T23:59:59Z"),
    ]
    result = sandbox.send("events", [*rejected, good])
    assert (result["accepted"], [r["index"] for r in result["rejected"]]) == (1, [0, 1, 2, 3])
    assert months(sandbox) == ["2025_05"]


def test_a_file_may_have_events_of_many_months(sandbox: Sandbox, tmp_path: Path) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    file = tmp_path / "events.json"
    file.write_bytes(msgspec.json.encode([event_record(offer["id"], occurredAt=at) for at in months_before_2026(30)]))
    assert "30 accepted, 0 duplicates, 0 rejected" in run_cli("import", sandbox.tenant.slug, "events", str(file))
    assert len(months(sandbox)) == 30


def test_the_oldest_date_of_events_is_a_setting_and_drops_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    with running_server(tmp_path, GOKART_OLDEST_EVENT_DATE="2015-02-01") as server, server.client() as http:
        other = msgspec.structs.replace(sandbox, http=http)
        times = ("2015-01-31T23:59:59Z", "2015-02-01T00:00:00Z")
        result = other.send("events", [event_record(offer["id"], occurredAt=at) for at in times])
    assert (result["accepted"], [r["index"] for r in result["rejected"]]) == (1, [0])
    assert not run(lambda: drop_old_months(sandbox.tenant, datetime.now(UTC)))  # with the default oldest date
    assert months(sandbox) == ["2015_02"]
