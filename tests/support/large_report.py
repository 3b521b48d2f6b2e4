"""A report that is so large that it is streamed: 146,400 daily rows of 2024."""

import asyncio

import asyncpg

from database.engine import database_url
from tests.support.sandbox import Sandbox

YEAR = {"date_from": "2024-01-01", "date_to": "2024-12-31"}
DAYS, OFFERS, PARTNERS = 366, 20, 20

CATALOGUE = """
INSERT INTO {s}.offer (id, advertiser, name)
SELECT gen_random_uuid(), '{owner}', 'Offer ' || n FROM generate_series(1, {offers}) n;
INSERT INTO {s}.partner (id, name)
SELECT gen_random_uuid(), 'Partner ' || n FROM generate_series(2, {partners}) n;
"""
# Of the catalogue's keys: a Citus cluster cannot insert from a join of tables with generate_series().
ROWS = """
FROM generate_series('2024-01-01'::date, '2024-12-31', '1 day') d, unnest($1::int[]) o, unnest($2::int[]) p
"""
BY_DAY = f"""
INSERT INTO {{s}}.by_day (offer, bucket, partner, cost, conversions, clicks, views)
SELECT o, d::date, p, o * 1000003 + p, 1, 2, 3 {ROWS} ORDER BY d, o, p
"""
BY_MONTH = f"""
INSERT INTO {{s}}.by_month (offer, bucket, partner, cost, conversions, clicks, views)
SELECT o, date_trunc('month', d)::date AS month, p, sum(o * 1000003 + p), count(*), count(*) * 2, count(*) * 3 {ROWS}
GROUP BY o, month, p
"""


def fill_large_report(sandbox: Sandbox) -> None:
    """Adds the rows to the owner's reports."""
    schema = sandbox.tenant.schema
    database(CATALOGUE.format(s=schema, owner=sandbox.owner, offers=OFFERS, partners=PARTNERS))
    offers, partners = [
        [row["key"] for row in database(f"SELECT key FROM {schema}.{table}")] for table in ("offer", "partner")
    ]
    for sql in (BY_DAY, BY_MONTH):
        database(sql.format(s=schema), offers, partners)
    database(f"ANALYZE {schema}.by_day, {schema}.by_month, {schema}.offer, {schema}.partner")


def database(statement: str, *args: object) -> list[asyncpg.Record]:
    async def work() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(database_url())
        try:
            if args or statement.lstrip().startswith("SELECT"):
                return await connection.fetch(statement, *args)
            await connection.execute(statement)
            return []
        finally:
            await connection.close()

    return asyncio.run(work())


def backends(sandbox: Sandbox) -> list[int]:
    """The process ids of the backends that are busy with this tenant's data, without their parallel workers."""
    found = database(
        """
        SELECT pid FROM pg_stat_activity
        WHERE state = 'active' AND pid <> pg_backend_pid() AND leader_pid IS NULL AND query LIKE '%' || $1 || '%'
        """,
        sandbox.tenant.schema,
    )
    return [row["pid"] for row in found]


def held(sandbox: Sandbox) -> list[asyncpg.Record]:
    """The backends that a stream of this tenant's Singular report holds: busy, or idle between two chunks."""
    sql = """
        SELECT pid FROM pg_stat_activity
        WHERE state <> 'idle' AND pid <> pg_backend_pid() AND leader_pid IS NULL AND query LIKE $1
    """
    return database(sql, f"%{sandbox.tenant.schema}.offer%AS position%")


def kill_backends(sandbox: Sandbox) -> None:
    """Terminates the backends that have a report of this tenant open, including those between two chunks."""
    database(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE state <> 'idle' AND pid <> pg_backend_pid() AND query LIKE '%' || $1 || '%'
        """,
        sandbox.tenant.schema,
    )
