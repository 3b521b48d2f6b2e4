"""The demo's events and conversions of a day. Deterministic: the same on every machine and in every run."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from math import cos, exp, pi
from operator import attrgetter
from random import Random
from typing import NamedTuple
from uuid import UUID, uuid5

import msgspec

from core.timestamps import midnight
from demo.cast import NAMESPACE, Cast, CastAdvertiser, CastOffer, CastPartner
from ingest.records import MILLIONTH, Event, EventType

SEED = 1
GROWTH_FROM = date(2025, 1, 1)
GROWTH_A_YEAR = 0.22  # compounded at every moment
MOST_GROWTH = 3.0
PEAK_DAY = 340  # of the year: December
BY_WEEKDAY = (1.0, 0.96, 0.94, 0.97, 1.08, 1.3, 1.24)  # Monday first
BY_HOUR = (4, 3, 2, 2, 2, 3, 4, 6, 7, 7, 8, 8, 9, 9, 8, 9, 10, 11, 13, 15, 16, 14, 11, 7)
REASONS = (
    "Duplicate account",
    "Fraudulent traffic",
    "Account closed within 30 days",
    "Deposit was charged back",
    "Advertiser could not confirm the event",
)
DEVICES = {
    "IOS": ("iPhone", "iPhone", "iPad"),
    "ANDROID": ("Android phone", "Android phone", "Android tablet"),
    "WEB": ("Windows", "macOS", "Android phone"),
}
BAD_DAYS = 0.3
CORRECTIONS = (Decimal("0.5"), Decimal("0.8"), Decimal("0.925"), Decimal("1.1"))

# The longest time after a click for which callbacks of its conversion are sent.
LONGEST_STORY = timedelta(days=90)

UUID_MASK = ~(0xF << 76 | 0b11 << 62)  # all but the bits of the version and the variant
UUID_VERSION_4 = 0x4 << 76 | 0b10 << 62

json = msgspec.json.Encoder(decimal_format="number")


class SentRecord(NamedTuple):
    """A record and the time at which it is sent."""

    at: datetime
    record: bytes


class DayEvent(msgspec.Struct, gc=False):
    """A view or a click. `second` counts from 00:00 UTC of the day; `id` is the number of the event's UUID."""

    second: float
    type: EventType
    offer: CastOffer
    partner: CastPartner | None
    id: int


class Day(NamedTuple):
    """Its views and clicks in order of time, and all callbacks of the conversions of its clicks."""

    date: date
    events: list[DayEvent]
    callbacks: list[SentRecord]

    def records(self) -> list[SentRecord]:
        """The events as they are sent. Encoding is slower than generating, so only the days that are sent need it."""
        start = midnight(self.date)
        return [encode_event(event, start + timedelta(seconds=event.second)) for event in self.events]


class Step(NamedTuple):
    """The status of a conversion in one callback."""

    sent_at: datetime
    status: str
    revenue: Decimal
    reason: str | None = None


def day_of(cast: Cast, day: date) -> Day:
    dice = Random(f"{SEED}/{cast.slug}/{day}")  # noqa: S311 (synthetic data)
    start = midnight(day)
    events: list[DayEvent] = []
    callbacks: list[SentRecord] = []
    count = views_on(cast, day, dice)
    pairs = dice.choices(cast.pairs, cum_weights=cast.weights, k=count)
    hours = dice.choices(range(24), BY_HOUR, k=count)
    for (offer, partner), hour in zip(pairs, hours, strict=True):
        second = 3600 * (hour + dice.random())
        events.append(DayEvent(second, "view", offer, partner, id_number(dice)))
        if dice.random() < offer.clicked:
            second += dice.uniform(2, 90)
            click = id_number(dice)
            events.append(DayEvent(second, "click", offer, partner, click))
            if dice.random() < offer.converted:
                callbacks += conversion(dice, offer, partner, UUID(int=click), start + timedelta(seconds=second))
    events.sort(key=attrgetter("second"))
    events.append(DayEvent(events[-1].second, "view", *cast.pairs[0], last_id(cast, day).int))
    return Day(day, events, callbacks)


def encode_event(event: DayEvent, at: datetime) -> SentRecord:
    occurred_at = at.isoformat(timespec="milliseconds")
    partner = event.partner.id if event.partner else None
    return SentRecord(at, json.encode(Event(UUID(int=event.id), event.type, event.offer.id, occurred_at, partner)))


def last_id(cast: Cast, day: date) -> UUID:
    """The id of the day's last event, known without generating the day."""
    return uuid5(NAMESPACE, f"{cast.slug}/last event of {day}")


def views_on(cast: Cast, day: date, dice: Random) -> int:
    growth = exp(GROWTH_A_YEAR * (day - GROWTH_FROM).days / 365.25)
    season = 1 + 0.18 * cos(2 * pi * (day.timetuple().tm_yday - PEAK_DAY) / 365.25)
    luck = dice.uniform(0.92, 1.08)
    return 1 + round(cast.views * min(growth, MOST_GROWTH) * season * BY_WEEKDAY[day.weekday()] * luck)


def conversion(
    dice: Random, offer: CastOffer, partner: CastPartner | None, click: UUID, clicked_at: datetime
) -> Iterator[SentRecord]:
    takes_days = dice.random() < 0.12
    delay = timedelta(days=dice.uniform(1, 6)) if takes_days else timedelta(minutes=min(600, dice.expovariate(1 / 25)))
    completed_at = clicked_at + delay
    id_ = an_id(dice)
    for step in story(dice, offer, completed_at):
        callback = {
            "id": an_id(dice),
            "sentAt": f"{step.sent_at:%Y-%m-%dT%H:%M:%S.%f}{dice.randrange(10)}+00:00",
            "conversion": {
                "status": step.status,
                "rejectionReason": step.reason,
                "userCompletedAt": completed_at,
                "isRewardSent": step.status == "Success",
                "clickId": click,
                "conversionId": id_,
                "offerId": offer.id,
                "offerName": offer.name,
                "offerAdvertiserId": offer.advertiser.id,
                "offerAdvertiserName": offer.advertiser.name,
                "offerCountryCode2": offer.advertiser.company.country,
                "offerCategoryName": offer.advertiser.company.category,
                "eventName": offer.name.rpartition(": ")[2],
                "rewardPoints": int(offer.payout * 40),
                "revenue": step.revenue,
                "pubClickId": click.hex[:12],
                "pubGeoCountry": offer.advertiser.company.country,
                "pubDevice": DEVICES[offer.os][click.int % 3],
                "partnerId": partner.id if partner else None,
                "partnerName": partner.name if partner else None,
                "createdAt": completed_at,
                "clickTime": clicked_at,
            },
        }
        yield SentRecord(step.sent_at, json.encode(callback))


def story(dice: Random, offer: CastOffer, completed_at: datetime) -> Iterator[Step]:
    """The callbacks of a conversion. Usually it is reported at once, or after a review on the same day. On a bad day it
    may be reported days late, stay pending for days, or be corrected or rejected weeks later.
    """

    def days(least: float, most: float) -> timedelta:
        return timedelta(days=dice.uniform(least, most))

    bad = is_bad(offer.advertiser, completed_at.date())
    at, revenue = completed_at + timedelta(seconds=dice.uniform(1, 8)), offer.payout
    if bad and dice.random() < 0.18:
        at += days(1, 5)
    if dice.random() < 0.2:
        yield Step(at, "Pending", revenue)
        at += days(1, 7) if bad else days(0.05, 0.95)
        if dice.random() < 0.15:
            yield Step(at, "Rejected", revenue, dice.choice(REASONS))
            return
    yield Step(at, "Success", revenue)
    if bad and dice.random() < 0.1:
        at += days(3, 20)
        revenue = (revenue * dice.choice(CORRECTIONS)).quantize(MILLIONTH, ROUND_HALF_EVEN)
        yield Step(at, "Success", revenue)
    if bad and dice.random() < 0.2:
        at += days(7, 35)
        yield Step(at, "Rejected", revenue, dice.choice(REASONS))
        if dice.random() < 0.1:
            yield Step(at + days(2, 14), "Success", revenue)


@cache
def is_bad(advertiser: CastAdvertiser, day: date) -> bool:
    """Only on bad days are conversions reported late, corrected or rejected later."""
    return Random(f"{SEED}/{advertiser.id}/{day}").random() < BAD_DAYS  # noqa: S311 (synthetic data)


def an_id(dice: Random) -> UUID:
    return UUID(int=id_number(dice))


def id_number(dice: Random) -> int:
    """The number of a random UUID of version 4."""
    return dice.getrandbits(128) & UUID_MASK | UUID_VERSION_4
