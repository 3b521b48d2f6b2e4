"""Ingests the demo's history into its tenants through the ordinary intake.

The history ends now. Records are ingested by the day on which they were sent, and the last event of a day only after
the day has ended. A day whose last event is in the ledger is therefore complete, and the next run continues with the
first incomplete day, even after an interrupted run. Records that are sent again count once.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from catalog.tables import Advertiser, Offer
from core.errors import GokartError
from database.pool import connection
from database.transactions import transaction
from demo.cast import Cast
from demo.history import LONGEST_STORY, SentRecord, day_of, last_id
from ingest.batches import BatchResult
from ingest.catalogue import ingest_offers, ingest_partners
from ingest.conversions import ingest_conversions
from ingest.events import ingest_events
from ingest.imports import BATCH_RECORDS
from ingest.partitions import oldest_accepted
from tenants import lifecycle
from tenants.migrations import migrate_tenant
from tenants.tables import TenantRow
from tenants.tenant import Tenant, bound_to

A_DAY = timedelta(days=1)

Take = Callable[[Tenant, list[bytes], datetime, None], Awaitable[BatchResult]]
Reached = tuple[date, int, int]  # the ingested day, the number of ingested days, the number of days


async def make_tenant(cast: Cast) -> Tenant:
    """Creates the tenant with its catalogue, unless it exists. Raises GokartError if it is not the demo's tenant."""
    if not await TenantRow.exists().where(TenantRow.slug == cast.slug):
        await lifecycle.create_tenant(cast.slug, cast.name)
    tenant = await lifecycle.get_tenant(cast.slug)
    if tenant.name != cast.name:
        raise GokartError(
            f"The tenant {cast.slug!r} exists and is not the demo's: {tenant.name}. Nothing was added to it. "
            "Set GOKART_DATABASE_URL or GOKART_DATA_DIR to another database."
        )
    await migrate_tenant(cast.slug)
    with bound_to(tenant):
        there = await Offer.count().where(Offer.id.is_in([offer.id for offer in cast.offers]))
        if there < len(cast.offers) and await has_other_ids(cast):
            raise GokartError(
                f"The data of the tenant {cast.slug!r} is that of an earlier demo, with other ids. Delete it and start "
                f"the demo again: ./gokart tenants delete {cast.slug}"
            )
        if there < len(cast.offers):  # also offers that an earlier release did not have
            await make_catalogue(tenant, cast)
    return tenant


async def has_other_ids(cast: Cast) -> bool:
    """Whether one of the demo's advertisers exists with another id."""
    named = Advertiser.name.is_in([one.name for one in cast.advertisers])
    others = Advertiser.id.not_in([one.id for one in cast.advertisers])
    return bool(await Advertiser.exists().where(named, others))


async def make_catalogue(tenant: Tenant, cast: Cast) -> None:
    await make_advertisers(tenant, cast)
    partners = [{"id": partner.id, "name": partner.name} for partner in cast.partners]
    offers = [
        {
            "id": offer.id,
            "name": offer.name,
            "advertiserId": offer.advertiser.id,
            "campaignName": offer.campaign,
            "appName": offer.app,
            "storeId": offer.store,
            "os": offer.os,
        }
        for offer in cast.offers
    ]
    checked(await ingest_partners(tenant, list(map(msgspec.json.encode, partners)), None))
    checked(await ingest_offers(tenant, list(map(msgspec.json.encode, offers)), None))


async def make_advertisers(tenant: Tenant, cast: Cast) -> None:
    now = datetime.now(UTC)
    async with transaction() as db:
        for advertiser in cast.advertisers:
            of = advertiser.company
            await db.execute(
                f"""
                INSERT INTO {tenant.schema}.advertiser (id, name, singular_enabled, created_at, contact_name,
                    contact_email, contact_phone, billing_name, billing_email, billing_address, tax_id, currency,
                    time_zone, singular_requested_at, singular_requested_by)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
                ON CONFLICT DO NOTHING
                """,
                advertiser.id,
                of.name,
                of.singular,
                now,
                of.contact,
                of.contact_email,
                of.phone,
                of.legal_name,
                of.billing_email,
                of.address,
                of.tax_id,
                of.currency,
                of.time_zone,
                now if of.asks else None,
                of.contact_email if of.asks else None,
            )


async def fill_tenant(tenant: Tenant, cast: Cast, now: datetime, length: timedelta) -> AsyncGenerator[Reached, None]:
    """The history begins `length` before the tenant was created, so that it is the same in every run.

    Each day is ingested as of its own end: the restated days are those whose conversions were reported, corrected or
    rejected days later. Yields the progress after each day.
    """
    days = days_of(tenant, now, length)
    first = await first_unfinished(tenant, cast, days)
    for day, callbacks, events in history(cast, days, first, now):
        taken_at = min(now, datetime.combine(day, time.max, UTC))
        await send_records(tenant, callbacks, ingest_conversions, taken_at)
        await send_records(tenant, events, ingest_events, taken_at)
        yield day, (day - days[0]).days + 1, len(days)


def days_of(tenant: Tenant, now: datetime, length: timedelta) -> list[date]:
    """From the first day whose events are accepted to today, which has not ended."""
    start = max(tenant.created_at.date() - length, (oldest_accepted(tenant, now) + A_DAY).date())
    return [start + n * A_DAY for n in range((now.date() - start).days + 1)]


async def first_unfinished(tenant: Tenant, cast: Cast, days: Sequence[date]) -> date:
    async with connection() as db:
        rows = await db.fetch(
            f"SELECT id FROM {tenant.schema}.event WHERE id = ANY($1::uuid[])", [last_id(cast, day) for day in days]
        )
    there = {row["id"] for row in rows}
    return next((day for day in days if last_id(cast, day) not in there), days[-1])


def history(
    cast: Cast, days: Sequence[date], first: date, now: datetime
) -> Iterator[tuple[date, list[SentRecord], list[SentRecord]]]:
    """The callbacks sent and the events of each day from `first` on, up to `now`."""
    callbacks_by_day: defaultdict[date, list[SentRecord]] = defaultdict(list)
    for day in days:
        if day < first - LONGEST_STORY:
            continue
        made = day_of(cast, day)
        for callback in made.callbacks:
            callbacks_by_day[callback.at.date()].append(callback)
        callbacks = callbacks_by_day.pop(day, [])
        if day >= first:
            events = made.records() if day < now.date() else made.records()[:-1]
            yield day, sorted(c for c in callbacks if c.at <= now), [event for event in events if event.at <= now]


async def send_records(tenant: Tenant, records: list[SentRecord], take: Take, at: datetime) -> None:
    for start in range(0, len(records), BATCH_RECORDS):
        checked(await take(tenant, [sent.record for sent in records[start : start + BATCH_RECORDS]], at, None))


def checked(result: BatchResult) -> None:
    if result.rejected:
        wrong = result.rejected[0]
        raise GokartError(f"The intake rejected a record of the demo: {wrong.field} {wrong.message}")
