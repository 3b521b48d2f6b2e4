"""The health of intake by sender and hour."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest.health import SHOWN, IntakeHealth, SenderHealth, read_intake_health
from tests.support.app_calls import run_in_tenant
from tests.support.database import execute
from tests.support.sandbox import Sandbox, event_record, offer_record

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


def health(sandbox: Sandbox, now: datetime | None = NOW) -> IntakeHealth:
    return run_in_tenant(sandbox.tenant.slug, lambda: read_intake_health(sandbox.tenant, now))


def sender(sandbox: Sandbox, hours_ago: list[float]) -> SenderHealth:
    """The health of the only ingest key after a batch at each of these times."""
    execute("DELETE FROM {s}.intake", schema=sandbox.tenant.schema)
    execute(
        """
        INSERT INTO {s}.intake (received_at, kind, token, accepted, duplicates, rejected)
        SELECT at, 'events', (SELECT id FROM {s}.api_token WHERE advertiser IS NULL), 3, 2, 1
        FROM unnest($1::timestamptz[]) AS at
        """,
        [NOW - timedelta(hours=hours) for hours in hours_ago],
        schema=sandbox.tenant.schema,
    )
    (found,) = health(sandbox).senders
    return found


def test_it_counts_by_sender_and_hour(sandbox: Sandbox) -> None:
    found = sender(sandbox, [0, 0.25, 1, 47, 48.6])
    assert len(found.hours) == SHOWN
    assert [(hour.hour, hour.batches) for hour in found.hours if hour.batches] == [
        (NOW - timedelta(hours=47, minutes=30), 1),
        (NOW - timedelta(hours=1, minutes=30), 1),
        (NOW - timedelta(minutes=30), 2),
    ]
    assert (found.accepted, found.duplicates, found.rejected) == (12, 8, 4)
    assert found.last_at == NOW
    assert health(sandbox).accepted == 12


@pytest.mark.parametrize(
    ("hours_ago", "state"),
    [
        ([], "unused"),
        ([1], "receiving"),
        ([5], "quiet"),
        ([5, 6, 7, 8, 9, 10], "stopped"),
        ([1.9, 3, 4, 5, 6, 7], "receiving"),
        ([5, 8, 11, 14, 17, 20], "receiving"),
        ([7, 10, 13, 16, 19, 22], "stopped"),
        ([n * 24 + 20 for n in range(6)], "receiving"),
        ([n * 24 + 50 for n in range(5)], "quiet"),
        ([n * 20 + 45 for n in range(6)], "stopped"),
        ([200], "quiet"),
    ],
)
def test_a_regular_sender_that_is_silent_for_long_has_stopped(
    module_sandbox: Sandbox, hours_ago: list[float], state: str
) -> None:
    assert sender(module_sandbox, hours_ago).state == state


def test_corrections_files_and_replays_are_not_senders(sandbox: Sandbox) -> None:
    execute(
        "INSERT INTO {s}.intake (kind, received_at, accepted, duplicates, rejected) VALUES ('events', $1, 5, 0, 5)",
        NOW,
        schema=sandbox.tenant.schema,
    )
    found = health(sandbox)
    assert (found.accepted, found.rejected) == (0, 0)


def test_a_rotated_key_does_not_count_as_stopped(sandbox: Sandbox) -> None:
    assert sender(sandbox, [5, 6, 7, 8, 9, 10]).state == "stopped"
    execute(
        """
        INSERT INTO {s}.api_token (name, digest, hint, scopes, created_by, replaces)
        SELECT 'new', sha256('new'), 'x', scopes, 'test', id FROM {s}.api_token WHERE advertiser IS NULL
        """,
        schema=sandbox.tenant.schema,
    )
    assert sorted(one.state for one in health(sandbox).senders) == ["replaced", "unused"]


def test_a_key_that_no_longer_works_is_shown_while_it_has_batches(sandbox: Sandbox) -> None:
    sender(sandbox, [5])
    execute("UPDATE {s}.api_token SET revoked_at = now() WHERE advertiser IS NULL", schema=sandbox.tenant.schema)
    assert [one.state for one in health(sandbox).senders] == ["inactive"]
    assert health(sandbox, NOW + timedelta(days=3)).senders == []


def test_the_default_time_is_now(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"]), event_record("x")])
    (found,) = health(sandbox, None).senders
    assert (found.state, found.accepted, found.rejected) == ("receiving", 2, 1)
