"""Two senders of the demo: one that stopped hours ago, and one some of whose records were rejected."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from auth.scopes import INGEST
from auth.users.realms import STAFF
from core.timestamps import iso
from database.pool import Connection
from database.transactions import transaction
from demo.cast import NAMESPACE, Cast
from demo.history import BY_HOUR, json
from demo.keys import make_key, set_used
from demo.people import STAFF_OF
from ingest.conversions import ingest_conversions
from ingest.events import ingest_events
from tenants.tenant import Tenant, bound_to

SENT_FOR = timedelta(days=7)
SILENT_FOR = timedelta(hours=9)
AN_HOUR = timedelta(hours=1)
SENDERS_ADDRESS = "203.0.113.55"


async def make_senders(tenant: Tenant, cast: Cast, now: datetime) -> None:
    """Creates what is missing. These tokens are not printed. Call it before the history is ingested: its batches are
    the last ones.
    """
    owner, created_at = f"{STAFF.name}:{STAFF_OF[cast.slug][0].email}", now - timedelta(days=60)
    with bound_to(tenant):
        async with transaction() as db:
            silent = await make_key("Mobile tracker", None, owner, created_at, scopes=[INGEST])
            await log_hourly_batches(db, tenant, silent, now)
            postbacks = await make_key("Postback server", None, owner, created_at, scopes=[INGEST])
            known = await db.fetchval(
                f"SELECT EXISTS (SELECT FROM {tenant.schema}.rejected_record WHERE token = $1)", postbacks
            )
        if not known:
            await send_wrong_records(tenant, cast, postbacks, now)


async def log_hourly_batches(db: Connection, tenant: Tenant, api_key: int, now: datetime) -> None:
    """Only the intake log has them: an import ingests the records."""
    last = await db.fetchval(f"SELECT max(received_at) FROM {tenant.schema}.intake WHERE token = $1", api_key)
    at = (now - SILENT_FOR).replace(minute=7, second=0, microsecond=0)
    hours = []
    while at > (last or now - SENT_FOR) and at > now - SENT_FOR:
        hours.append(at)
        at -= AN_HOUR
    await db.execute(
        f"""
        INSERT INTO {tenant.schema}.intake (received_at, kind, token, accepted, duplicates, rejected)
        SELECT at, 'events', $1, accepted, 0, 0 FROM unnest($2::timestamptz[], $3::int[]) AS u (at, accepted)
        """,
        api_key,
        hours[::-1],
        [BY_HOUR[hour.hour] for hour in hours[::-1]],
    )
    if hours:
        await set_used(db, tenant, api_key, hours[0], SENDERS_ADDRESS)


async def send_wrong_records(tenant: Tenant, cast: Cast, api_key: int, now: datetime) -> None:
    """Clicks of an offer that the catalogue does not have yet, and conversions with a negative revenue."""

    def id_of(what: str) -> UUID:
        return uuid5(NAMESPACE, f"{cast.slug}/wrong/{what}")

    clicks = [
        {"id": id_of(f"click {n}"), "type": "click", "offerId": id_of("offer"), "occurredAt": iso(now, "milliseconds")}
        for n in range(4)
    ]
    offer = cast.offers[0]
    conversions = [
        {
            "id": id_of(f"callback {n}"),
            "sentAt": iso(now, "milliseconds"),
            "conversion": {
                "conversionId": id_of(f"conversion {n}"),
                "status": "Success",
                "offerId": offer.id,
                "offerName": offer.name,
                "offerAdvertiserId": offer.advertiser.id,
                "revenue": Decimal(-n),
                "userCompletedAt": iso(now, "milliseconds"),
            },
        }
        for n in (1, 2)
    ]
    await ingest_events(tenant, list(map(json.encode, clicks)), now, api_key)
    await ingest_conversions(tenant, list(map(json.encode, conversions)), now, api_key)
