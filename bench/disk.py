"""Bytes on disk for each kind of row that grows with what happens, indexes included."""

from argparse import Namespace
from contextlib import suppress
from datetime import date

from bench.clients import ask
from bench.data import WHOLE, filled
from bench.results import Row, Target, at_most, plain
from core.errors import GokartError
from database.engine import database_url
from database.pool import connection
from ingest.partitions import ensure_months
from tenants import lifecycle
from tenants.commands import run_command
from tenants.tenant import Tenant

METHOD = """`pg_total_relation_size` of a table divided by its rows, after VACUUM. *Inserted and updated*: 2,000 pairs
over 120 days, written day by day as intake does, about two and a half times per row. *Views, clicks* and *conversions*:
200,000 with random ids, in batches of 5,000."""

SLUG = "bench-disk"
PAIRS, DAYS, CALLS = 2_000, 120, 5  # CALLS is per day; each call has half of the pairs
LEDGER = (
    """
        INSERT INTO {s}.event (id, occurred_at, offer, partner, is_click)
        SELECT gen_random_uuid(), '2024-05-01'::timestamptz + n * interval '10 seconds', n % 1000, n % 20, n % 10 = 0
        FROM generate_series($1::int, $1 + 4999) n ORDER BY 1
    """,
    """
        INSERT INTO {s}.conversion
            (id, sent_ticks, callback, occurred_at, cost, offer, partner, status, click)
        SELECT gen_random_uuid(), n, gen_random_uuid(), '2024-05-01'::timestamptz + n * interval '10 seconds', 1000000,
            (SELECT key FROM {s}.offer), (SELECT key FROM {s}.partner), 'Success', gen_random_uuid()
        FROM generate_series($1::int, $1 + 4999) n ORDER BY 1
    """,
)
GROW = """
INSERT INTO {s}.by_day AS t (offer, bucket, partner, cost, conversions, clicks, views)
SELECT n / 20 + 1, '2024-01-01'::date + $1::int, n % 20 + 1, 1000000, 1, 1, 10
FROM generate_series(0, 1999) n WHERE hashint4(n + $2 * 7919) % 2 = 0
ORDER BY 1, 3
ON CONFLICT (offer, bucket, partner) DO UPDATE SET cost = t.cost + excluded.cost,
    conversions = t.conversions + excluded.conversions, clicks = t.clicks + excluded.clicks,
    views = t.views + excluded.views
"""


def measure(_: Namespace) -> list[Row]:
    target = at_most(130, "bytes")
    whole = bytes_of_a_row(filled(WHOLE).tenant.schema)
    return [
        plain("a daily row, of 7.3 million inserted once", target, [whole], "bytes"),
        *in_a_tenant_of_their_own(target),
    ]


def in_a_tenant_of_their_own(target: Target) -> list[Row]:
    tenant = run_command(create_disk_tenant)
    try:
        run_command(lambda: grow(tenant.schema))
        run_command(lambda: fill_ledger(tenant))
        return [
            plain("a daily row, of 240,000 inserted and updated", target, [bytes_of_a_row(tenant.schema)], "bytes"),
            plain("a view or click in the ledger", None, [bytes_of_a_row(tenant.schema, "event_2024_05")], "bytes"),
            plain("a conversion in the ledger", None, [bytes_of_a_row(tenant.schema, "conversion")], "bytes"),
        ]
    finally:
        run_command(lambda: lifecycle.delete_tenant(SLUG, keep_dump=False))


async def create_disk_tenant() -> Tenant:
    with suppress(GokartError):  # it does not exist
        await lifecycle.delete_tenant(SLUG, keep_dump=False)
    return await lifecycle.create_tenant(SLUG, SLUG)


async def grow(schema: str) -> None:
    vacuumed = 0
    async with connection() as db:
        for day in range(DAYS):
            for call in range(CALLS):
                await db.execute(GROW.format(s=schema), day, day * CALLS + call)
            rows = (day + 1) * PAIRS
            if rows - vacuumed > 1_000 + 0.2 * vacuumed:
                await db.execute(f"VACUUM {schema}.by_day")
                vacuumed = rows


async def fill_ledger(tenant: Tenant) -> None:
    async with connection() as db:
        await ensure_months(db, tenant, [date(2024, 5, 1)])
        await db.execute(
            f"""
            INSERT INTO {tenant.schema}.advertiser (id, name) SELECT gen_random_uuid(), 'A';
            INSERT INTO {tenant.schema}.offer (id, name, advertiser)
            SELECT gen_random_uuid(), 'O', id FROM {tenant.schema}.advertiser
            """
        )
        for sql in LEDGER:
            for first in range(0, 200_000, 5_000):
                await db.execute(sql.format(s=tenant.schema), first)


def bytes_of_a_row(schema: str, table: str = "by_day") -> float:
    ask(database_url(), f"VACUUM {schema}.{table}")
    sql = f"SELECT pg_total_relation_size('{schema}.{table}') AS size, count(*) AS rows FROM {schema}.{table}"
    (row,) = ask(database_url(), sql)
    return float(row["size"] / row["rows"])
