"""What the background job tells advertiser users, and what it does not."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from core.timestamps import midnight
from notifications.spend import UsualCost
from tests.notifications.support import new_offer, run_job, told
from tests.support.database import execute
from tests.support.people import create_advertiser_user
from tests.support.sandbox import Sandbox, conversion_callback

NOW = datetime.now(UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TODAY = NOW.date()


def set_key(sandbox: Sandbox, **columns: Any) -> None:
    """Changes the owner's key."""
    changes = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 2))
    execute(
        f"UPDATE {{s}}.api_token SET {changes} WHERE advertiser = $1",
        sandbox.owner,
        *columns.values(),
        schema=sandbox.tenant.schema,
    )


def test_an_expiring_key_is_told_seven_days_and_one_day_before(sandbox: Sandbox) -> None:
    anna = create_advertiser_user(sandbox, scopes=["singular"])
    create_advertiser_user(sandbox, sandbox.rival)
    expiry = NOW + 30 * DAY
    set_key(sandbox, expires_at=expiry, created_at=NOW - 60 * DAY, name="Finance <export>")
    titles = []
    for before in (8 * DAY, 7 * DAY, 6 * DAY, 25 * HOUR, DAY, HOUR, -HOUR):
        run_job(sandbox, expiry - before)
        titles.append([each["title"] for each in told(sandbox)])
    week, last = (
        "API key “Finance <export>” expires in less than 7 days",
        "API key “Finance <export>” expires in less than 1 day",
    )
    assert titles == [[], *[[week]] * 3, *[[week, last]] * 3]
    assert told(sandbox) == told(sandbox, anna)
    assert f"stops working on {expiry:%Y-%m-%d %H:%M} UTC. Rotate it" in told(sandbox)[0]["text"]
    assert told(sandbox)[0]["path"] == "/keys"


@pytest.mark.parametrize(
    "columns", [{"revoked_at": NOW}, {"created_at": NOW}, {"expires_at": NOW + 8 * DAY}, {"expires_at": NOW - HOUR}]
)
def test_a_key_that_nobody_needs_to_renew_is_not_told(sandbox: Sandbox, columns: dict[str, Any]) -> None:
    create_advertiser_user(sandbox)
    set_key(sandbox, **({"expires_at": NOW + 5 * DAY, "created_at": NOW - 60 * DAY} | columns))
    run_job(sandbox, NOW)
    assert told(sandbox) == []


def test_a_rotated_key_is_told_if_it_is_still_used(sandbox: Sandbox) -> None:
    create_advertiser_user(sandbox)
    set_key(sandbox, expires_at=NOW + 2 * DAY, created_at=NOW - 60 * DAY)
    execute(
        """
        INSERT INTO {s}.api_token (advertiser, replaces, name, digest, hint, scopes, created_by, created_at)
        SELECT advertiser, id, name, sha256(digest), hint, scopes, 'test', $2 FROM {s}.api_token WHERE advertiser = $1
        """,
        sandbox.owner,
        NOW - 3 * DAY,
        schema=sandbox.tenant.schema,
    )
    run_job(sandbox, NOW)
    assert told(sandbox) == []
    execute(
        "UPDATE {s}.api_token SET last_used_at = $1 WHERE id = (SELECT min(replaces) FROM {s}.api_token)",
        NOW,
        schema=sandbox.tenant.schema,
    )
    run_job(sandbox, NOW)
    assert "A new key has replaced it, but it is still used." in told(sandbox)[0]["text"]


def mark_changed(sandbox: Sandbox, offer: str, day: date, at: datetime) -> None:
    """As if figures of the day had come in until then."""
    execute(
        """
        INSERT INTO {s}.changed_day (offer, bucket, version, changed_at)
        SELECT key, $2, 1, $3 FROM {s}.offer WHERE id = $1
        """,
        UUID(offer),
        day,
        at,
        schema=sandbox.tenant.schema,
    )


def test_data_that_stopped_is_told_once(sandbox: Sandbox) -> None:
    anna = create_advertiser_user(sandbox)
    create_advertiser_user(sandbox, scopes=["singular"])
    offer, last = new_offer(sandbox), TODAY - 3 * DAY
    for n in range(20):
        mark_changed(sandbox, offer, last - n * DAY, midnight(last - n * DAY) + 23 * HOUR)
    stopped = midnight(last) + 23 * HOUR
    run_job(sandbox, stopped + 36 * HOUR)
    assert told(sandbox) == []
    for hours in 37, 38, 100:
        run_job(sandbox, stopped + hours * HOUR)
    (notification,) = told(sandbox)
    assert told(sandbox, anna) == [notification]
    assert notification["text"].startswith(
        f"No views, clicks or conversions have arrived for 1 day 13 hours, since {stopped:%Y-%m-%d} 23:00 UTC. "
        "In the 28 days before, the longest pause was 1 day."
    )


def test_a_usual_pause_is_not_told(sandbox: Sandbox) -> None:
    create_advertiser_user(sandbox)
    offer, last = new_offer(sandbox), TODAY - 5 * DAY
    for n in (0, 1, 2, 3, 7, 8, 9, 10, 14, 15):
        mark_changed(sandbox, offer, last - n * DAY, midnight(last - n * DAY) + HOUR)
    run_job(sandbox, midnight(last) + 5 * DAY)
    assert told(sandbox) == []
    run_job(sandbox, midnight(last) + 6 * DAY + 2 * HOUR)
    assert len(told(sandbox)) == 1


@pytest.mark.parametrize("stop", ["few days", "long ago", "today", "paused"])
def test_a_pause_without_meaning_is_not_told(sandbox: Sandbox, stop: str) -> None:
    create_advertiser_user(sandbox)
    offer = new_offer(sandbox)
    last = {"long ago": TODAY - 40 * DAY, "today": TODAY}.get(stop, TODAY - 5 * DAY)
    for n in range(5 if stop == "few days" else 20):
        mark_changed(sandbox, offer, last - n * DAY, midnight(last - n * DAY) + HOUR)
    if stop == "paused":
        sandbox.set_advertiser(sandbox.owner, status="paused")
    run_job(sandbox, midnight(TODAY) + 23 * HOUR)
    assert told(sandbox) == []


def last_ran(sandbox: Sandbox, at: datetime) -> None:
    execute("UPDATE {s}.notification_progress SET final_days_until = $1", at, schema=sandbox.tenant.schema)


def spend_told(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [each for each in told(sandbox) if each["kind"] == "spend"]


def spend(sandbox: Sandbox, offer: str, costs: list[str], at: datetime) -> None:
    """A conversion at that time, and one for each week before, with these costs. The job has not run since."""
    last_ran(sandbox, NOON - DAY)
    sandbox.send(
        "conversions",
        [
            conversion_callback(
                sandbox, offer, revenue=cost, userCompletedAt=(at - 7 * n * DAY).isoformat(), sent_at=NOW.isoformat()
            )
            for n, cost in enumerate(costs)
        ],
    )


USUAL = ["100", "104", "96", "98", "102", "100", "100", "500"]  # of eight weeks; an outlier does not change it
NOON = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC) - DAY


def test_an_unusual_cost_is_told_with_its_numbers(sandbox: Sandbox) -> None:
    anna = create_advertiser_user(sandbox)
    create_advertiser_user(sandbox, sandbox.rival)
    spend(sandbox, new_offer(sandbox), ["150", *USUAL], NOON)
    run_job(sandbox, NOON + 17 * HOUR)  # 5 hours after the day's end
    assert spend_told(sandbox) == []
    for hours in 18, 19, 30:
        run_job(sandbox, NOON + hours * HOUR)
    (notification,) = spend_told(sandbox)
    assert notification in told(sandbox, anna)
    day = f"{NOON:%a} {NOON.day} {NOON:%b %Y}"
    assert notification["title"] == f"Unusually high cost on {day}: 150.00 USD"
    assert notification["text"] == (
        f"On {day}, the cost was 150.00 USD, 50% more than usual on this weekday: the median of the last 8 weeks is "
        "100.00 USD (of 8 days), and differences of up to 8.90 USD are usual (3 robust standard deviations)."
    )
    assert notification["path"] == f"/?date_from={NOON:%Y-%m-%d}&date_to={NOON:%Y-%m-%d}"


@pytest.mark.parametrize(
    ("cost", "unusual"), [("124", False), ("126", True), ("76", False), ("74", True), (None, True)]
)
def test_small_differences_are_usual(sandbox: Sandbox, cost: str | None, unusual: bool) -> None:
    create_advertiser_user(sandbox)
    spend(sandbox, new_offer(sandbox), [cost or "0", *USUAL], NOON)
    run_job(sandbox, NOON + 18 * HOUR)
    assert bool(spend_told(sandbox)) == unusual


def test_a_day_is_judged_by_the_first_run_after_it_has_settled(sandbox: Sandbox) -> None:
    create_advertiser_user(sandbox)
    offer = new_offer(sandbox)
    spend(sandbox, offer, ["100", *USUAL], NOON)
    run_job(sandbox, NOON + 18 * HOUR)
    sandbox.send("conversions", [conversion_callback(sandbox, offer, revenue="400", userCompletedAt=NOON.isoformat())])
    run_job(sandbox, NOON + 19 * HOUR)
    assert spend_told(sandbox) == []
    last_ran(sandbox, NOON + 17 * HOUR)  # such as when that run failed
    run_job(sandbox, NOON + 20 * HOUR)
    assert len(spend_told(sandbox)) == 1


def test_a_few_weeks_do_not_show_what_is_usual(sandbox: Sandbox) -> None:
    create_advertiser_user(sandbox)
    spend(sandbox, new_offer(sandbox), ["1000", "100", "100", "100"], NOON)
    run_job(sandbox, NOON + 18 * HOUR)
    assert spend_told(sandbox) == []


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata"])
def test_days_are_those_of_the_advertisers_time_zone(sandbox: Sandbox, zone: str) -> None:
    create_advertiser_user(sandbox)
    sandbox.set_advertiser(sandbox.owner, time_zone=zone)
    at = NOON + (14 * HOUR if zone == "America/New_York" else -13 * HOUR)  # of the day in UTC after or before
    spend(sandbox, new_offer(sandbox), ["150", *USUAL], at)
    run_job(sandbox, NOON + 36 * HOUR)
    (notification,) = spend_told(sandbox)
    assert notification["subject"] == str(NOON.date())


def test_what_is_far_from_usual() -> None:
    scattered = UsualCost.of([100_000_000, 50_000_000, 150_000_000, 80_000_000])
    assert scattered.median == 90_000_000
    assert scattered.deviation == pytest.approx(1.4826 * 25_000_000)
    assert not scattered.is_far(200_000_000)
    assert scattered.is_far(202_000_000)
    steady = UsualCost.of([20_000_000] * 8)
    assert [steady.is_far(20_000_000 + more) for more in (-10_000_000, 10_000_000, 10_000_001)] == [False, False, True]


def test_a_change_to_a_final_day_is_told_once(sandbox: Sandbox) -> None:
    anna = create_advertiser_user(sandbox)
    create_advertiser_user(sandbox, scopes=["singular"])
    create_advertiser_user(sandbox, sandbox.rival)
    offer, old, recent = new_offer(sandbox), NOW - 60 * DAY, NOW - 5 * DAY
    callbacks = [
        conversion_callback(sandbox, offer, userCompletedAt=at.isoformat(), revenue="12.5") for at in (old, recent)
    ]
    sandbox.send("conversions", callbacks)
    now = datetime.now(UTC)
    for minutes in 10, 20, 30:
        run_job(sandbox, now + timedelta(minutes=minutes))
    (notification,) = told(sandbox, anna)
    assert told(sandbox) == [notification]
    assert notification["title"] == f"The final figures of {old.day} {old:%b %Y} changed"
    assert "The day was changed after being final: cost +12.50 USD, conversions +1." in notification["text"]
    assert notification["path"] == f"/changes?date={old:%Y-%m-%d}"

    later = callbacks[0]["conversion"] | {"status": "Rejected"}
    sandbox.send("conversions", [callbacks[0] | {"sentAt": NOW.isoformat(), "conversion": later}])
    execute("UPDATE {s}.restatement SET changed_at = $1 WHERE cost < 0", now + HOUR, schema=sandbox.tenant.schema)
    run_job(sandbox, now + 2 * HOUR)
    assert "cost \N{MINUS SIGN}12.50 USD, conversions \N{MINUS SIGN}1" in told(sandbox)[-1]["text"]
    assert len(told(sandbox)) == 2


def test_changes_of_before_the_upgrade_are_not_told(sandbox: Sandbox) -> None:
    create_advertiser_user(sandbox)
    sandbox.send("conversions", [conversion_callback(sandbox, new_offer(sandbox))])
    execute("UPDATE {s}.restatement SET changed_at = $1", NOW - HOUR, schema=sandbox.tenant.schema)
    run_job(sandbox, NOW + HOUR)
    assert told(sandbox) == []


def log_pulls(sandbox: Sandbox, *times: datetime, status: int = 200) -> None:
    """Requests of the owner's Singular."""
    schema = sandbox.tenant.schema
    (key,) = execute("SELECT min(id) AS id FROM {s}.api_token WHERE advertiser = $1", sandbox.owner, schema=schema)
    execute(
        """
        INSERT INTO {s}.request_log (at, advertiser, token, endpoint, status, milliseconds)
        SELECT at, $1, $4, '/api/v1/integrations/cost-report/singular/json', $3, 1 FROM unnest($2::timestamptz[]) AS at
        """,
        sandbox.owner,
        list(times),
        status,
        key["id"],
        schema=schema,
    )


def test_singular_that_stopped_is_told_once(sandbox: Sandbox) -> None:
    anna = create_advertiser_user(sandbox, scopes=["singular"])
    create_advertiser_user(sandbox, scopes=["cost-report"])
    create_advertiser_user(sandbox, sandbox.rival)
    log_pulls(sandbox, *[NOW - n * DAY for n in range(5)])
    run_job(sandbox, NOW + 36 * HOUR)
    assert told(sandbox) == []
    for hours in 37, 50, 100:
        run_job(sandbox, NOW + hours * HOUR)
    (notification,) = told(sandbox)
    assert told(sandbox, anna) == [notification]
    assert notification["title"] == "Singular has stopped reading your costs"
    assert f"The last successful request was on {NOW:%Y-%m-%d %H:%M} UTC, 1 day 13 hours ago" in notification["text"]


def test_singular_that_reads_now_and_then_has_not_stopped(sandbox: Sandbox) -> None:
    create_advertiser_user(sandbox)
    log_pulls(sandbox, NOON, NOON - HOUR, NOON - 3 * DAY)
    run_job(sandbox, NOON + 3 * DAY)
    assert told(sandbox) == []


@pytest.mark.parametrize("before", [True, False])
def test_failing_requests_of_singular_are_told_once(sandbox: Sandbox, before: bool) -> None:
    create_advertiser_user(sandbox)
    if before:
        log_pulls(sandbox, *[NOW - n * DAY for n in range(5)])
    log_pulls(sandbox, NOW + HOUR, NOW + 2 * HOUR, status=403)
    log_pulls(sandbox, NOW + 2 * HOUR, NOW + 3 * HOUR, status=429)
    run_job(sandbox, NOW + 3 * HOUR)
    assert told(sandbox) == []
    log_pulls(sandbox, NOW + 4 * HOUR, status=400)
    for hours in 4, 5, 60:
        run_job(sandbox, NOW + hours * HOUR)
    (notification,) = told(sandbox)
    assert notification["title"] == "Singular's requests are failing"
    assert "3 requests failed since" in notification["text"]
    assert "the last with HTTP status 400 (invalid date range)." in notification["text"]
    assert ("The last successful request was on" if before else "None has been successful yet") in notification["text"]


def test_only_active_users_with_a_password_are_told(sandbox: Sandbox) -> None:
    create_advertiser_user(sandbox, active=False)
    invited = create_advertiser_user(sandbox)
    execute("UPDATE {s}.advertiser_login SET password = NULL WHERE email = $1", invited, schema=sandbox.tenant.schema)
    set_key(sandbox, expires_at=NOW + 5 * DAY, created_at=NOW - 60 * DAY)
    assert run_job(sandbox, NOW) == {"notifications_created": 0, "emails_sent": 0}
