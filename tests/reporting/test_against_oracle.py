"""Whatever is sent, in whatever order, by however many senders at once: every report says what the naive model says."""

import csv
import io
import random
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.places import CSV, JSON, SINGULAR, SINGULAR_CSV, Place, an_offer, make_place
from tests.reporting.oracle import Oracle

NUMBER = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
exactly = msgspec.json.Decoder(float_hook=Decimal)

# Where buckets meet: quarters, midnight, months, a leap day, the year; and the last tenth of a microsecond before.
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
    """With seven decimals and any offset, as .NET sends them."""
    minutes = draw(offsets)
    local = draw(instants) + timedelta(minutes=minutes)
    sign, size = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{local:%Y-%m-%dT%H:%M:%S.%f}{draw(st.integers(0, 9))}{sign}{size // 60:02}:{size % 60:02}"


class History(msgspec.Struct):
    """`callbacks` and `events` name offers and partners by number; each sender's are lists of batches."""

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


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(history=histories())
def test_every_report_agrees_with_the_model_and_with_each_other(http: httpx.Client, history: History) -> None:
    place = make_place(http)
    oracle, offer_ids, partner_ids = set_up(place)
    callbacks = [real_callback(c, offer_ids, partner_ids) for c in history.callbacks]
    events = [real_event(e, offer_ids, partner_ids) for e in history.events]
    for callback in callbacks:
        oracle.send(callback)
    for event in events:
        oracle.happen(event)
    send_all(place, callbacks, events, random.Random(history.seed))

    everything = (datetime(2023, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    for first, last in [everything, *history.ranges]:
        check_instants(place, oracle, first, last)
        check_days(place, oracle, first, last)
    check_offer(place, oracle, offer_ids)


def set_up(place: Place) -> tuple[Oracle, list[str], list[str]]:
    """Names that sort differently by code point than by any dictionary; two offers of one name."""
    names = ["Zebra", "apple", "Zebra"]
    mine = [an_offer(place, name=name) for name in names]
    theirs = an_offer(place, place.rival, name="Not yours")
    partners = [{"id": str(UUID(int=n + 1)), "name": name} for n, name in enumerate(['Öl, & "Söhne"', "zoo"])]
    place.send("offers", [*mine, theirs])
    place.send("partners", partners)
    oracle = Oracle(
        {offer["id"]: offer["name"] for offer in mine},
        {p["id"]: p["name"] for p in partners} | {str(place.tenant.id): place.tenant.name},
        str(place.tenant.id),
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


def send_all(place: Place, callbacks: list[Any], events: list[Any], rng: random.Random) -> None:
    """Three senders at once, each with a part of everything in an order of its own, overlapping the others'."""

    def sender(seed: int) -> None:
        mine = random.Random(seed)
        for kind, records in ("conversions", callbacks), ("events", events):
            left = [r for r in records if mine.random() < 0.7]
            mine.shuffle(left)
            while left:
                size = mine.randint(1, 8)
                batch, left = left[:size], left[size:]
                answer = place.send(kind, batch + batch[:1])
                assert answer["rejected"] == []
                assert answer["accepted"] + answer["duplicates"] == len(batch) + 1

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(sender, [rng.random() for _ in range(3)]))
    place.send("conversions", callbacks)  # what the dice left out
    place.send("events", events)
    again = [place.send(kind, records) for kind, records in [("conversions", callbacks), ("events", events)] if records]
    assert [answer["accepted"] for answer in again] == [0] * len(again)


def check_instants(place: Place, oracle: Oracle, first: datetime, last: datetime) -> None:
    """A range of instants covers the quarters of an hour that contain them, and a last midnight all of its day."""
    start = floor_quarter(first)
    midnight = last.time() == datetime.min.time()
    end = last + timedelta(days=1) if midnight else floor_quarter(last) + timedelta(minutes=15)
    params = {"date_from": first.isoformat(), "date_to": last.isoformat()}
    check_reports(place, oracle, params, start, end)


def check_days(place: Place, oracle: Oracle, first: datetime, last: datetime) -> None:
    """Whole days, both inclusive; the sums of Singular's costs are the cost report's revenue."""
    start, end = floor_day(first), floor_day(last) + timedelta(days=1)
    params = {"date_from": f"{first:%Y-%m-%d}", "date_to": f"{last:%Y-%m-%d}"}
    revenue, cost = check_reports(place, oracle, params, start, end)
    assert revenue == cost


def check_reports(
    place: Place, oracle: Oracle, params: dict[str, str], start: datetime, end: datetime
) -> tuple[Decimal, Decimal]:
    rows = oracle.cost_report(start, end, None)
    response = place.get(JSON, **params)
    assert response.headers["gokart-range"] == f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
    assert exactly.decode(response.content)["data"] == rows
    from_csv = list(csv.DictReader(io.StringIO(place.get(CSV, **params).text, newline="")))
    assert from_csv == [{k: plain(v) for k, v in row.items()} for row in rows]
    assert all(NUMBER.fullmatch(row["revenue"]) for row in from_csv)

    items = oracle.singular(start, end)
    from_json = exactly.decode(place.get(SINGULAR, **params).content)["data"]["items"]
    assert [(i["date"], i["campaign_id"], i["partner_id"], i["cost"], i["clicks"]) for i in from_json] == items
    from_csv = list(csv.DictReader(io.StringIO(place.get(SINGULAR_CSV, **params).text, newline="")))
    assert from_csv == [{k: plain(v) for k, v in item.items()} for item in from_json]
    assert all(NUMBER.fullmatch(item["cost"]) for item in from_csv)
    return sum((row["revenue"] for row in rows), Decimal(0)), sum((item[3] for item in items), Decimal(0))


def check_offer(place: Place, oracle: Oracle, offer_ids: list[str]) -> None:
    for offer in offer_ids:
        rows = oracle.cost_report(datetime(2023, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), offer)
        response = place.get(JSON, date_from="2023-01-01", date_to="2025-12-31", offerId=offer)
        assert exactly.decode(response.content)["data"] == rows


def plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(value)


def floor_quarter(at: datetime) -> datetime:
    return at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)


def floor_day(at: datetime) -> datetime:
    return at - timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
