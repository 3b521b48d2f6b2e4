"""What is recorded about changes to past figures, in the transaction that makes them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.support.database import execute
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record

HOURS = """
SELECT offer, date_trunc('hour', bucket, 'UTC') AS bucket, partner, sum(conversions)::int AS conversions,
    sum(clicks)::int AS clicks, sum(views)::int AS views, sum(cost)::bigint AS cost
FROM {s}.by_quarter GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
RESTATEMENTS = """
SELECT bucket, conversions, clicks, cost, late, cause FROM {s}.restatement ORDER BY xid, bucket
"""


def days_ago(days: int, hour: int = 12) -> datetime:
    now = datetime.now(UTC)
    return now.replace(hour=hour, minute=0, second=0, microsecond=0) - timedelta(days=days)


@pytest.fixture
def offer(sandbox: Sandbox) -> str:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    return str(offer["id"])


def click(offer: str, at: datetime) -> dict[str, Any]:
    return event_record(offer, type="click", occurredAt=at.isoformat())


def test_hours_are_the_sums_of_their_quarters(sandbox: Sandbox, offer: str) -> None:
    times = [days_ago(3) + timedelta(minutes=minutes) for minutes in (0, 14, 15, 45, 59, 60, 180)]
    sandbox.send("events", [click(offer, at) for at in times])
    sandbox.send("conversions", [conversion_callback(sandbox, offer, revenue="1.5", created_at=str(times[1]))])
    schema = sandbox.tenant.schema
    hours = execute("SELECT * FROM {s}.by_hour ORDER BY offer, bucket, partner", schema=schema)
    assert len(hours) >= 3
    assert hours == execute(HOURS.replace("{s}", schema))


def test_only_changes_to_days_that_have_ended_are_logged(sandbox: Sandbox, offer: str) -> None:
    """The last 15 minutes of a day count as ended, so the day in an hour never does."""
    yesterday, in_an_hour = days_ago(1), datetime.now(UTC) + timedelta(hours=1)
    sandbox.send("events", [click(offer, in_an_hour), click(offer, yesterday), click(offer, yesterday)])
    (logged,) = execute(RESTATEMENTS, schema=sandbox.tenant.schema)
    assert logged == {
        "bucket": yesterday, "conversions": 0, "clicks": 2, "cost": 0, "late": False, "cause": "callback",
    }  # fmt: skip


def test_a_day_that_has_ended_in_the_advertisers_time_zone_is_logged(sandbox: Sandbox, offer: str) -> None:
    """Whatever the time is, yesterday has ended there, and is today in UTC for some hours of it or for all."""
    now = datetime.now(UTC)
    zone = "Pacific/Kiritimati"  # 14 hours ahead
    execute("UPDATE {s}.advertiser SET time_zone = $1 WHERE id = $2", zone, sandbox.owner, schema=sandbox.tenant.schema)
    local_midnight = (now + timedelta(hours=14)).replace(hour=0, minute=0, second=0, microsecond=0)
    ended = local_midnight - timedelta(hours=14) - timedelta(minutes=15)
    sandbox.send("events", [click(offer, ended)])
    assert [row["bucket"] for row in execute(RESTATEMENTS, schema=sandbox.tenant.schema)] == [ended]


def test_a_change_to_a_final_day_is_late(sandbox: Sandbox, offer: str) -> None:
    sandbox.send("events", [click(offer, days_ago(30)), click(offer, days_ago(31))])
    schema = sandbox.tenant.schema
    assert [row["late"] for row in execute(RESTATEMENTS, schema=schema)] == [True, False]
    days = execute("SELECT bucket, late FROM {s}.changed_day ORDER BY bucket", schema=schema)
    assert days == [{"bucket": days_ago(31).date(), "late": True}, {"bucket": days_ago(30).date(), "late": False}]
    execute("UPDATE {s}.setting SET final_after_days = 40", schema=schema)
    sandbox.send("events", [click(offer, days_ago(31)), click(offer, days_ago(40)), click(offer, days_ago(41))])
    assert [row["late"] for row in execute(RESTATEMENTS, schema=schema)][-3:] == [True, False, False]
    days = execute("SELECT late FROM {s}.changed_day ORDER BY bucket", schema=schema)
    assert [row["late"] for row in days] == [True, False, True, False]  # once late, a day stays late


def test_a_time_zone_that_does_not_exist_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(Exception, match="Mars/Olympus is not the IANA name of a time zone"):
        execute("UPDATE {s}.advertiser SET time_zone = 'Mars/Olympus'", schema=sandbox.tenant.schema)


def test_earlier_states_of_a_conversion_are_kept(sandbox: Sandbox, offer: str) -> None:
    first = conversion_callback(sandbox, offer, revenue="1.5", sent_at="2025-06-01T00:00:00Z")
    changed = first | {"sentAt": "2025-06-02T00:00:00Z", "conversion": first["conversion"] | {"status": "Rejected"}}
    again = changed | {"sentAt": "2025-06-03T00:00:00Z"}
    for callback in (first, changed, again):
        assert sandbox.send("conversions", [callback])["accepted"] == 1
    schema = sandbox.tenant.schema
    (kept,) = execute("SELECT * FROM {s}.conversion_history", schema=schema)
    (present,) = execute("SELECT changed_at, cause, status FROM {s}.conversion", schema=schema)
    assert (kept["status"], kept["cost"], kept["cause"]) == ("Success", 1_500_000, "callback")
    assert (kept["until"], present["status"], present["cause"]) == (present["changed_at"], "Rejected", "callback")


def test_a_move_of_an_offer_is_recorded(sandbox: Sandbox, offer: str) -> None:
    moved = "UPDATE {s}.offer SET advertiser = $1 WHERE id = $2"
    execute(moved, sandbox.rival, UUID(offer), schema=sandbox.tenant.schema)
    (move,) = execute("SELECT from_advertiser, to_advertiser FROM {s}.offer_move", schema=sandbox.tenant.schema)
    assert move == {"from_advertiser": sandbox.owner, "to_advertiser": sandbox.rival}


def test_what_the_last_release_writes_is_recorded_too(sandbox: Sandbox, offer: str) -> None:
    """It writes quarters and marks only, and repeats the marks' other columns as they are."""
    schema = sandbox.tenant.schema
    sandbox.send("events", [click(offer, days_ago(2)), click(offer, days_ago(31))])
    before = execute("SELECT xid::text FROM {s}.changed_day", schema=schema)
    execute("UPDATE {s}.by_quarter SET clicks = clicks + 1", schema=schema)
    execute("UPDATE {s}.changed_day SET version = version + 1", schema=schema)
    execute("UPDATE {s}.changed_month SET version = version + 1", schema=schema)
    hours = execute("SELECT * FROM {s}.by_hour ORDER BY offer, bucket, partner", schema=schema)
    assert [hour["clicks"] for hour in hours] == [2, 2]
    assert hours == execute(HOURS.replace("{s}", schema))
    logged = execute(RESTATEMENTS, schema=schema)[2:]
    assert [(row["bucket"], row["clicks"], row["late"]) for row in logged] == [
        (days_ago(31), 1, True), (days_ago(2), 1, False),
    ]  # fmt: skip
    marks = [
        execute(f"SELECT xid::text FROM {{s}}.{table}", schema=schema) for table in ("changed_day", "changed_month")
    ]
    assert not {row["xid"] for rows in marks for row in rows} & {row["xid"] for row in before}
