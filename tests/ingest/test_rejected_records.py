"""Rejected records are stored as sent, within limits, and each once."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from database.engine import database_url
from ingest import rejected_records
from ingest.events import ingest_events
from ingest.records import Rejection
from ingest.rejected_records import MAX_PAYLOAD, digest_of, reason_of, store_rejected_records, to_rows
from ingest.replay import dismiss, reject_again, resolve
from tenants.tenant import Tenant
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.wait import wait_until


def stored(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [dict(row) for row in execute("SELECT * FROM {s}.rejected_record ORDER BY id", schema=sandbox.tenant.schema)]


def test_a_rejected_record_is_stored_as_sent(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    body = b'[ {"id": "a",  "type":"tap"} ]'
    (rejection,) = sandbox.send_body("events", body)["rejected"]
    sandbox.send("events", [event_record(offer["id"])])
    (row,) = stored(sandbox)
    assert row["payload"] == '{"id": "a",  "type":"tap"}'
    assert (row["kind"], row["record"], row["field"], row["message"]) == (
        "events",
        "a",
        rejection["field"],
        rejection["message"],
    )
    assert (row["times"], row["size"], row["resolved_at"]) == (1, len(row["payload"]), None)
    assert row["first_at"] == row["last_at"]


def test_a_record_that_is_sent_again_is_stored_once(sandbox: Sandbox) -> None:
    record = event_record(str(uuid4()))
    for _ in range(2):
        sandbox.send("events", [record, record])
    (row,) = stored(sandbox)
    assert row["times"] == 4
    assert row["last_at"] > row["first_at"]


def test_records_of_one_reason_have_one_cause(sandbox: Sandbox) -> None:
    sandbox.send("events", [event_record(str(uuid4())) for _ in range(3)])
    sandbox.send("events", [event_record(str(uuid4()))], token=sandbox.create_api_key("ingest"))
    sandbox.send("conversions", [conversion_callback(sandbox, str(uuid4()), offerAdvertiserId=None)])
    rows = stored(sandbox)
    assert len({row["cause"] for row in rows[:3]}) == 1
    assert len({row["cause"] for row in rows}) == 3
    assert rows[0]["reason"] == "… is not a known offer"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("7e0b0b1c-5c5c-4d6f-9d0a-0f6d5b1c2a11 is not a known offer", "… is not a known offer"),
        ("'2025-13-01' is not a date-time such as 2025-05-19T15:36:26.846Z", "… is not a date-time"),
        ("2999-05-19T15:36:26Z is more than a day in the future", "… is more than a day in the future"),
        ("-1 must be at least 0 and less than 1000000000", "… must be at least 0 and less than 1000000000"),
        ("is not JSON: invalid character (byte 12)", "is not JSON: invalid character (byte …)"),
        ("'tap' is not one of view, click", "… is not one of view, click"),
        ("is required", "is required"),
    ],
)
def test_a_reason_is_the_message_without_the_values_of_one_record(message: str, reason: str) -> None:
    assert reason_of(message) == reason


def test_a_long_record_is_not_stored_but_its_reason_is(sandbox: Sandbox) -> None:
    too_long = event_record(str(uuid4())) | {"note": "x" * MAX_PAYLOAD}
    sandbox.send("events", [too_long, event_record(str(uuid4()))])
    short, long = sorted(stored(sandbox), key=lambda row: row["size"])
    assert (long["payload"], long["field"]) == (None, "offerId")
    assert long["size"] > MAX_PAYLOAD
    assert short["payload"]


def ingest_here(sandbox: Sandbox, records: list[dict[str, Any]]) -> None:
    """In this process, as a batch of the ingest key."""
    (key,) = execute("SELECT id FROM {s}.api_token WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
    encoded = [msgspec.json.encode(record) for record in records]
    run_in_tenant(
        sandbox.tenant.slug, lambda: ingest_events(sandbox.tenant, encoded, datetime.now(UTC), api_key=key["id"])
    )


def test_what_a_batch_stores_is_bounded(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [event_record(str(uuid4())) for _ in range(3)]
    monkeypatch.setattr(rejected_records, "MAX_BATCH_PAYLOADS", 2 * len(msgspec.json.encode(records[0])))
    ingest_here(sandbox, records)
    assert sorted(row["payload"] is None for row in stored(sandbox)) == [False, False, True]


def test_the_records_stored_of_one_cause_are_limited(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rejected_records, "MAX_OF_CAUSE", 2)
    known = [event_record(str(uuid4())) for _ in range(2)]
    ingest_here(sandbox, known)
    ingest_here(sandbox, [known[0], event_record(str(uuid4()))])
    assert sorted(row["times"] for row in stored(sandbox)) == [1, 2]


def test_text_that_the_database_cannot_store_is_replaced(sandbox: Sandbox) -> None:
    sandbox.send_body("events", b'{"id": "\xff\x00"}\n{"id": "x"}')
    assert {row["payload"] for row in stored(sandbox)} == {'{"id": "\ufffd\ufffd"}', '{"id": "x"}'}


Work = Callable[[Tenant, list[dict[str, Any]]], Awaitable[object]]


@pytest.mark.one_server("it looks for a waiting session, which is on the node")
@pytest.mark.parametrize(
    "work",
    [
        lambda tenant, rows: resolve(tenant, [row["id"] for row in rows]),
        lambda tenant, rows: dismiss(tenant, cause=rows[0]["cause"]),
        lambda tenant, rows: reject_again(
            tenant, "events", rows[0]["token"], [(row["id"], Rejection(0, None, "id", "is wrong")) for row in rows]
        ),
    ],
    ids=["resolve", "dismiss", "reject again"],
)
def test_staff_and_a_sender_who_sends_records_again_do_not_deadlock(sandbox: Sandbox, work: Work) -> None:
    """The sender's transaction has the record with the smallest digest, which was stored last, and goes on to the first
    one while staff wait.
    """
    (key,) = execute("SELECT id FROM {s}.api_token WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
    records = [msgspec.json.encode(event_record(str(uuid4()))) for _ in range(4)]
    records.sort(key=lambda record: digest_of("events", key["id"], record.decode()), reverse=True)
    for record in records:
        sandbox.send_body("events", record)
    rows = stored(sandbox)
    rejected = [Rejection(n, row["record"], row["field"], row["message"]) for n, row in enumerate(rows)]

    async def send_again(db: asyncpg.Connection, rejection: Rejection) -> None:
        again = to_rows("events", key["id"], [rejection], records)
        await store_rejected_records(db, sandbox.tenant.schema, "events", key["id"], again, now=datetime.now(UTC))

    def staff_wait() -> bool:
        sql = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1"
        return bool(execute(sql, f"%{sandbox.tenant.schema}.rejected_record%"))

    async def both() -> None:
        sender = await asyncpg.connect(database_url())
        try:
            async with sender.transaction():
                await send_again(sender, rejected[-1])
                staff = asyncio.ensure_future(work(sandbox.tenant, rows))
                await asyncio.to_thread(wait_until, staff_wait)
                await send_again(sender, rejected[0])
            await staff
        finally:
            await sender.close()

    run_in_tenant(sandbox.tenant.slug, both)
    assert [row["times"] for row in stored(sandbox)] == [2, 1, 1, 2]
