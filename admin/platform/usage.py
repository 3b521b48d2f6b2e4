"""Size and activity of tenants. Each tenant is queried separately: where its schema is outdated or locked, its usage
is unknown, and the other tenants do not wait.
"""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from database.pool import SCHEMA_ERRORS, Connection, connection
from database.transactions import set_local_sql
from tenants.nodes import sizes_on_nodes
from tenants.tenant import Tenant, schema_of

LOCK_TIMEOUT = "500ms"
USAGE_UNKNOWN = (*SCHEMA_ERRORS, asyncpg.LockNotAvailableError)


class TenantUsage(msgspec.Struct, frozen=True):
    """`size` in bytes on disk, indexes included. `last_report` is when an advertiser's API key was last used."""

    size: int | None = None
    last_intake: datetime | None = None
    last_report: datetime | None = None
    known: bool = True


class TenantCounts(msgspec.Struct, frozen=True):
    advertisers: int
    offers: int
    partners: int
    staff: int
    advertiser_users: int
    active_api_keys: int


async def read_tenant_usage(slugs: Sequence[str]) -> dict[str, TenantUsage]:
    schemas = {slug: schema_of(slug) for slug in slugs}
    async with connection() as db:
        tables = await table_oids(db, list(schemas.values()))
        elsewhere = await sizes_on_nodes(db, list(schemas.values()))
        return {
            slug: await read_one_usage(db, schema, tables.get(schema, []), elsewhere.get(schema, 0))
            for slug, schema in schemas.items()
        }


async def table_oids(db: Connection, schemas: list[str]) -> dict[str, list[int]]:
    """OIDs of each schema's tables on this server, including partitions."""
    rows = await db.fetch(
        """
        SELECT n.nspname AS schema, array_agg(c.oid) AS tables
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY($1) AND c.relkind = 'r' GROUP BY 1
        """,
        schemas,
    )
    return {row["schema"]: row["tables"] for row in rows}


async def read_one_usage(db: Connection, schema: str, tables: list[int], elsewhere: int) -> TenantUsage:
    """`elsewhere`: the bytes of its tables on other nodes."""
    try:
        size = await fetch_one_row(
            db,
            "SELECT sum(pg_total_relation_size(oid))::bigint AS bytes FROM unnest($1::oid[]) AS oid",
            tables,
        )
        times = await fetch_one_row(
            db,
            f"""
            SELECT (SELECT max(received_at) FROM {schema}.intake) AS last_intake,
                (SELECT max(last_used_at) FROM {schema}.api_token WHERE advertiser IS NOT NULL) AS last_report
            """,
        )
    except USAGE_UNKNOWN:
        return TenantUsage(known=False)
    return TenantUsage(size=(size["bytes"] or 0) + elsewhere, **times)


async def read_tenant_counts(tenant: Tenant) -> TenantCounts | None:
    """None where the schema is outdated or locked."""
    s = tenant.schema
    async with connection() as db:
        try:
            row = await fetch_one_row(
                db,
                f"""
                SELECT (SELECT count(*) FROM {s}.advertiser) AS advertisers, (SELECT count(*) FROM {s}.offer) AS offers,
                    (SELECT count(*) FROM {s}.partner) AS partners,
                    (SELECT count(*) FROM {s}.staff WHERE active) AS staff,
                    (SELECT count(*) FROM {s}.advertiser_login WHERE active) AS advertiser_users,
                    (SELECT count(*) FROM {s}.api_token
                        WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())) AS active_api_keys
                """,
            )
        except USAGE_UNKNOWN:
            return None
    return TenantCounts(**row)


async def fetch_one_row(db: Connection, sql: str, *args: object) -> asyncpg.Record:
    """Fetches one row in a transaction of its own, with a lock timeout. Raises one of USAGE_UNKNOWN."""
    async with db.transaction(readonly=True):
        await db.execute(set_local_sql({"lock_timeout": LOCK_TIMEOUT}))
        row = await db.fetchrow(sql, *args)
    assert row is not None
    return row
