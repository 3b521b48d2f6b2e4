"""A client that follows the changes has the daily report at every quiet point, whatever happens in between."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from tenants.dumps import restore_tenant
from tenants.lifecycle import delete_tenant
from tests.support.app_calls import run
from tests.support.database import execute
from tests.support.follower import Follower, daily_report
from tests.support.held_intake import HeldIntake
from tests.support.sandbox import Sandbox, conversion_callback, event_record, offer_record
from tests.support.wait import wait_for_value

DAY = datetime(2025, 5, 19, 10, tzinfo=UTC)
PARTNERS = ["3fa85f64-5717-4562-b3fc-2c963f66afa6", "7df30136-ff83-4551-b877-fa0f0d8b8f72", None]
ROUNDS = 4
STEPS = 12


def assert_caught_up(*followers: Follower) -> None:
    """Once no transaction is under way; those of other tests may hold up the changes for a while."""

    def are_equal() -> bool:
        for follower in followers:
            follower.catch_up()
        return all(follower.figures() == daily_report(follower.sandbox, follower.token) for follower in followers)

    assert wait_for_value(are_equal, wanted=True)


@pytest.fixture
def offers(sandbox: Sandbox) -> list[str]:
    records = [offer_record(sandbox) for _ in range(6)]
    sandbox.send("offers", records)
    sandbox.send("partners", [{"id": id_, "name": f"Partner {id_[:4]}"} for id_ in PARTNERS if id_])
    return [record["id"] for record in records]


class Sender:
    """Sends random batches, with conversions that are rejected and counted again later."""

    def __init__(self, sandbox: Sandbox, offers: list[str], seed: int) -> None:
        self.sandbox = sandbox
        self.random = Random(seed)
        self.offers = offers
        self.callbacks: list[dict[str, Any]] = []

    def send(self) -> None:
        if self.random.random() < 0.4:
            self.sandbox.send("events", [self.event() for _ in range(self.random.randint(1, 5))])
        else:
            self.sandbox.send("conversions", [self.callback() for _ in range(self.random.randint(1, 3))])

    def event(self) -> dict[str, Any]:
        kind = self.random.choice(["click", "view"])
        return event_record(self.offer(), kind, partnerId=self.random.choice(PARTNERS), occurredAt=self.time())

    def callback(self) -> dict[str, Any]:
        number = len(self.callbacks)
        if self.callbacks and self.random.random() < 0.5:
            old = self.random.choice(self.callbacks)["conversion"]
            callback = conversion_callback(self.sandbox, old["offerId"], **old)
        else:
            revenue = self.random.choice(["0.000001", "69.5", "3"])
            callback = conversion_callback(
                self.sandbox, self.offer(), partnerId=self.random.choice(PARTNERS), revenue=revenue
            )
            callback["conversion"]["offerAdvertiserId"] = None
        callback["sentAt"] = (DAY + timedelta(seconds=number)).isoformat()
        callback["conversion"]["userCompletedAt"] = self.time()
        callback["conversion"]["status"] = self.random.choice(["Success", "Rejected", "Pending", "Success"])
        self.callbacks.append(callback)
        return callback

    def offer(self) -> str:
        return self.random.choice(self.offers)

    def time(self) -> str:
        return (DAY + timedelta(days=self.random.randint(-30, 5))).isoformat()


@pytest.mark.parametrize("seed", range(2))
def test_a_follower_has_the_daily_report_at_every_quiet_point(sandbox: Sandbox, offers: list[str], seed: int) -> None:
    """Concurrent senders, transactions that stay open or roll back, moved offers, and a follower that is killed."""
    random = Random(seed)
    owner, rival = Follower(sandbox, sandbox.owner_key), Follower(sandbox, sandbox.rival_key, limit=100)
    senders = [Sender(sandbox, offers[:3], 2 * seed), Sender(sandbox, offers[2:4], 2 * seed + 1)]
    saved = owner.copy()
    with ThreadPoolExecutor(len(senders)) as threads:
        for _ in range(ROUNDS):
            sending = [threads.submit(lambda s=sender: [s.send() for _ in range(5)]) for sender in senders]  # type: ignore[misc]
            held: list[HeldIntake] = []
            for _ in range(STEPS):
                match random.randrange(6):
                    case 0 if len(held) < 2:
                        (offer, *_) = set(offers[4:]) - {intake.offer for intake in held}
                        held.append(HeldIntake(sandbox))
                        held[-1].click(offer, at=DAY + timedelta(days=random.randint(-30, 5)))
                    case 1 if held:
                        end: Callable[[], None] = random.choice([held[0].commit, held[0].roll_back, held[0].commit])
                        held.pop(0)
                        end()
                    case 2:
                        sandbox.move_offer(random.choice(offers[:3]), random.choice([sandbox.owner, sandbox.rival]))
                    case 3:
                        owner = saved.copy()
                    case _:
                        for _ in range(random.randint(1, 5)):
                            owner.page()
                        saved = owner.copy() if random.random() < 0.5 else saved
                        rival.page()
            for intake in held:
                intake.commit()
            for batches in sending:
                batches.result()
            assert_caught_up(owner, rival)
            saved = owner.copy()
    fresh = Follower(sandbox, sandbox.owner_key, limit=1_000)
    fresh.catch_up()
    assert fresh.rows == owner.rows


def test_a_transaction_that_commits_late_is_in_a_later_page(sandbox: Sandbox, offers: list[str]) -> None:
    follower = Follower(sandbox, sandbox.owner_key)
    late = HeldIntake(sandbox)
    late.click(offers[0], at=DAY)
    sandbox.send("events", [event_record(offers[1], occurredAt="2025-05-20T00:00:00Z")])
    follower.catch_up()
    assert follower.catch_up() == 0
    late.commit()
    assert_caught_up(follower)
    assert {row["offerId"] for row in follower.rows.values()} == set(offers[:2])


def test_one_that_is_rolled_back_is_in_none(sandbox: Sandbox, offers: list[str]) -> None:
    follower = Follower(sandbox, sandbox.owner_key)
    aborted = HeldIntake(sandbox)
    aborted.click(offers[0], at=DAY)
    sandbox.send("events", [event_record(offers[1])])
    follower.catch_up()
    aborted.roll_back()
    assert_caught_up(follower)
    assert {row["offerId"] for row in follower.rows.values()} == {offers[1]}


def test_a_month_that_the_earlier_of_two_transactions_changes_last_is_not_passed_over(
    sandbox: Sandbox, offers: list[str]
) -> None:
    """Its day of the later transaction is above the cursor, although that of the earlier one is below."""
    follower = Follower(sandbox, sandbox.owner_key)
    earlier, running, later = HeldIntake(sandbox), HeldIntake(sandbox), HeldIntake(sandbox)
    later.click(offers[0], at=DAY)
    later.commit()
    earlier.click(offers[0], at=DAY + timedelta(days=1))
    earlier.commit()
    follower.catch_up()
    running.roll_back()
    assert_caught_up(follower)
    assert {row["day"] for row in follower.rows.values()} == {"2025-05-19", "2025-05-20"}


def test_all_is_sent_again_after_a_tenant_was_restored(sandbox: Sandbox, offers: list[str]) -> None:
    sandbox.send("events", [event_record(offer) for offer in offers])
    follower = Follower(sandbox, sandbox.owner_key)
    assert_caught_up(follower)
    schema = sandbox.tenant.schema
    execute("DELETE FROM {s}.by_day WHERE offer = (SELECT min(offer) FROM {s}.by_day)", schema=schema)  # lost
    dump = run(lambda: delete_tenant(sandbox.tenant.slug, keep_dump=True))
    assert dump is not None
    assert run(lambda: restore_tenant(dump, None)) == sandbox.tenant.slug
    dump.unlink()
    page = follower.page()
    assert page["reset"]
    follower.catch_up()
    assert_caught_up(follower)
    assert (follower.resets, len(follower.rows)) == (1, len(offers) - 1)
    sandbox.send("events", [event_record(offers[0])])
    assert_caught_up(follower)
    assert follower.resets == 1
