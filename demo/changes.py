"""Changes to past days, which clients that keep a copy of the figures follow.

The history before them is imported, as that of a new customer would be. These changes are made as they are made every
day: by callbacks of a sender, and by a correction of a member of staff. A later run finds them and makes none.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid5

import msgspec

from auth.users.realms import STAFF
from core.timestamps import iso, midnight
from database.audit_context import Actor, acting_as
from database.pool import connection
from demo.cast import NAMESPACE, Cast, CastAdvertiser
from demo.filling import A_DAY, checked, days_of
from demo.history import REASONS, Day, conversion, day_of, json
from ingest.conversions import ingest_conversions
from ingest.correction_files import CONVERSION, REASON, STATUS
from ingest.corrections import apply_corrections, preview_corrections
from reporting.changes import status
from reporting.changes.cursor import ChangeCursor
from tenants.tenant import Tenant

FRAUD = "Fraudulent traffic"
SEARCHED_DAYS = 15  # before the day that a change is meant for

Callback = dict[str, Any]


class FirstChanges(msgspec.Struct, frozen=True):
    """Of an advertiser. `cursor`: of the changes after the import. The rest is what the first correction changed."""

    cursor: str
    day: date
    offer: UUID
    partner: UUID


async def make_changes(tenant: Tenant, cast: Cast, length: timedelta, ingest_key: int, staff: str) -> None:
    """Rejects conversions after weeks, reports others late, and corrects some as the staff user with the email `staff`.

    Does nothing if that has been done.
    """
    async with connection() as db:
        if await db.fetchval(f"SELECT EXISTS (SELECT FROM {tenant.schema}.intake WHERE kind = 'corrections')"):
            return
    now = datetime.now(UTC)
    days = days_of(tenant, now, length)
    for advertiser in cast.advertisers:
        for callback in changes_by_callback(cast, advertiser, days, now):
            checked(await ingest_conversions(tenant, [json.encode(callback)], datetime.now(UTC), ingest_key))
    content = corrections_of(cast, days, now)
    if content is None:
        return
    with acting_as(Actor(f"{STAFF.name}:{staff}")):
        preview = await preview_corrections(tenant, content)
        await apply_corrections(tenant, content, preview.digest, datetime.now(UTC))


async def read_first_changes(tenant: Tenant, advertiser: UUID) -> FirstChanges | None:
    """None without a correction."""
    query = status.STATUS.bind(tenant.schema, advertiser=advertiser)
    async with connection() as db:
        feed = await db.fetchrow(query.sql, *query.args)
        rows = await db.fetch(
            f"""
            SELECT
                (r.bucket AT TIME ZONE 'UTC')::date AS day, o.id AS offer, p.id AS partner, r.cause,
                r.xid::text::bigint AS xid
            FROM {tenant.schema}.restatement r
            JOIN {tenant.schema}.offer o ON o.key = r.offer
            JOIN {tenant.schema}.partner p ON p.key = r.partner
            WHERE o.advertiser = $1 AND r.cause <> 'import'
            ORDER BY r.xid, day, offer, partner
            """,
            advertiser,
        )
    correction = next((row for row in rows if row["cause"] == "correction"), None)
    if feed is None or correction is None:
        return None
    cursor = ChangeCursor(feed["incarnation"], rows[0]["xid"]).text(tenant.id, advertiser)
    return FirstChanges(cursor, correction["day"], correction["offer"], correction["partner"])


def changes_by_callback(
    cast: Cast, advertiser: CastAdvertiser, days: Sequence[date], now: datetime
) -> Iterator[Callback]:
    """Callbacks sent now: a conversion of a final day and one of a provisional day are rejected, and one is reported
    only now.
    """
    for age in 45, 12:
        yield from (sent_now(one, "Rejected", now) for one in first_successes(cast, advertiser, days, now, age)[:1])
    late = first_of(lambda day: unreported(day, advertiser), cast, days, now, 8)
    yield from (sent_now(one, "Success", now) for one in late[:1])


def corrections_of(cast: Cast, days: Sequence[date], now: datetime) -> bytes | None:
    """The CSV file of a staff correction: conversions of one day of the first advertiser are rejected.

    None in a history of a few days only.
    """
    found = first_successes(cast, cast.advertisers[0], days, now, 4)
    rows = [[one["conversion"]["conversionId"], "Rejected", FRAUD] for one in found[:3]]
    return None if not rows else "\n".join(map(",".join, [[CONVERSION, STATUS, REASON], *rows])).encode()


def first_successes(
    cast: Cast, advertiser: CastAdvertiser, days: Sequence[date], now: datetime, age: int
) -> list[Callback]:
    return first_of(lambda day: successes(day, advertiser, now), cast, days, now, age)


def first_of(
    find: Callable[[Day], list[Callback]], cast: Cast, days: Sequence[date], now: datetime, age: int
) -> list[Callback]:
    """What is found on the latest day that is at least `age` days ago and has any."""
    latest = now.date() - age * A_DAY
    for day in [day for day in reversed(days) if day <= latest][:SEARCHED_DAYS]:
        if found := find(day_of(cast, day)):
            return found
    return []


def successes(day: Day, advertiser: CastAdvertiser, now: datetime) -> list[Callback]:
    """The last callbacks until now of the conversions that count."""
    last: dict[str, Callback] = {}
    for sent in sorted(day.callbacks):
        callback = msgspec.json.decode(sent.record)
        if sent.at <= now and callback["conversion"]["offerAdvertiserId"] == str(advertiser.id):
            last[callback["conversion"]["conversionId"]] = callback
    return [one for one in last.values() if one["conversion"]["status"] == "Success"]


def unreported(day: Day, advertiser: CastAdvertiser) -> list[Callback]:
    """The first callback of a conversion of the first click that had none."""
    converted = {msgspec.json.decode(sent.record)["conversion"]["clickId"] for sent in day.callbacks}
    for event in day.events:
        click = UUID(int=event.id)
        if event.type == "click" and event.offer.advertiser == advertiser and str(click) not in converted:
            clicked_at = midnight(day.date) + timedelta(seconds=event.second)
            dice = Random(str(click))  # noqa: S311 (synthetic data)
            first = next(conversion(dice, event.offer, event.partner, click, clicked_at))
            return [msgspec.json.decode(first.record)]
    return []


def sent_now(callback: Callback, status: str, now: datetime) -> Callback:
    """A further callback of the same conversion."""
    id_ = uuid5(NAMESPACE, f"{callback['id']}/{status}")
    reason = REASONS[id_.int % len(REASONS)] if status == "Rejected" else None
    changed = {"status": status, "rejectionReason": reason, "isRewardSent": status == "Success"}
    return {"id": id_, "sentAt": iso(now, "microseconds"), "conversion": callback["conversion"] | changed}
