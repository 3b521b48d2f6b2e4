"""The data that speed is measured on: 50 advertisers, 1,000 offers, 20 partners each, a row a day of 2024.

7.3 million daily rows, made straight in the roll-up tables, in the shape that the peers load.
"""

from uuid import UUID

from auth import issuing
from database.pool import connection
from errors import GokartError
from tenants import lifecycle
from tenants.current import Tenant, bound_to
from tenants.migrations import migrate_platform

SLUG = "bench"
ADVERTISER = UUID(int=3)

FILL = """
INSERT INTO {s}.advertiser (id, name, singular_enabled)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'Advertiser ' || n, true FROM generate_series(0, 49) n;
INSERT INTO {s}.offer (id, advertiser, name)
SELECT md5('o' || n)::uuid, lpad(to_hex((n - 1) / 20), 32, '0')::uuid, 'Offer ' || n FROM generate_series(1, 1000) n;
INSERT INTO {s}.partner (id, name) SELECT md5('p' || n)::uuid, 'Publisher ' || n FROM generate_series(1, 200) n;
SELECT setseed(0.42);
INSERT INTO {s}.by_day (offer, bucket, partner, cost, conversions, clicks, views)
SELECT o.key, d::date, p.key, (random() * 1e8)::bigint, (random() * 5)::int, (random() * 100)::int,
    (random() * 1000)::int
FROM generate_series('2024-01-01'::date, '2024-12-31', '1 day') d, {s}.offer o,
    LATERAL (SELECT key FROM {s}.partner ORDER BY md5(o.id::text || id::text) LIMIT 20) p;
INSERT INTO {s}.by_month (offer, bucket, partner, cost, conversions, clicks, views)
SELECT offer, date_trunc('month', bucket), partner, sum(cost), sum(conversions), sum(clicks), sum(views)
FROM {s}.by_day GROUP BY 1, 2, 3;
INSERT INTO {s}.changed_day SELECT DISTINCT offer, bucket, 1, now() FROM {s}.by_day;
INSERT INTO {s}.changed_month SELECT DISTINCT offer, bucket, 1, now() FROM {s}.by_month;
"""


async def prepare() -> tuple[Tenant, str, str]:
    """The tenant, filled where it is not yet, with a new token of one advertiser and one for intake."""
    await migrate_platform()
    try:
        tenant = await lifecycle.find(SLUG)
    except GokartError:
        tenant = await fill()
    with bound_to(tenant):
        reader = await issuing.create_token(
            name="bench", scopes=issuing.ADVERTISER_SCOPES, advertiser=ADVERTISER, created_by="bench"
        )
        sender = await issuing.create_token(name="bench", scopes=[issuing.INGEST], advertiser=None, created_by="bench")
    return tenant, reader.token, sender.token


async def fill() -> Tenant:
    tenant = await lifecycle.create(SLUG, "Bench")
    try:
        async with connection() as db:
            await db.execute(FILL.format(s=tenant.schema), timeout=600)
            for table in "by_day", "by_month", "changed_day", "changed_month", "offer", "partner":
                await db.execute(f"VACUUM ANALYZE {tenant.schema}.{table}", timeout=600)
    except BaseException:
        await lifecycle.delete(SLUG, keep_dump=False)
        raise
    return tenant
