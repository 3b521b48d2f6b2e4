"""The data of the benchmarks, inserted directly into the roll-up tables, in the same quantities as the peers' data.

50 advertisers, 1,000 offers, 20 partners per offer, and a row for each day of 2024: 7.3 million daily rows. They are
inserted day by day, as intake does. The days on which the measured ranges begin or end also have all quarter hours of
every pair. ADVERTISER has hours until 1 April and on those days, of which days in other time zones consist, and quarter
hours where February begins and ends in Kathmandu. Two more tenants have only one advertiser: one with a year of data,
one with ten years.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from functools import cache
from uuid import UUID

import asyncpg
import msgspec
from rich.console import Console

from auth.api_keys import service as api_keys
from auth.scopes import ADVERTISER_SCOPES, INGEST
from core.errors import GokartError
from database.engine import database_url
from database.pool import connection
from database.transactions import set_local_sql
from tenants import lifecycle
from tenants.commands import run_command
from tenants.migrations import latest_version, migrate_platform
from tenants.tables import TenantRow
from tenants.tenant import Tenant, bound_to

ADVERTISER = UUID(int=3)  # the benchmarks request its reports
CUT = [date(2024, 1, 1), date(2024, 1, 16), date(2024, 12, 16), date(2024, 12, 31)]
FILLERS = 2  # at once

CATALOGUE = """
INSERT INTO {s}.advertiser (id, name, singular_enabled)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'Advertiser ' || n, true FROM generate_series({first}, {last}) n;
INSERT INTO {s}.offer (id, advertiser, name, campaign_name, app_name, store_id, os)
SELECT md5('o' || n)::uuid, lpad(to_hex((n - 1) / 20), 32, '0')::uuid, 'Offer ' || n, 'CAMPAIGN_' || n, 'App ' || n,
    'com.example.app' || n, (ARRAY['IOS', 'ANDROID', 'WEB'])[n % 3 + 1]
FROM generate_series({first} * 20 + 1, {last} * 20 + 20) n;
INSERT INTO {s}.partner (id, name) SELECT md5('p' || n)::uuid, 'Publisher ' || n FROM generate_series(1, 200) n;
"""
PAIRS = """
SELECT setseed(0.42);
CREATE TEMPORARY TABLE pair ON COMMIT DROP AS
SELECT o.key AS offer, p.key AS partner
FROM {s}.offer o, LATERAL (SELECT key FROM {s}.partner ORDER BY md5(o.id::text || id::text) LIMIT 20) p
WHERE o.key % {of} = {part}
ORDER BY 1, 2;
"""
DAY = """
INSERT INTO {s}.by_day (offer, bucket, partner, cost, conversions, clicks, views)
SELECT offer, $1, partner, (random() * 1e8)::bigint, (random() * 5)::int, (random() * 100)::int, (random() * 1000)::int
FROM pair
"""
QUARTER = """
INSERT INTO {s}.by_quarter (offer, bucket, partner, cost, conversions, clicks, views)
SELECT offer, $1, partner, (random() * 1e6)::bigint, (random() < 0.026)::int, round(random())::int, (random() * 10)::int
FROM pair
"""
DAY_OF_QUARTERS = """
INSERT INTO {s}.by_day (offer, bucket, partner, cost, conversions, clicks, views)
SELECT offer, $1, partner, sum(cost), sum(conversions), sum(clicks), sum(views)
FROM {s}.by_quarter JOIN pair USING (offer, partner)
WHERE bucket >= $1::date::timestamptz AND bucket < ($1::date + 1)::timestamptz
GROUP BY offer, partner
ORDER BY offer, partner
"""
SUMS = """
INSERT INTO {s}.by_month (offer, bucket, partner, cost, conversions, clicks, views)
SELECT offer, date_trunc('month', bucket)::date AS month, partner, sum(cost), sum(conversions), sum(clicks), sum(views)
FROM {s}.by_day GROUP BY offer, month, partner ORDER BY month, offer, partner;
INSERT INTO {s}.changed_day (offer, bucket, version, changed_at)
SELECT DISTINCT offer, bucket, 1, now() FROM {s}.by_day ORDER BY bucket, offer;
INSERT INTO {s}.changed_month (offer, bucket, version, changed_at)
SELECT DISTINCT offer, bucket, 1, now() FROM {s}.by_month ORDER BY bucket, offer;
"""
# Each hour has a 24th of the day's figures.
HOURS = """
INSERT INTO {s}.by_hour (offer, bucket, partner, cost, conversions, clicks, views)
SELECT
    offer, (bucket + hour * interval '1 hour') AT TIME ZONE 'UTC' AS start, partner,
    cost / 24 + CASE WHEN hour < cost % 24 THEN 1 ELSE 0 END,
    conversions / 24 + CASE WHEN hour < conversions % 24 THEN 1 ELSE 0 END,
    clicks / 24 + CASE WHEN hour < clicks % 24 THEN 1 ELSE 0 END,
    views / 24 + CASE WHEN hour < views % 24 THEN 1 ELSE 0 END
FROM {s}.by_day d JOIN {s}.offer o ON o.key = d.offer, generate_series(0, 23) hour
WHERE o.advertiser = '{advertiser}'
    AND (bucket BETWEEN '2024-01-01' AND '2024-04-01' OR bucket IN ('2024-12-16', '2024-12-31'))
ORDER BY start, offer, partner
"""
# Their hours are those of HOURS.
QUARTERS_OF_FEBRUARY_IN_KATHMANDU = """
SELECT set_config('gokart.hours', 'written', true);
INSERT INTO {s}.by_quarter (offer, bucket, partner, cost, conversions, clicks, views)
SELECT offer, bucket + quarter * interval '15 minutes' AS start, partner, cost / 4, conversions, clicks, views / 4
FROM {s}.by_hour h JOIN {s}.offer o ON o.key = h.offer, generate_series(0, 3) quarter
WHERE o.advertiser = '{advertiser}' AND bucket::date IN ('2024-01-31', '2024-02-29')
ORDER BY start, offer, partner
"""
BY_DAY_AND_HOUR = "by_quarter", "by_hour", "by_day"
WITH_BUCKETS = *BY_DAY_AND_HOUR, "by_month", "changed_day", "changed_month", "restatement"


class DataShape(msgspec.Struct, frozen=True):
    """First and last advertiser and first and last day are inclusive. `cut` are the days with quarter hours."""

    slug: str
    first_advertiser: int
    last_advertiser: int
    first_day: date
    last_day: date = date(2024, 12, 31)
    cut: tuple[date, ...] = ()


WHOLE = DataShape("bench", 0, 49, date(2024, 1, 1), cut=tuple(CUT))
YEAR = DataShape("bench-year", 3, 3, date(2024, 1, 1))
DECADE = DataShape("bench-decade", 3, 3, date(2015, 1, 1))


class Filled(msgspec.Struct, frozen=True):
    """A tenant with its data. `reader` is a new token of ADVERTISER, `sender` one for ingest."""

    tenant: Tenant
    reader: str
    sender: str

    @property
    def host(self) -> str:
        return f"api.{self.tenant.slug}.localhost"

    @property
    def reading(self) -> dict[str, str]:
        """The headers of a request for a report."""
        return {"Host": self.host, "Authorization": f"ApiToken {self.reader}"}

    @property
    def sending(self) -> dict[str, str]:
        """The headers of an ingest call."""
        return {
            "Host": self.host,
            "Authorization": f"ApiToken {self.sender}",
            "Content-Type": "application/x-ndjson",
        }


@cache
def filled(shape: DataShape) -> Filled:
    """Fills the tenant unless an earlier run has, and undoes changes of an interrupted run."""
    return run_command(lambda: prepare(shape))


async def prepare(shape: DataShape) -> Filled:
    await migrate_platform()
    tenant = await find_filled(shape) or await create_bench_tenant(shape)
    await restore(tenant.schema)
    with bound_to(tenant):
        reader = await api_keys.create_api_key(
            name="bench", scopes=ADVERTISER_SCOPES, advertiser=ADVERTISER, created_by="bench"
        )
        sender = await api_keys.create_api_key(name="bench", scopes=[INGEST], advertiser=None, created_by="bench")
    return Filled(tenant, reader.token, sender.token)


async def restore(schema: str) -> None:
    """Moves offers back to their original advertisers, and deletes the data that the benchmarks have ingested."""
    db = await asyncpg.connect(database_url())
    try:
        await db.execute(
            f"""
            UPDATE {schema}.offer SET advertiser = made.advertiser
            FROM (SELECT md5('o' || n)::uuid AS id, lpad(to_hex((n - 1) / 20), 32, '0')::uuid AS advertiser
                FROM generate_series(1, 1000) n) AS made
            WHERE made.id = offer.id AND made.advertiser <> offer.advertiser
            """
        )
        if await db.fetchval(f"SELECT EXISTS (SELECT FROM {schema}.event)"):
            for table in WITH_BUCKETS:
                await db.execute(f"DELETE FROM {schema}.{table} WHERE bucket >= '2025-01-01'", timeout=600)
                await db.execute(f"VACUUM {schema}.{table}", timeout=600)
            await db.execute(f"TRUNCATE {schema}.event, {schema}.conversion, {schema}.conversion_history")
    finally:
        await db.close()


async def find_filled(shape: DataShape) -> Tenant | None:
    """The tenant of an earlier run, if it is complete and has the current schema. Any other one is deleted."""
    try:
        tenant = await lifecycle.get_tenant(shape.slug)
    except GokartError:
        return None
    version = await TenantRow.select(TenantRow.version).where(TenantRow.slug == shape.slug).output(as_list=True)
    if version == [latest_version()]:
        async with connection() as db:
            if await db.fetchval(f"SELECT EXISTS (SELECT FROM {tenant.schema}.changed_month)"):  # filled last
                return tenant
    await lifecycle.delete_tenant(shape.slug, keep_dump=False)
    return None


async def create_bench_tenant(shape: DataShape) -> Tenant:
    tenant = await lifecycle.create_tenant(shape.slug, shape.slug)
    days = (shape.last_day - shape.first_day).days + 1
    with Console(stderr=True).status(f"Filling {shape.slug} with {days:,} days, once ..."):
        async with connection() as db:
            await db.execute(
                CATALOGUE.format(s=tenant.schema, first=shape.first_advertiser, last=shape.last_advertiser)
            )
        await asyncio.gather(*(fill_part(tenant.schema, shape, days, part) for part in range(FILLERS)))
        async with connection() as db:
            for table in BY_DAY_AND_HOUR:
                await db.execute(f"VACUUM ANALYZE {tenant.schema}.{table}", timeout=600)
            for statement in (HOURS, QUARTERS_OF_FEBRUARY_IN_KATHMANDU, SUMS):
                await db.execute(statement.format(s=tenant.schema, advertiser=ADVERTISER), timeout=600)
            for table in (*WITH_BUCKETS, "offer", "partner"):
                await db.execute(f"VACUUM ANALYZE {tenant.schema}.{table}", timeout=600)
    return tenant


async def fill_part(schema: str, shape: DataShape, days: int, part: int) -> None:
    """The days of one part of the pairs, in the order of time."""
    async with connection() as db, db.transaction():
        await db.execute(set_local_sql({"gokart.hours": "written"}))  # no trigger writes what HOURS does
        await db.execute(PAIRS.format(s=schema, of=FILLERS, part=part))
        for day in (shape.first_day + timedelta(n) for n in range(days)):
            if day in shape.cut:
                midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
                for quarter in range(96):
                    at = midnight + quarter * timedelta(minutes=15)
                    await db.execute(QUARTER.format(s=schema), at, timeout=60)
                await db.execute(DAY_OF_QUARTERS.format(s=schema), day, timeout=60)
            else:
                await db.execute(DAY.format(s=schema), day, timeout=60)
