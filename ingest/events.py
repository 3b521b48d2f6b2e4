"""Views and clicks → one row each in the ledger, exactly once → the roll-ups."""

from asyncio import to_thread
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import asyncpg

from database.pool import Connection, connection
from database.sql import SqlFile, array_text
from ingest.batches import BatchResult, intake_transaction, retry_deadlocks, sort_by_index
from ingest.event_batches import EventBatch, parse_events, within_months, without_unknown
from ingest.intake_log import log_batch
from ingest.partitions import MonthDroppedError, ensure_months, forget_months, oldest_accepted
from ingest.records import Record
from ingest.rollups import DeltaColumns, add_on_cluster, cost_overflow
from ingest.surrogate_ids import surrogate_ids_by_text
from settings import settings
from tenants.nodes import is_cluster
from tenants.tables import load_tenant
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql"
INSERT_EVENTS = SqlFile(SQL / "insert_events.sql")
INSERT_EVENTS_ON_CLUSTER = SqlFile(SQL / "insert_events_on_cluster.sql")

# Of offers and partners. The partner None is the tenant itself.
CatalogueKeys = tuple[Mapping[str, int], Mapping[str | None, int]]


@retry_deadlocks
async def ingest_events(
    tenant: Tenant, records: Sequence[Record], now: datetime, api_key: int | None, *, replay: bool = False
) -> BatchResult:
    """Ingests views and clicks in one transaction. `replay` is as for `log_batch`.

    Raises CostOverflowError, DatabaseUnavailable.
    """
    try:
        return await ingest_once(tenant, records, now, api_key, replay)
    except (MonthDroppedError, asyncpg.CheckViolationError):
        # A month was dropped meanwhile: the tenant is read again, and events of that month are rejected. A check
        # violation means that the month has no partition although this process has created one.
        forget_months(tenant)
        return await ingest_once(await load_tenant(tenant.slug) or tenant, records, now, api_key, replay)


async def ingest_once(
    tenant: Tenant, records: Sequence[Record], now: datetime, api_key: int | None, replay: bool
) -> BatchResult:
    batch, rejections = await to_thread(parse_events, records, now, oldest_accepted(tenant, now))
    async with connection() as db:
        offers, partners = keys = await find_surrogate_ids(db, tenant, batch)
        if not (offers.keys() >= set(batch.offers) and partners.keys() >= set(batch.partners)):
            batch, unknown = without_unknown(batch, records, offers, partners)
            rejections += unknown
        if api_key is not None:  # imported files may have any number of months
            batch, excess = within_months(batch, records, settings.intake_months)
            rejections += excess
        await ensure_months(db, tenant, batch.days)  # only for events that are not rejected
        async with intake_transaction(db, api_key):
            accepted = await insert_events(db, tenant.schema, batch, keys, now)
            result = BatchResult(accepted, len(batch.ids) - accepted, sort_by_index(rejections))
            await log_batch(db, tenant.schema, "events", result, records=records, api_key=api_key, replay=replay)
    return result


async def find_surrogate_ids(db: Connection, tenant: Tenant, batch: EventBatch) -> CatalogueKeys:
    """Of the batch's offers and partners that exist."""
    tenant_id = str(tenant.id)
    offers = await surrogate_ids_by_text(db, tenant.schema, "offer", set(batch.offers))
    partner_ids = {partner or tenant_id for partner in batch.partners}
    by_id = await surrogate_ids_by_text(db, tenant.schema, "partner", partner_ids)
    partners: dict[str | None, int] = dict(by_id.items())
    if tenant_id in partners:
        partners[None] = partners[tenant_id]
    return offers, partners


async def insert_events(db: Connection, schema: str, batch: EventBatch, keys: CatalogueKeys, now: datetime) -> int:
    """Returns the number of new events; the others are duplicates."""
    offers, partners = keys
    if not batch.ids:
        return 0
    columns: dict[str, list[Any]] = {
        "ids": batch.ids,
        "seconds": batch.seconds,
        "offers": [offers[offer] for offer in batch.offers],
        "partners": [partners[partner] for partner in batch.partners],
        "clicks": batch.clicks,
    }
    if await is_cluster(db):
        query = INSERT_EVENTS_ON_CLUSTER.bind(schema, **columns)
        inserted = await db.fetch(query.sql, *query.args)
        await add_on_cluster(db, schema, count_events(inserted), now)
        return len(inserted)
    query = INSERT_EVENTS.bind(schema, **{name: array_text(column) for name, column in columns.items()}, now=now)
    with cost_overflow():
        accepted: int = await db.fetchval(query.sql, *query.args)
    return accepted


def count_events(inserted: list[asyncpg.Record]) -> DeltaColumns:
    """The views and clicks by offer, quarter of an hour and partner. A row has these, and whether it is a click."""
    bucket = itemgetter(0, 1, 2)
    counts = Counter(map(bucket, inserted))
    of_clicks = Counter(map(bucket, filter(itemgetter(3), inserted)))
    clicks = [of_clicks[key] for key in counts]
    zeros = [0] * len(counts)
    return DeltaColumns(
        offers=[offer for offer, _, _ in counts],
        seconds=[seconds for _, seconds, _ in counts],
        partners=[partner for _, _, partner in counts],
        conversions=zeros,
        clicks=clicks,
        views=[count - clicked for count, clicked in zip(counts.values(), clicks, strict=True)],
        costs=zeros,
    )
