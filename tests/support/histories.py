"""Random histories of records, drawn by Hypothesis, and how senders deliver them: concurrently, out of order, and with
repetitions.
"""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import strategies as st

from tests.support.oracle import Oracle
from tests.support.sandbox import Sandbox, offer_record

# Bucket boundaries (quarter hours, midnight, months, a leap day, the year) and the last microsecond before some.
EDGES = [
    datetime(2024, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 2, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 14, 59, 999_999, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 15, tzinfo=UTC),
    datetime(2024, 12, 31, 23, 45, tzinfo=UTC),
    datetime(2025, 1, 1, tzinfo=UTC),
]
instants = st.one_of(
    st.sampled_from(EDGES),
    st.timedeltas(timedelta(), timedelta(days=369)).map(lambda passed: datetime(2023, 12, 30, tzinfo=UTC) + passed),
)
offsets = st.sampled_from([0, 330, -480, 765])
revenues = st.one_of(
    st.sampled_from([None, 0, 60, "69.50", "0.0000005", "0.0000015", 1e-06, 999_999_999, "999999999.999999"]),
    st.decimals(0, 10_000, places=6).map(str),
    st.decimals(0, 100, places=9).map(str),
    st.integers(0, 1_000_000),
)


@st.composite
def times(draw: st.DrawFn) -> str:
    """A timestamp with seven decimals and any offset, in the format of .NET."""
    minutes = draw(offsets)
    local = draw(instants) + timedelta(minutes=minutes)
    sign, size = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{local:%Y-%m-%dT%H:%M:%S.%f}{draw(st.integers(0, 9))}{sign}{size // 60:02}:{size % 60:02}"


class History(msgspec.Struct):
    """`callbacks` and `events` refer to offers and partners by index. `ranges` exclude their end."""

    callbacks: list[dict[str, Any]]
    events: list[dict[str, Any]]
    ranges: list[tuple[datetime, datetime]]
    seed: int


ids = st.uuids(version=4).map(str)
offers = st.integers(0, 3)  # the last is the rival's
partners = st.sampled_from([None, 0, 1])
statuses = st.sampled_from(["Pending", "Success", "Success", "Rejected"])


@st.composite
def histories(draw: st.DrawFn) -> History:
    conversions = draw(st.lists(ids, min_size=1, max_size=5, unique=True))
    callback = st.fixed_dictionaries(
        {
            "id": ids,
            "sentAt": st.integers(0, 30).map(lambda n: f"2025-03-01T10:00:{n // 10:02}.000000{n % 10}Z"),
            "conversionId": st.sampled_from(conversions),
            "status": statuses,
            "userCompletedAt": st.one_of(st.none(), times()),
            "createdAt": times(),
            "offer": offers,
            "partner": partners,
            "revenue": revenues,
        }
    )
    event = st.fixed_dictionaries(
        {
            "id": ids,
            "type": st.sampled_from(["view", "click"]),
            "offer": offers,
            "partner": partners,
            "occurredAt": times(),
        }
    )
    range_ = st.tuples(instants, instants).map(lambda ends: (min(ends), max(ends)))
    return History(
        draw(st.lists(callback, max_size=20, unique_by=lambda c: c["id"])),
        draw(st.lists(event, max_size=20, unique_by=lambda e: e["id"])),
        draw(st.lists(range_, min_size=1, max_size=3)),
        draw(st.integers(0, 2**32)),
    )


def send_history(sandbox: Sandbox, history: History) -> tuple[Oracle, list[str]]:
    """Sends the history from several concurrent senders. Returns the model of what was sent, and the offers' ids."""
    oracle, offer_ids, partner_ids = set_up(sandbox)
    callbacks = [real_callback(c, offer_ids, partner_ids) for c in history.callbacks]
    events = [real_event(e, offer_ids, partner_ids) for e in history.events]
    for callback in callbacks:
        oracle.send(callback)
    for event in events:
        oracle.happen(event)
    send_all(sandbox, callbacks, events, random.Random(history.seed))
    return oracle, offer_ids


def set_up(sandbox: Sandbox) -> tuple[Oracle, list[str], list[str]]:
    """Creates offers and partners: names that sort differently by code point and by collation, and two equal names."""
    names = ["Zebra", "apple", "Zebra"]
    mine = [offer_record(sandbox, name=name) for name in names]
    theirs = offer_record(sandbox, sandbox.rival, name="Not yours")
    partners = [{"id": str(UUID(int=n + 1)), "name": name} for n, name in enumerate(['Öl, & "Söhne"', "zoo"])]
    sandbox.send("offers", [*mine, theirs])
    sandbox.send("partners", partners)
    oracle = Oracle(
        {offer["id"]: offer["name"] for offer in mine},
        {p["id"]: p["name"] for p in partners} | {str(sandbox.tenant.id): sandbox.tenant.name},
        str(sandbox.tenant.id),
    )
    return oracle, [offer["id"] for offer in [*mine, theirs]], [p["id"] for p in partners]


def real_callback(drawn: dict[str, Any], offer_ids: list[str], partner_ids: list[str]) -> dict[str, Any]:
    conversion = {k: drawn[k] for k in ("conversionId", "status", "userCompletedAt", "createdAt", "revenue")}
    return {
        "id": drawn["id"],
        "sentAt": drawn["sentAt"],
        "conversion": conversion
        | {
            "offerId": offer_ids[drawn["offer"]],
            "partnerId": None if drawn["partner"] is None else partner_ids[drawn["partner"]],
        },
    }


def real_event(drawn: dict[str, Any], offer_ids: list[str], partner_ids: list[str]) -> dict[str, Any]:
    return {
        "id": drawn["id"],
        "type": drawn["type"],
        "occurredAt": drawn["occurredAt"],
        "offerId": offer_ids[drawn["offer"]],
        "partnerId": None if drawn["partner"] is None else partner_ids[drawn["partner"]],
    }


def send_all(sandbox: Sandbox, callbacks: list[Any], events: list[Any], rng: random.Random) -> None:
    """Sends from three concurrent senders. Each sends a random subset in a random order; the subsets overlap."""

    def sender(seed: int) -> None:
        mine = random.Random(seed)
        for kind, records in ("conversions", callbacks), ("events", events):
            left = [r for r in records if mine.random() < 0.7]
            mine.shuffle(left)
            while left:
                size = mine.randint(1, 8)
                batch, left = left[:size], left[size:]
                result = sandbox.send(kind, batch + batch[:1])
                assert result["rejected"] == []
                assert result["accepted"] + result["duplicates"] == len(batch) + 1

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(sender, [rng.random() for _ in range(3)]))
    sandbox.send("conversions", callbacks)  # the records that no sender drew
    sandbox.send("events", events)
    repeated = [
        sandbox.send(kind, records) for kind, records in [("conversions", callbacks), ("events", events)] if records
    ]
    assert [result["accepted"] for result in repeated] == [0] * len(repeated)
