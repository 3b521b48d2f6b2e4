"""A call's views and clicks → columns of those that make sense, and the rejects.

A call in which nothing is off, as nearly all are, is read all at once, in C. Where anything is, however small, all of
it is read again record by record, so what is taken and what is answered is never the quick way's to say.
"""

import re
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime

import msgspec

from ingest.batches import parse_each, reject
from ingest.records import LONGEST_AHEAD, NO_JSON, Event, EventKind, Record, RecordError, Reject, instant, parse_event


class Batch(msgspec.Struct, gc=False):
    """Columns of equal length. Ids are UUIDs, those of offers and partners with dashes and in lower case. `seconds` are
    since 1970: as floats they are exact to the microsecond until the year 2242, and quick to hand on.
    """

    places: Sequence[int]  # in the call
    ids: list[str]
    seconds: list[float]
    offers: list[str]
    partners: list[str | None]  # None: the tenant itself
    clicks: list[bool]
    days: set[date]  # at least one of each month, UTC

    def at(self, wanted: Collection[int]) -> "Batch":
        """The part of it at these places within the batch."""
        return Batch(
            [self.places[n] for n in wanted],
            [self.ids[n] for n in wanted],
            [self.seconds[n] for n in wanted],
            [self.offers[n] for n in wanted],
            [self.partners[n] for n in wanted],
            [self.clicks[n] for n in wanted],
            self.days,
        )


def read_events(records: Sequence[Record], now: datetime, oldest: datetime) -> tuple[Batch, list[Reject]]:
    """Work for a thread."""
    batch = read_quickly(records, now, oldest)
    return (batch, []) if batch else read_carefully(records, now, oldest)


def read_carefully(records: Sequence[Record], now: datetime, oldest: datetime) -> tuple[Batch, list[Reject]]:
    def parse(record: Record) -> tuple[Event, datetime]:
        event = parse_event(record)
        return event, instant("occurredAt", event.occurred_at, now, oldest=oldest)

    good, rejects = parse_each(records, parse)
    batch = Batch(
        [index for index, _, _ in good],
        [str(event.id) for _, _, (event, _) in good],
        [at.timestamp() for _, _, (_, at) in good],
        [str(event.offer_id) for _, _, (event, _) in good],
        [str(event.partner_id) if event.partner_id else None for _, _, (event, _) in good],
        [event.type == "click" for _, _, (event, _) in good],
        {at.date() for _, _, (_, at) in good},
    )
    return batch, rejects


class Sent(msgspec.Struct, rename="camel", gc=False):
    """An event whose ids and time have not been looked at."""

    id: str
    type: EventKind
    offer_id: str
    occurred_at: str
    partner_id: str | None = None


decoder = msgspec.json.Decoder(Sent)

# Of lines, one for each record.
DASHED = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
DASHED_IDS = re.compile(rf"(?:{DASHED}\n)*")
IDS = re.compile(rf"(?:(?:{DASHED}|[0-9a-fA-F]{{32}})\n)*")
TIMES = re.compile(r"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?(?:Z|[+-]\d\d:\d\d)\n)*", re.ASCII)


def read_quickly(records: Sequence[Record], now: datetime, oldest: datetime) -> Batch | None:
    """None where there may be something to reject, or to read more leniently."""
    try:
        sent = list(map(decoder.decode, records))
    except NO_JSON:
        return None
    ids = [event.id for event in sent]
    offers = [event.offer_id.lower() for event in sent]
    partners = [event.partner_id if event.partner_id is None else event.partner_id.lower() for event in sent]
    times = [event.occurred_at for event in sent]
    named = {*offers, *(partner for partner in partners if partner is not None)}
    if not (sent and are_all(IDS, ids) and are_all(DASHED_IDS, named) and are_all(TIMES, times)):
        return None
    try:
        instants = list(map(datetime.fromisoformat, times))
        first, last = min(instants).astimezone(UTC), max(instants).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if first < oldest or last > now + LONGEST_AHEAD:
        return None
    same_month = (first.year, first.month) == (last.year, last.month)
    return Batch(
        range(len(sent)),
        ids,
        [at.timestamp() for at in instants],
        offers,
        partners,
        [event.type == "click" for event in sent],
        {first.date()} if same_month else {at.astimezone(UTC).date() for at in instants},
    )


def are_all(pattern: re.Pattern[str], texts: Collection[str]) -> bool:
    lines = "\n".join([*texts, ""])
    return lines.count("\n") == len(texts) and pattern.fullmatch(lines) is not None


def without_unknown(
    batch: Batch, records: Sequence[Record], offers: Collection[str], partners: Collection[str | None]
) -> tuple[Batch, list[Reject]]:
    """The events of these offers and partners, and rejects for the others."""
    known, rejects = [], []
    for n, (place, offer, partner) in enumerate(zip(batch.places, batch.offers, batch.partners, strict=True)):
        if offer not in offers:
            error = RecordError("offerId", f"{offer} is not a known offer")
        elif partner not in partners:
            error = RecordError("partnerId", f"{partner} is not a known partner")
        else:
            known.append(n)
            continue
        rejects.append(reject(place, records[place], error))
    return batch.at(known), rejects
