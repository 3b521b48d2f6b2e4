"""Views and clicks → one row each in the ledger, exactly once → the roll-ups."""

from asyncio import to_thread
from collections.abc import Sequence
from datetime import datetime

from asyncpg import CheckViolationError

from database.pool import Connection, connection
from ingest.batches import Answer, retrying, taking, write_log
from ingest.event_batches import Batch, read_events, without_unknown
from ingest.partitions import MonthDroppedError, ensure_months, forget_months, oldest_taken
from ingest.records import Record, Reject
from ingest.rollups import adding, too_much
from ingest.surrogate_ids import keys_by_text
from tenants.hosts import load_tenant
from tenants.tenant import Tenant


@retrying
async def take_events(tenant: Tenant, records: Sequence[Record], now: datetime, token: int | None) -> Answer:
    """One transaction: durable, counted exactly once, in the next report. Raises DatabaseUnavailable."""
    try:
        return await take(tenant, records, now, token)
    except (MonthDroppedError, CheckViolationError):  # the latter: there is no table for an event's month
        forget_months(tenant)
        return await take(await load_tenant(tenant.slug) or tenant, records, now, token)


async def take(tenant: Tenant, records: Sequence[Record], now: datetime, token: int | None) -> Answer:
    batch, rejects = await to_thread(read_events, records, now, oldest_taken(tenant, now))
    async with connection() as db:
        await ensure_months(db, tenant, batch.days)
        async with taking(db, token):
            accepted, duplicates, unknown = await insert(db, tenant, batch, records, now)
            answer = Answer(accepted, duplicates, sorted(rejects + unknown, key=lambda r: r.index))
            await write_log(db, tenant.schema, "events", token, answer)
    return answer


async def insert(
    db: Connection, tenant: Tenant, batch: Batch, records: Sequence[Record], now: datetime
) -> tuple[int, int, list[Reject]]:
    """How many were new and how many were not, and rejects for offers and partners that nobody has told us of."""
    itself = str(tenant.id)
    offers = await keys_by_text(db, tenant.schema, "offer", set(batch.offers))
    by_id = await keys_by_text(db, tenant.schema, "partner", {partner or itself for partner in batch.partners})
    partners: dict[str | None, int] = dict(by_id.items())
    if itself in by_id:
        partners[None] = by_id[itself]
    unknown: list[Reject] = []
    if not (offers.keys() >= set(batch.offers) and partners.keys() >= set(batch.partners)):
        batch, unknown = without_unknown(batch, records, offers, partners)
    if not batch.ids:
        return 0, 0, unknown
    with too_much():
        accepted = await db.fetchval(
            insert_sql(tenant.schema),
            now,
            batch.ids,
            batch.seconds,
            [offers[offer] for offer in batch.offers],
            [partners[partner] for partner in batch.partners],
            batch.clicks,
        )
    return accepted, len(batch.ids) - accepted, unknown


def insert_sql(schema: str) -> str:
    """In order of id, so that overlapping calls wait for each other in one order."""
    return adding(
        schema,
        f"""
        fresh AS (
            INSERT INTO {schema}.event (id, occurred_at, offer, partner, is_click)
            SELECT id, to_timestamp(seconds), offer, partner, is_click
            FROM unnest($2::uuid[], $3::float8[], $4::int[], $5::int[], $6::bool[])
                AS t (id, seconds, offer, partner, is_click)
            ORDER BY id
            ON CONFLICT DO NOTHING
            RETURNING occurred_at, offer, partner, is_click
        ),
        quarter AS MATERIALIZED (
            SELECT offer, date_bin('15 minutes', occurred_at, 'epoch') AS bucket, partner, 0 AS conversions,
                (count(*) FILTER (WHERE is_click))::int AS clicks, (count(*) FILTER (WHERE NOT is_click))::int AS views,
                0 AS cost
            FROM fresh GROUP BY 1, 2, 3
        )
        """,
        "SELECT coalesce(sum(clicks + views), 0)::int FROM quarter",
    )
