"""The fast parser of callbacks has the results of the strict one, or leaves the batch to it."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.conversion_batches import ConversionBatch, parse_fast, parse_strict
from tests.ingest.test_event_batches import ODD_TIMES, RARELY, spellings, times, usually
from tests.support.examples import EXAMPLES

NOW = datetime(2025, 3, 10, tzinfo=UTC)
ID = str(UUID(int=0xA1))
ODD_TEXTS = ["", None, 7, True, 2.5, "x" * 201, "x" * 501, "a\x00b", "\U0001f600\n", ["x"], {"x": "y"}]
REVENUES = ["60", "0", "0.1234565", "12.50", "1e2", "999999999.9999994", "null", '"12.5"', '"1e-7"']
ODD_REVENUES = [
    "-1",
    "-0.0",
    "1e400",
    "1e9999999999999999999",
    "1000000000",
    "999999999.9999996",
    "true",
    '"x"',
    "[1]",
    "12345678901234567890123",
]
NAMES = ["offerName", "offerAdvertiserName", "partnerName"]
DETAILS = [
    "offerCountryCode2", "offerCountryCode3", "offerCategoryId", "offerCategoryName", "eventId", "eventName",
    "pubGeoCountry", "pubDevice", "pubClickId",
]  # fmt: skip


def pairs_of(values: dict[str, st.SearchStrategy[Any]], draw: st.DrawFn) -> list[tuple[str, bytes]]:
    """Keys and values as JSON, in any order. Rarely a key is missing, repeated, or in PascalCase."""
    pairs = draw(st.permutations([(key, draw(value)) for key, value in values.items()]))
    pairs = [(key, value if isinstance(value, bytes) else msgspec.json.encode(value)) for key, value in pairs]
    if draw(RARELY):
        pairs = pairs[1:]
    if draw(RARELY):
        pairs = [(pairs[-1][0], draw(st.sampled_from([b"null", b'"x"', b"7", pairs[0][1]]))), *pairs]
    if draw(RARELY):
        key, value = pairs[0]
        pairs = [*draw(st.sampled_from([pairs[1:], pairs])), (key[0].upper() + key[1:], value)]
    return pairs


def to_json(pairs: list[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join(msgspec.json.encode(key) + b":" + value for key, value in pairs) + b"}"


@st.composite
def callbacks(draw: st.DrawFn) -> bytes:
    id_ = st.uuids().map(str)
    odd_id, odd_time = st.sampled_from(spellings(ID)), st.sampled_from(ODD_TIMES)
    conversion = {
        "conversionId": usually(id_, odd_id),
        "status": usually(st.sampled_from(["Success", "Pending", "Rejected"]), st.sampled_from(["success", None, 1])),
        "offerId": usually(id_, odd_id),
        "revenue": usually(st.sampled_from(REVENUES), st.sampled_from(ODD_REVENUES)).map(str.encode),
        "userCompletedAt": usually(st.none() | times(), odd_time),
        "createdAt": usually(times(), odd_time),
        "rejectionReason": usually(st.none() | st.just("Fraud"), st.sampled_from(ODD_TEXTS)),
        "other": st.sampled_from([None, 5, "\\", {"id": "x"}]),
        **dict.fromkeys(["offerAdvertiserId", "partnerId", "clickId"], usually(st.none() | id_, odd_id)),
        **dict.fromkeys(NAMES + DETAILS, usually(st.none() | st.just("Straße"), st.sampled_from(ODD_TEXTS))),
    }
    callback = {
        "id": usually(id_, st.none() | odd_id),
        "sentAt": usually(times(), odd_time),
        "conversion": st.just(to_json(pairs_of(conversion, draw))),
    }
    return to_json(pairs_of(callback, draw))


def usual_callback(**changes: Any) -> bytes:
    conversion = {
        "conversionId": ID, "status": "Success", "offerId": ID, "offerName": "Test", "offerAdvertiserId": ID,
        "partnerId": ID, "clickId": ID, "revenue": 60.5, "createdAt": "2025-03-01T10:00:00.1234567+00:00",
        "offerCountryCode2": "DE", "eventName": "Deposit",
    }  # fmt: skip
    return msgspec.json.encode({"id": ID, "sentAt": "2025-03-02T10:00:00.1234567Z", "conversion": conversion | changes})


def columns(batch: ConversionBatch) -> list[Any]:
    return [list(column) for column in msgspec.structs.astuple(batch)]


def compare(records: list[bytes]) -> bool:
    """Whether the fast parser takes the records."""
    fast = parse_fast(records, NOW)
    if fast is None:
        return False
    strict, rejections = parse_strict(records, NOW)
    assert (columns(fast), rejections) == (columns(strict), [])
    return True


@settings(max_examples=20 * EXAMPLES, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=st.lists(callbacks(), min_size=1, max_size=3))
def test_both_parsers_have_the_same_result(records: list[bytes]) -> None:
    compare(records)


@pytest.mark.parametrize("revenue", REVENUES)
def test_usual_callbacks_are_parsed_fast(revenue: str) -> None:
    usual = usual_callback(revenue=msgspec.Raw(revenue.encode()))
    without_id = usual.replace(b'"id"', b'"other"', 1)
    assert compare([usual, without_id, usual.replace(ID.encode(), ID.upper().encode())])


def test_of_a_key_in_both_spellings_the_last_counts() -> None:
    other = str(UUID(int=5))
    record = usual_callback()[:-1] + f',"Id":"{other}"}}'.encode()
    assert parse_fast([record], NOW) is None
    batch, _ = parse_strict([record], NOW)
    assert batch.callbacks == [other]
