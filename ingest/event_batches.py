"""A batch of views and clicks → columns of the valid ones, and the rejections.

A batch without anything unusual, as nearly all are, is parsed and checked as a whole, mostly in C. Otherwise the whole
batch is parsed again record by record, so the fast path never decides what is accepted or what a rejection says.
"""

import re
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime

import msgspec

from core.timestamps import midnight
from ingest.batches import parse_records, rejection_of
from ingest.records import (
    INVALID_JSON,
    MAX_FUTURE,
    Event,
    EventType,
    Record,
    RecordError,
    Rejection,
    parse_event,
    validated_timestamp,
)


class EventBatch(msgspec.Struct, gc=False):
    """Columns of equal length. Ids are UUIDs as text; those of offers and partners have dashes and are in lower case.

    `seconds` are since 1970: floats are fast to encode, and exact to the microsecond until the year 2242.
    """

    indexes: Sequence[int]  # of the records in the batch as sent
    ids: list[str]
    seconds: list[float]
    offers: list[str]
    partners: list[str | None]  # None: the tenant itself
    clicks: list[bool]
    days: set[date]  # UTC, at least one of each month

    def select(self, positions: Collection[int]) -> "EventBatch":
        """The events at these positions of the columns."""
        seconds = [self.seconds[n] for n in positions]
        return EventBatch(
            [self.indexes[n] for n in positions],
            [self.ids[n] for n in positions],
            seconds,
            [self.offers[n] for n in positions],
            [self.partners[n] for n in positions],
            [self.clicks[n] for n in positions],
            {datetime.fromtimestamp(at, UTC).date() for at in seconds},
        )


def parse_events(records: Sequence[Record], now: datetime, oldest: datetime) -> tuple[EventBatch, list[Rejection]]:
    """CPU-bound: call it in a thread."""
    batch = parse_fast(records, now, oldest)
    return (batch, []) if batch else parse_strict(records, now, oldest)


def parse_strict(records: Sequence[Record], now: datetime, oldest: datetime) -> tuple[EventBatch, list[Rejection]]:
    def parse(record: Record) -> tuple[Event, datetime]:
        event = parse_event(record)
        return event, validated_timestamp("occurredAt", event.occurred_at, now, oldest=oldest)

    parsed, rejections = parse_records(records, parse)
    batch = EventBatch(
        [index for index, _, _ in parsed],
        [str(event.id) for _, _, (event, _) in parsed],
        [at.timestamp() for _, _, (_, at) in parsed],
        [str(event.offer_id) for _, _, (event, _) in parsed],
        [str(event.partner_id) if event.partner_id else None for _, _, (event, _) in parsed],
        [event.type == "click" for _, _, (event, _) in parsed],
        {at.date() for _, _, (_, at) in parsed},
    )
    return batch, rejections


class RawEvent(msgspec.Struct, rename="camel", gc=False):
    """An event whose ids and time are not checked yet."""

    id: str
    type: EventType
    offer_id: str
    occurred_at: str
    partner_id: str | None = None


raw_event_decoder = msgspec.json.Decoder(RawEvent)

# Each pattern matches a text of lines, one for each record.
DASHED = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
DASHED_IDS = re.compile(rf"(?:{DASHED}\n)*")
IDS = re.compile(rf"(?:(?:{DASHED}|[0-9a-fA-F]{{32}})\n)*")
TIMES = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?(?:Z|[+-]\d\d:\d\d)\n)*", re.ASCII)


def parse_fast(records: Sequence[Record], now: datetime, oldest: datetime) -> EventBatch | None:
    """None if any record may be invalid, or may need the lenient parsing of parse_strict."""
    try:
        events = list(map(raw_event_decoder.decode, records))
    except INVALID_JSON:
        return None
    ids = [event.id for event in events]
    offers = [event.offer_id.lower() for event in events]
    partners = [event.partner_id if event.partner_id is None else event.partner_id.lower() for event in events]
    times = [event.occurred_at for event in events]
    catalogue_ids = {*offers, *(partner for partner in partners if partner is not None)}
    if not (events and all_match(IDS, ids) and all_match(DASHED_IDS, catalogue_ids) and all_match(TIMES, times)):
        return None
    try:
        timestamps = list(map(datetime.fromisoformat, times))
        first, last = min(timestamps).astimezone(UTC), max(timestamps).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if first < oldest or last > now + MAX_FUTURE:
        return None
    same_month = (first.year, first.month) == (last.year, last.month)
    return EventBatch(
        range(len(events)),
        ids,
        [at.timestamp() for at in timestamps],
        offers,
        partners,
        [event.type == "click" for event in events],
        {first.date()} if same_month else {at.astimezone(UTC).date() for at in timestamps},
    )


def all_match(pattern: re.Pattern[str], texts: Collection[str]) -> bool:
    lines = "\n".join([*texts, ""])
    return lines.count("\n") == len(texts) and pattern.fullmatch(lines) is not None


def without_unknown(
    batch: EventBatch, records: Sequence[Record], offers: Collection[str], partners: Collection[str | None]
) -> tuple[EventBatch, list[Rejection]]:
    """The events whose offer and partner are known, and rejections for the others."""
    known, rejections = [], []
    for n, (index, offer, partner) in enumerate(zip(batch.indexes, batch.offers, batch.partners, strict=True)):
        if offer not in offers:
            error = RecordError("offerId", f"{offer} is not a known offer")
        elif partner not in partners:
            error = RecordError("partnerId", f"{partner} is not a known partner")
        else:
            known.append(n)
            continue
        rejections.append(rejection_of(index, records[index], error))
    return batch.select(known), rejections


def within_months(batch: EventBatch, records: Sequence[Record], most: int) -> tuple[EventBatch, list[Rejection]]:
    """The events of the latest `most` months in UTC, and rejections for older ones: each month may need a partition."""
    months = sorted({day.replace(day=1) for day in batch.days}, reverse=True)
    if len(months) <= most:
        return batch, []
    first = months[most - 1]
    message = (
        f"is before {first:%Y-%m}: one call takes events of at most {most} months; send older ones in another call"
    )
    start = midnight(first).timestamp()
    older = [n for n, at in enumerate(batch.seconds) if at < start]
    error = RecordError("occurredAt", message)
    rejections = [rejection_of(batch.indexes[n], records[batch.indexes[n]], error) for n in older]
    return batch.select([n for n, at in enumerate(batch.seconds) if at >= start]), rejections
