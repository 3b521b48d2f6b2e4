"""Synthetic views and clicks: each batch has the events of a few seconds or minutes, as a sender's would."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event as Stop
from uuid import UUID

import httpx
import msgspec

from bench.clients import ask
from bench.data import Filled
from bench.serving import Server
from core.errors import GokartError
from database.engine import database_url

BATCH = 5_000
FIRST = datetime(2025, 3, 1, tzinfo=UTC)


class EventTiming(msgspec.Struct, frozen=True):
    """The events of a batch occur within `span`, at this number of pairs of an offer and a partner."""

    span: timedelta
    pairs: int


LIVE = EventTiming(timedelta(seconds=1), 500)
LATE = EventTiming(timedelta(minutes=10), 20_000)

PAIRS = """
SELECT o.id::text, o.key, p.id::text, p.key
FROM (SELECT DISTINCT offer, partner FROM {s}.by_month) AS m
JOIN {s}.offer o ON o.key = m.offer JOIN {s}.partner p ON p.key = m.partner
ORDER BY md5(o.id::text || p.id::text)
"""


Event = tuple[bytes, datetime, tuple[str, int, str, int], bool]


class Events:
    """Generates new events. Some pairs are far more popular than others."""

    def __init__(self, schema: str) -> None:
        self.pairs = [(o, offer, p, partner) for o, offer, p, partner in ask(database_url(), PAIRS.format(s=schema))]
        self.random = Random(42)  # noqa: S311  # synthetic data
        self.now = FIRST

    def batch(self, shape: EventTiming = LATE, size: int = BATCH) -> list[Event]:
        """The next events, in order of time."""
        random, pairs, first, step = self.random, self.pairs[: shape.pairs], self.now, shape.span / size
        self.now += shape.span
        return [
            (random.randbytes(16), first + step * n, pairs[int(len(pairs) * random.random() ** 3)], n % 10 == 0)
            for n in range(size)
        ]


def body(events: Iterable[Event]) -> bytes:
    """The events as NDJSON."""
    return "\n".join(
        f'{{"id":"{id_.hex()}","type":"{"click" if click else "view"}","offerId":"{offer}","partnerId":"{partner}",'
        f'"occurredAt":"{at.isoformat()}"}}'
        for id_, at, (offer, _, partner, _), click in events
    ).encode()


def event_row(event: Event) -> tuple[object, ...]:
    """The event as a row of the ledger."""
    id_, at, (_, offer, _, partner), click = event
    return UUID(bytes=id_), at, offer, partner, click


def event_columns(events: Sequence[Event]) -> list[list[object]]:
    """As intake passes them to `unnest`: ids as text, and times in seconds since 1970."""
    rows = [(id_.hex(), at.timestamp(), offer, partner, click) for id_, at, (_, offer, _, partner), click in events]
    return [list(column) for column in zip(*rows, strict=True)]


class IngestResponse(msgspec.Struct):
    accepted: int
    duplicates: int
    rejected: list[object]


def send_batches(
    server: Server, tenant: Filled, bodies: Sequence[bytes], stop: Stop | None = None, kind: str = "events"
) -> int:
    """Sends the batches one after the other until stopped. Returns the number of new records. Raises GokartError."""
    accepted = 0
    with httpx.Client(base_url=server.address(""), headers=tenant.sending, timeout=60) as client:
        for each in bodies:
            if stop and stop.is_set():
                return accepted
            response = client.post(f"/api/v1/ingest/{kind}", content=each)
            if response.status_code != 200:
                raise GokartError(f"Intake responded with {response.status_code}: {response.text[:500]}")
            result = msgspec.json.decode(response.content, type=IngestResponse)
            if result.rejected:
                raise GokartError(f"Intake rejected {result.rejected[0]}")
            accepted += result.accepted
    if stop:
        raise GokartError("The sender ran out of events before it was stopped")
    return accepted
