"""Views and clicks → one row each in the ledger, exactly once → the roll-ups."""

from collections.abc import Sequence
from datetime import datetime

from database.pool import Connection, connection
from ingest.calls import Answer, parse_all, reject, retrying, taking, write_log
from ingest.keys import keys_of
from ingest.partitions import ensure_months, oldest_taken
from ingest.records import Event, Record, RecordError, Reject, instant, parse_plain
from ingest.rollups import Figures, apply, columns
from tenants.current import Tenant

TimedEvent = tuple[Event, datetime]
Good = list[tuple[int, Record, TimedEvent]]


@retrying
async def take_events(tenant: Tenant, records: Sequence[Record], now: datetime, token: int | None) -> Answer:
    """One transaction: durable, counted exactly once, in the next report. Raises `database.pool.Unavailable`."""
    oldest = oldest_taken(tenant, now)

    def parse(record: Record) -> TimedEvent:
        event = parse_plain(record, Event)
        return event, instant("occurredAt", event.occurred_at, now, oldest=oldest)

    good, rejects = await parse_all(records, parse)
    async with connection() as db:
        await ensure_months(db, tenant, {at.date() for _, _, (_, at) in good})
        async with taking(db, token):
            rows, unknown = await resolve(db, tenant, good)
            accepted = await insert(db, tenant.schema, rows, now)
            answer = Answer(accepted, len(rows) - accepted, sorted(rejects + unknown, key=lambda r: r.index))
            await write_log(db, tenant.schema, "events", token, answer)
    return answer


async def resolve(db: Connection, tenant: Tenant, good: Good) -> tuple[list[tuple[object, ...]], list[Reject]]:
    """Ledger rows, and rejects for offers and partners that nobody has told us of."""
    offers = await keys_of(db, tenant.schema, "offer", {event.offer_id for _, _, (event, _) in good})
    partners = await keys_of(db, tenant.schema, "partner", {event.partner_id or tenant.id for _, _, (event, _) in good})
    rows: list[tuple[object, ...]] = []
    unknown = []
    for index, record, (event, at) in good:
        offer = offers.get(event.offer_id)
        partner = partners.get(event.partner_id or tenant.id)
        if offer is None:
            unknown.append(reject(index, record, RecordError("offerId", f"{event.offer_id} is not a known offer")))
        elif partner is None:
            unknown.append(
                reject(index, record, RecordError("partnerId", f"{event.partner_id} is not a known partner"))
            )
        else:
            rows.append((event.id, at, offer, partner, event.type == "click"))
    return rows, unknown


async def insert(db: Connection, schema: str, rows: list[tuple[object, ...]], now: datetime) -> int:
    """Returns how many events were new. In order of id, so that overlapping calls wait for each other in one order."""
    if not rows:
        return 0
    buckets = await db.fetch(
        f"""
        WITH fresh AS (
            INSERT INTO {schema}.event (id, occurred_at, offer, partner, is_click)
            SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::int[], $4::int[], $5::bool[]) AS t (id)
            ORDER BY t.id
            ON CONFLICT DO NOTHING
            RETURNING occurred_at, offer, partner, is_click
        )
        SELECT offer, partner, date_bin('15 minutes', occurred_at, 'epoch') AS quarter,
            count(*) FILTER (WHERE is_click) AS clicks, count(*) FILTER (WHERE NOT is_click) AS views
        FROM fresh GROUP BY 1, 2, 3
        """,
        *columns(rows),
    )
    deltas = {
        ((row["offer"], row["partner"]), row["quarter"]): Figures(clicks=row["clicks"], views=row["views"])
        for row in buckets
    }
    await apply(db, schema, deltas, now)
    return sum(figures.clicks + figures.views for figures in deltas.values())
