"""The demo's history into its tenants, through the same intake as anybody's data.

It ends now. Records go in by the day on which they were sent, and the last event of a day only when the day is over. So
a day whose last event is in the ledger is there whole, and a further run, also after one that was killed, goes on from
the first day that is not. What it sends again counts once.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from catalog.tables import Offer
from core.errors import GokartError
from database.pool import connection, transaction
from demo.cast import Cast
from demo.history import LONGEST_STORY, Sent, day_of, last_id
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
Reached = tuple[date, int, int]  # the day that is in, and how many of how many days are


async def make_tenant(cast: Cast) -> Tenant:
    """With its catalogue. One that is there already is left as it is, and must be the demo's own (else GokartError)."""
    if not await TenantRow.exists().where(TenantRow.slug == cast.slug):
        await lifecycle.create_tenant(cast.slug, cast.name)
    tenant = await lifecycle.get_tenant(cast.slug)
    if tenant.name != cast.name:
        raise GokartError(
            f"There is a tenant {cast.slug!r} here that is not the demo's, {tenant.name}. Nothing was added to it: "
            "let GOKART_DATABASE_URL or GOKART_DATA_DIR name another place."
        )
    await migrate_tenant(cast.slug)
    with bound_to(tenant):
        if not await Offer.exists():
            await make_catalogue(tenant, cast)
    return tenant


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
                    singular_requested_at, singular_requested_by)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
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
                now if of.asks else None,
                of.contact_email if of.asks else None,
            )


async def fill(tenant: Tenant, cast: Cast, now: datetime, length: timedelta) -> AsyncGenerator[Reached, None]:
    """The history begins `length` before the tenant was made, so that it is the same however often a run is repeated.

    Each day is taken in as of its own end: so the days that show as restated are those whose conversions were told of,
    corrected or rejected days later. Says after each how far it has come.
    """
    days = days_of(tenant, now, length)
    first = await first_unfinished(tenant, cast, days)
    for day, told, happened in history(cast, days, first, now):
        taken_at = min(now, datetime.combine(day, time.max, UTC))
        await send(tenant, told, ingest_conversions, taken_at)
        await send(tenant, happened, ingest_events, taken_at)
        yield day, (day - days[0]).days + 1, len(days)


def days_of(tenant: Tenant, now: datetime, length: timedelta) -> list[date]:
    """From the first whose events are not too old to be taken to today, which is not over yet."""
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
) -> Iterator[tuple[date, list[Sent], list[Sent]]]:
    """For each day from `first` on: the callbacks sent and the events that happened on it, up to `now`."""
    to_be_told: defaultdict[date, list[Sent]] = defaultdict(list)
    for day in days:
        if day < first - LONGEST_STORY:
            continue
        made = day_of(cast, day)
        for callback in made.callbacks:
            to_be_told[callback.at.date()].append(callback)
        told = to_be_told.pop(day, [])
        events = made.events if day < now.date() else made.events[:-1]
        if day >= first:
            yield day, sorted(c for c in told if c.at <= now), [event for event in events if event.at <= now]


async def send(tenant: Tenant, records: list[Sent], take: Take, at: datetime) -> None:
    for start in range(0, len(records), BATCH_RECORDS):
        checked(await take(tenant, [sent.record for sent in records[start : start + BATCH_RECORDS]], at, None))


def checked(answer: BatchResult) -> None:
    if answer.rejected:
        wrong = answer.rejected[0]
        raise GokartError(f"The intake rejected a record of the demo's: {wrong.field} {wrong.message}")
