"""The fast and the strict parser accept and reject the same records with the same messages."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.database import execute
from tests.support.examples import EXAMPLES
from tests.support.sandbox import SINGULAR, Sandbox, event_record, offer_record

OFFERS = [str(UUID(int=n)) for n in (0xA1, 0xB2)]
PARTNERS = [str(UUID(int=n)) for n in (0xC3, 0xD4)]
UNKNOWN = str(UUID(int=0xE5))
WRONG = {"type": "neither"}


def spellings(id_: str) -> list[Any]:
    return [
        id_, id_.upper(), id_.replace("-", ""), f"{{{id_}}}", f"urn:uuid:{id_}", f"{id_}\n{id_}", f"{id_}\n", f" {id_}",
        id_[:-1], f"{id_[:-1]}g", id_.replace("-", "", 1) + "-", f"{id_[:-1]}\u0663", "", None, 5, [id_],
    ]  # fmt: skip


def usually(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 9 + [odd]).flatmap(lambda chosen: chosen)


RARELY = st.sampled_from([False] * 9 + [True])
OFFSETS = ["Z", "z", "", "+00:00", "-05:30", "+23:59", "+0100", "+02", "+25:00", " Z"]
DECIMALS = ["", ".5", ".", ",25", ".1234567", ".9999995", ".9999999", ".123456789"]


@st.composite
def times(draw: st.DrawFn) -> str:
    at = datetime(2025, 3, 2, tzinfo=UTC) + draw(st.timedeltas(timedelta(), timedelta(days=3)))
    at = draw(st.sampled_from([at, at.replace(hour=23, minute=59, second=59), at.replace(minute=14, second=59)]))
    decimals = draw(usually(st.sampled_from(["", f".{at:%f}", ".9999999"]), st.sampled_from(DECIMALS)))
    offset = draw(usually(st.just("Z"), st.sampled_from(OFFSETS)))
    between = draw(usually(st.just("T"), st.sampled_from("t ")))
    return f"{at:%Y-%m-%d}{between}{at:%H:%M:%S}{decimals}{offset}"


ODD_TIMES = [
    "2025-03-03T10:15Z", "2025-03-03", "2025-W10-1T10:15:00Z", "20250303T101500Z", "2025-03-03T10:15:60Z",
    "0001-01-01T00:00:00+10:00", "2025-03-03T24:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-10:00",
    "2999-01-01T00:00:00Z", "", None, 1741000000, "now", "2025-03-03T10:15:00Z\n2025-03-03T10:15:00Z",
    "\u0662025-03-03T10:15:00Z", *(f"2025-03-03T23:59:59{d}{o}" for d in DECIMALS for o in OFFSETS),
]  # fmt: skip


def odd_values(id_: str) -> dict[str, list[Any]]:
    return {
        "id": spellings(id_),
        "type": ["Click", "sale", "", None, 1],
        "offerId": [*spellings(OFFERS[0]), UNKNOWN, UNKNOWN.upper()],
        "occurredAt": ODD_TIMES,
        "partnerId": [*spellings(PARTNERS[0]), UNKNOWN, UNKNOWN.upper()],
    }


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """A JSON text. A key may be missing or repeated, and the order of the keys varies."""
    id_ = str(draw(st.uuids()))
    odd = odd_values(id_)
    values = {
        "id": usually(st.just(id_), st.sampled_from(odd["id"])),
        "type": usually(st.sampled_from(["view", "click"]), st.sampled_from(odd["type"])),
        "offerId": usually(st.sampled_from(OFFERS), st.sampled_from(odd["offerId"])),
        "occurredAt": usually(times(), st.sampled_from(odd["occurredAt"])),
        "partnerId": usually(st.sampled_from([None, *PARTNERS]), st.sampled_from(odd["partnerId"])),
        "other": st.sampled_from([None, 5, "\\", {"id": "x"}]),
    }
    pairs = [(key, draw(value)) for key, value in values.items()]
    pairs = draw(st.permutations(pairs))
    if draw(RARELY):
        pairs = pairs[1:]
    if draw(RARELY):
        pairs = [(pairs[-1][0], draw(st.sampled_from([None, "x", 7, pairs[0][1]]))), *pairs]
    return b"{" + b",".join(msgspec.json.encode(k) + b":" + msgspec.json.encode(v) for k, v in pairs) + b"}"


@pytest.fixture(scope="module")
def places(module_sandbox: Sandbox, module_other_sandbox: Sandbox) -> tuple[Sandbox, Sandbox]:
    for sandbox in module_sandbox, module_other_sandbox:
        sandbox.send("offers", [offer_record(sandbox, id=id_, name=f"Offer {id_}") for id_ in OFFERS])
        sandbox.send("partners", [{"id": id_, "name": f"Partner {id_}"} for id_ in PARTNERS])
    return module_sandbox, module_other_sandbox


def ledger(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The ledger's events with UUIDs instead of surrogate ids. The tenant itself, as a partner, is None."""
    return execute(
        """
        SELECT e.id, e.occurred_at, e.is_click, o.id AS offer,
            CASE WHEN p.name LIKE 'Partner %' THEN p.id END AS partner
        FROM {s}.event e JOIN {s}.offer o ON o.key = e.offer JOIN {s}.partner p ON p.key = e.partner
        ORDER BY e.id
        """,
        schema=sandbox.tenant.schema,
    )


def post(sandbox: Sandbox, records: list[bytes], *, lines: bool) -> dict[str, Any]:
    return sandbox.send_body("events", b"\n".join(records) if lines else b"[" + b",".join(records) + b"]")


def send_to_both(places: tuple[Sandbox, Sandbox], sent: list[bytes], *, lines: bool) -> None:
    one, other = places
    alone = post(one, sent, lines=lines)
    mixed = post(other, [*sent, msgspec.json.encode(WRONG)], lines=lines)
    assert mixed["rejected"].pop()["index"] == len(sent)
    assert alone == mixed
    assert ledger(one) == ledger(other)


@pytest.mark.parametrize("key", odd_values(""))
def test_an_unusual_value_gets_the_same_result_next_to_an_invalid_record(
    places: tuple[Sandbox, Sandbox], key: str
) -> None:
    for n in range(len(odd_values("")[key])):
        event = event_record(OFFERS[0], partnerId=PARTNERS[0])
        event[key] = odd_values(event["id"])[key][n]
        send_to_both(places, [msgspec.json.encode(event)], lines=True)


@settings(max_examples=3 * EXAMPLES, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=st.lists(records(), min_size=1, max_size=4), lines=st.booleans())
def test_records_get_the_same_result_next_to_an_invalid_record(
    places: tuple[Sandbox, Sandbox], sent: list[bytes], lines: bool
) -> None:
    send_to_both(places, sent, lines=lines)


@pytest.mark.parametrize("beside", [[], [WRONG]], ids=["alone", "next to an invalid one"])
def test_times_are_stored_to_the_microsecond(sandbox: Sandbox, beside: list[Any]) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    seconds = timedelta(days=690).total_seconds()  # of at most 24 months
    start = datetime.now(UTC) - timedelta(seconds=seconds)
    instants = [
        (start + timedelta(seconds=seconds * n / 500, microseconds=n)).astimezone(
            timezone(timedelta(hours=n % 27 - 13))
        )
        for n in range(500)
    ]
    texts = [at.isoformat(timespec="microseconds") + "" for at in instants]
    events = [event_record(offer["id"], occurredAt=text) for text in texts]
    assert sandbox.send("events", [*events, *beside])["accepted"] == len(events)
    rows = execute("SELECT id::text, occurred_at FROM {s}.event", schema=sandbox.tenant.schema)
    assert {row["id"]: row["occurred_at"] for row in rows} == dict(
        zip([event["id"] for event in events], instants, strict=True)
    )


def test_ids_are_case_insensitive(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    event = event_record(offer["id"])
    shouted = event | {"id": event["id"].upper(), "offerId": event["offerId"].upper()}
    responses = [sandbox.send("events", [one]) for one in (event, shouted)]
    assert [(a["accepted"], a["duplicates"]) for a in responses] == [(1, 0), (0, 1)]


def test_the_last_of_repeated_keys_wins(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    event = msgspec.json.encode(event_record(offer["id"], "click"))
    twice = event.replace(b"{", b'{"type":"view","offerId":"x",', 1)
    assert post(sandbox, [twice], lines=True) == {"accepted": 1, "duplicates": 0, "rejected": []}
    ((_, clicks, views),) = [(r["offerId"], r["totalClicks"], r["totalViews"]) for r in sandbox.report()]
    assert (clicks, views) == (1, 0)


def test_each_event_with_an_unknown_offer_or_partner_is_rejected(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    known = [event_record(offer["id"]) for _ in range(3)]
    no_offer, no_partner = event_record(str(uuid4()).upper()), event_record(offer["id"], partnerId=str(uuid4()))
    result = sandbox.send("events", [known[0], no_offer, known[1], no_partner, known[2]])
    assert result["accepted"] == 3
    assert [(r["index"], r["id"], r["field"], r["message"]) for r in result["rejected"]] == [
        (1, no_offer["id"], "offerId", f"{no_offer['offerId'].lower()} is not a known offer"),
        (3, no_partner["id"], "partnerId", f"{no_partner['partnerId']} is not a known partner"),
    ]


def test_a_batch_may_span_months(sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    times = ["2024-12-31T23:59:59.999Z", "2025-01-01T01:30:00+02:00", "2025-01-01T00:00:00Z", "2025-03-01T00:00:00Z"]
    events = [event_record(offer["id"], occurredAt=at) for at in times]
    assert sandbox.send("events", events)["accepted"] == 4
    response = sandbox.get(SINGULAR, date_from="2024-12-01", date_to="2025-03-31")
    assert [(item["date"], item["clicks"]) for item in response.json()["data"]["items"]] == [
        ("2024-12-31", 2),
        ("2025-01-01", 1),
        ("2025-03-01", 1),
    ]
