"""A batch of conversion callbacks → columns of the valid ones, and the rejections.

As for events (`ingest.event_batches`), a batch without anything unusual is parsed and checked as a whole. Otherwise the
whole batch is parsed again record by record, so the fast path never decides what is accepted or what a rejection says.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw

from catalog.conversion_details import MAX_DETAIL, ConversionDetails
from core.timestamps import EPOCH, ticks
from ingest.batches import parse_records
from ingest.event_batches import DASHED_IDS, TIMES, all_match
from ingest.records import (
    INVALID_JSON,
    MAX_FUTURE,
    ConversionStatus,
    Record,
    RecordError,
    Rejection,
    content_id,
    generic_decoder,
    parse_conversion,
    parse_cost,
    without_pascal_case,
)

NUL = rb"\u0000"  # as escaped in JSON


class ConversionBatch(msgspec.Struct, gc=False):
    """Columns of equal length. Ids are UUIDs as text, with dashes and in lower case. `indexes` are of the records in
    the batch as sent, `seconds` since 1970. A partner that is None is the tenant itself. A callback's rank is its
    `sent_ticks` and its own id, `callbacks`.
    """

    indexes: Sequence[int]
    ids: list[str]
    sent_ticks: list[int]
    callbacks: list[str]
    seconds: list[float]
    costs: list[int]
    statuses: list[ConversionStatus]
    rejection_reasons: list[str | None]
    clicks: list[str | None]
    details: list[str | None]  # JSON
    offers: list[str]
    partners: list[str | None]
    advertisers: list[str | None]
    offer_names: list[str | None]
    partner_names: list[str | None]
    advertiser_names: list[str | None]

    def select(self, positions: Collection[int]) -> "ConversionBatch":
        """The callbacks at these positions of the columns."""
        return ConversionBatch(*([column[n] for n in positions] for column in msgspec.structs.astuple(self)))


def parse_conversions(records: Sequence[Record], now: datetime) -> tuple[ConversionBatch, list[Rejection]]:
    """CPU-bound: call it in a thread."""
    batch = parse_fast(records, now)
    return (batch, []) if batch else parse_strict(records, now)


def parse_strict(records: Sequence[Record], now: datetime) -> tuple[ConversionBatch, list[Rejection]]:
    parsed, rejections = parse_records(records, lambda record: parse_conversion(record, now))
    valid = [conversion for _, _, conversion in parsed]
    batch = ConversionBatch(
        indexes=[index for index, _, _ in parsed],
        ids=[str(one.id) for one in valid],
        sent_ticks=[one.rank[0] for one in valid],
        callbacks=[str(one.rank[1]) for one in valid],
        seconds=[one.occurred_at.timestamp() for one in valid],
        costs=[one.cost for one in valid],
        statuses=[one.status for one in valid],
        rejection_reasons=[one.rejection_reason for one in valid],
        clicks=[str(one.click) if one.click else None for one in valid],
        details=[one.details for one in valid],
        offers=[str(one.offer) for one in valid],
        partners=[str(one.partner) if one.partner else None for one in valid],
        advertisers=[str(one.advertiser) if one.advertiser else None for one in valid],
        offer_names=[one.offer_name for one in valid],
        partner_names=[one.partner_name for one in valid],
        advertiser_names=[one.advertiser_name for one in valid],
    )
    return batch, rejections


RawName = Annotated[str, Meta(min_length=1, max_length=500)] | None
RawDetail = Annotated[str, Meta(max_length=MAX_DETAIL)] | None


class RawConversion(msgspec.Struct, rename="camel", gc=False):
    """A conversion whose ids, times and revenue are not checked yet."""

    conversion_id: str
    status: ConversionStatus
    offer_id: str
    offer_name: RawName = None
    offer_advertiser_id: str | None = None
    offer_advertiser_name: RawName = None
    partner_id: str | None = None
    partner_name: RawName = None
    revenue: Raw = Raw(b"null")
    user_completed_at: str | None = None
    created_at: str | None = None
    rejection_reason: Annotated[str, Meta(max_length=10_000)] | None = None
    click_id: str | None = None
    offer_country_code2: RawDetail = None
    offer_country_code3: RawDetail = None
    offer_category_id: RawDetail = None
    offer_category_name: RawDetail = None
    event_id: RawDetail = None
    event_name: RawDetail = None
    pub_geo_country: RawDetail = None
    pub_device: RawDetail = None
    pub_click_id: RawDetail = None


class RawCallback(msgspec.Struct, rename="camel", gc=False):
    sent_at: str
    conversion: RawConversion
    id: str | None = None


raw_callback_decoder = msgspec.json.Decoder(
    without_pascal_case(RawCallback, conversion=without_pascal_case(RawConversion))
)


def parse_fast(records: Sequence[Record], now: datetime) -> ConversionBatch | None:
    """None if any record may be invalid, or may need the lenient parsing of parse_strict."""
    if any(NUL in record for record in records):
        return None
    try:
        callbacks = list(map(raw_callback_decoder.decode, records))
        conversions = [callback.conversion for callback in callbacks]
        revenues = [bytes(one.revenue) for one in conversions]
        costs = {revenue: parse_cost("", generic_decoder.decode(revenue)) for revenue in set(revenues)}
        sent = [callback.sent_at for callback in callbacks]
        occurred = [one.user_completed_at or one.created_at or "" for one in conversions]
        if not (callbacks and all_match(TIMES, sent) and all_match(TIMES, occurred)):
            return None
        sent_at = list(map(datetime.fromisoformat, sent))
        occurred_at = list(map(datetime.fromisoformat, occurred))
        times = sent_at + occurred_at
        if min(times) < EPOCH or max(times) > now + MAX_FUTURE:
            return None
    except (*INVALID_JSON, RecordError, ValueError, OverflowError):
        return None
    batch = ConversionBatch(
        indexes=range(len(callbacks)),
        ids=[one.conversion_id.lower() for one in conversions],
        sent_ticks=list(map(ticks, sent, sent_at)),
        callbacks=[
            str(content_id(record)) if callback.id is None else callback.id.lower()
            for record, callback in zip(records, callbacks, strict=True)
        ],
        seconds=[at.timestamp() for at in occurred_at],
        costs=[costs[revenue] for revenue in revenues],
        statuses=[one.status for one in conversions],
        rejection_reasons=[one.rejection_reason for one in conversions],
        clicks=[one.click_id and one.click_id.lower() for one in conversions],
        details=details_of_all(conversions),
        offers=[one.offer_id.lower() for one in conversions],
        partners=[one.partner_id and one.partner_id.lower() for one in conversions],
        advertisers=[one.offer_advertiser_id and one.offer_advertiser_id.lower() for one in conversions],
        offer_names=[one.offer_name for one in conversions],
        partner_names=[one.partner_name for one in conversions],
        advertiser_names=[one.offer_advertiser_name for one in conversions],
    )
    ids = [*batch.ids, *batch.callbacks, *batch.clicks, *{*batch.offers, *batch.partners, *batch.advertisers}]
    return batch if all_match(DASHED_IDS, [id_ for id_ in ids if id_ is not None]) else None


def details_of_all(conversions: Sequence[RawConversion]) -> list[str | None]:
    """Of each, the details as JSON, or None if there are none."""
    lines = msgspec.json.Encoder().encode_lines(
        [
            ConversionDetails(
                one.offer_country_code2 or one.offer_country_code3 or UNSET,
                one.offer_category_id or UNSET,
                one.offer_category_name or UNSET,
                one.event_id or UNSET,
                one.event_name or UNSET,
                one.pub_geo_country or UNSET,
                one.pub_device or UNSET,
                one.pub_click_id or UNSET,
            )
            for one in conversions
        ]
    )
    return [None if line == "{}" else line for line in lines.decode().split("\n")[:-1]]
