"""How it stands with tenants. Each is asked by itself, on its own schema: of one that is of another version, or
locked by whoever works on it, nothing is known, and the others are not kept waiting.
"""

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from database.pool import SCHEMA_ERRORS, Connection, connection
from tenants.nodes import sizes_on_nodes
from tenants.tenant import Tenant, schema_of

LONGEST_LOCK = "500ms"
NOT_KNOWN = (*SCHEMA_ERRORS, asyncpg.LockNotAvailableError)


class Figures(msgspec.Struct, frozen=True):
    """`size` in bytes on disk, indexes included. `last_report` is when a token of an advertiser was last used."""

    size: int | None = None
    last_intake: datetime | None = None
    last_report: datetime | None = None
    known: bool = True


class Counts(msgspec.Struct, frozen=True):
    advertisers: int
    offers: int
    partners: int
    staff: int
    logins: int
    live_tokens: int


async def figures_of(slugs: Sequence[str]) -> dict[str, Figures]:
    schemas = {slug: schema_of(slug) for slug in slugs}
    async with connection() as db:
        tables = await tables_of(db, list(schemas.values()))
        elsewhere = await sizes_on_nodes(db, list(schemas.values()))
        return {
            slug: await one(db, schema, tables.get(schema, []), elsewhere.get(schema, 0))
            for slug, schema in schemas.items()
        }


async def tables_of(db: Connection, schemas: list[str]) -> dict[str, list[int]]:
    """The OIDs of each schema's tables on this server, partitions among them."""
    rows = await db.fetch(
        """
        SELECT n.nspname AS schema, array_agg(c.oid) AS tables
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY($1) AND c.relkind = 'r' GROUP BY 1
        """,
        schemas,
    )
    return {row["schema"]: row["tables"] for row in rows}


async def one(db: Connection, schema: str, tables: list[int], elsewhere: int) -> Figures:
    """`elsewhere` are the bytes that it has on other servers."""
    try:
        size = await ask(
            db,
            "SELECT sum(pg_total_relation_size(oid))::bigint AS bytes FROM unnest($1::oid[]) AS oid",
            tables,
        )
        times = await ask(
            db,
            f"""
            SELECT (SELECT max(received_at) FROM {schema}.intake) AS last_intake,
                (SELECT max(last_used_at) FROM {schema}.api_token WHERE advertiser IS NOT NULL) AS last_report
            """,
        )
    except NOT_KNOWN:
        return Figures(known=False)
    return Figures(size=(size["bytes"] or 0) + elsewhere, **times)


async def counts_of(tenant: Tenant) -> Counts | None:
    """None where they are not known."""
    s = tenant.schema
    async with connection() as db:
        try:
            row = await ask(
                db,
                f"""
                SELECT (SELECT count(*) FROM {s}.advertiser) AS advertisers, (SELECT count(*) FROM {s}.offer) AS offers,
                    (SELECT count(*) FROM {s}.partner) AS partners,
                    (SELECT count(*) FROM {s}.staff WHERE active) AS staff,
                    (SELECT count(*) FROM {s}.advertiser_login WHERE active) AS logins,
                    (SELECT count(*) FROM {s}.api_token
                        WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())) AS live_tokens
                """,
            )
        except NOT_KNOWN:
            return None
    return Counts(**row)


async def ask(db: Connection, sql: str, *args: object) -> asyncpg.Record:
    """The one row. Raises NOT_KNOWN, after which the connection is as before."""
    async with db.transaction(readonly=True):
        await db.execute(f"SET LOCAL lock_timeout = '{LONGEST_LOCK}'")
        row = await db.fetchrow(sql, *args)
    assert row is not None
    return row
