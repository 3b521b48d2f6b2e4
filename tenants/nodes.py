"""Which node of a Citus cluster a tenant is on, and moving it to another. `docs/citus.md` explains the cluster.

Without Citus there is one server, and `nodes_of` returns None.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import asyncpg
import msgspec

from core.errors import GokartError
from database.engine import engine, listen_url
from database.pool import connection
from database.transactions import lift_statement_timeout, quote_literal
from tenants.config import tenancy
from tenants.tenant import Tenant

NO_TIMEOUTS = {"lock_timeout": "0", "statement_timeout": "0"}  # which the role may have
NO_CITUS = "This database has no Citus: it is one server, and every tenant is on it (docs/citus.md)."
FIRST_MOVE_FAILED = (
    "Running requests of the tenant prevented its first move; it stays where it was."
    " Move it again, or suspend it meanwhile."
)
LOCK_ATTEMPTS = 60
LOCK_MILLISECONDS = 500  # less than deadlock_timeout: an attempt that deadlocks with a request ends before the request
UNDISTRIBUTED = "coordinator"  # where a tenant from before Citus is until it is moved to a node

# All tables of a tenant are on one node, so one table tells it. `{table}` is a table that every tenant has.
NODE_OF_SCHEMA_SQL = """
SELECT s.nspname AS schema, d.nodename || ':' || d.nodeport AS node
FROM pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace JOIN pg_dist_shard h ON h.logicalrelid = t.oid
    JOIN pg_dist_placement p ON p.shardid = h.shardid JOIN pg_dist_node d ON d.groupid = p.groupid
WHERE t.relname = {table} AND d.noderole = 'primary'
"""

# Statements that drop and restore each foreign key and trigger; partitions inherit theirs from their table.
CONSTRAINTS = """
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop_statement,
    format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        AS restore_statement
FROM pg_constraint WHERE connamespace = $1::text::regnamespace AND contype = 'f' AND conparentid = 0
UNION ALL
SELECT format('DROP TRIGGER %I ON %s', tgname, tgrelid::regclass), pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
WHERE c.relnamespace = $1::text::regnamespace AND NOT tgisinternal AND tgparentid = 0
"""

TABLES = """
SELECT oid::regclass::text AS name FROM pg_class
WHERE relnamespace = $1::text::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1
"""


_clusters: dict[str, bool] = {}  # by URL


def node_of_schema() -> str:
    return NODE_OF_SCHEMA_SQL.format(table=quote_literal(tenancy().citus_marker_table))


class Node(msgspec.Struct, frozen=True):
    """`tenants` is their number and `size` their size in bytes, or None if the node did not answer."""

    host: str
    port: int
    active: bool
    takes_tenants: bool
    tenants: int
    size: int | None

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


async def has_citus(db: asyncpg.Connection) -> bool:
    found: bool = await db.fetchval("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')")
    return found


async def is_cluster(db: asyncpg.Connection) -> bool:
    """Like has_citus, but asks once per process, for hot paths: restart the app when its database becomes a cluster."""
    url = engine().url
    if url not in _clusters:
        _clusters[url] = await has_citus(db)
    return _clusters[url]


async def is_distributed(db: asyncpg.Connection, schema: str) -> bool:
    return await has_citus(db) and await node_of(db, schema) is not None


async def node_of(db: asyncpg.Connection, schema: str) -> str | None:
    """The node's name, or None for an undistributed schema. Requires Citus."""
    node: str | None = await db.fetchval(f"SELECT node FROM ({node_of_schema()}) AS schemas WHERE schema = $1", schema)
    return node


async def nodes_of(tenants: Iterable[tuple[str, str]]) -> dict[str, str] | None:
    """Node names by slug, for pairs of slug and schema. None without Citus."""
    async with connection() as db:
        if not await has_citus(db):
            return None
        by_slug = dict(tenants)
        rows = await db.fetch(f"{node_of_schema()} AND s.nspname = ANY($1)", list(by_slug.values()))
    node_by_schema = {row["schema"]: row["node"] for row in rows}
    return {slug: node_by_schema.get(schema, UNDISTRIBUTED) for slug, schema in by_slug.items()}


async def list_nodes() -> list[Node]:
    """Raises GokartError without Citus."""
    async with connection() as db:
        await need_citus(db)
        return await nodes(db)


async def nodes(db: asyncpg.Connection) -> list[Node]:
    rows = await db.fetch(
        f"""
        SELECT nodename AS host, nodeport AS port, isactive AS active, shouldhaveshards AS takes_tenants,
            coalesce(tenants, 0) AS tenants
        FROM pg_dist_node
        LEFT JOIN (SELECT node, count(*) AS tenants FROM ({node_of_schema()}) AS schemas GROUP BY 1) AS counts
            ON node = nodename || ':' || nodeport
        WHERE noderole = 'primary' ORDER BY groupid
        """
    )
    sizes = await sizes_by_node(db)
    return [Node(**row, size=None if sizes is None else sizes[row["host"], row["port"]]) for row in rows]


async def sizes_by_node(db: asyncpg.Connection) -> Mapping[tuple[str, int], int] | None:
    """Bytes by host and port; None if a node does not answer."""
    try:
        rows = await db.fetch(
            "SELECT nodename, nodeport, sum(shard_size)::bigint AS size FROM citus_shards GROUP BY 1, 2"
        )
    except asyncpg.PostgresError:
        return None
    return Counter({(row["nodename"], row["nodeport"]): row["size"] for row in rows})


async def sizes_on_nodes(db: asyncpg.Connection, schemas: Sequence[str]) -> dict[str, int]:
    """Bytes of each schema on the worker nodes; empty without Citus. Omits nodes that do not answer.

    Sends one query to each worker; Citus's own views send one for every table. Sizes are those of the last VACUUM or
    ANALYZE: reading present ones would wait for tables that are locked.
    """
    if not schemas or not await has_citus(db):
        return {}
    names = ", ".join(f"'{schema}'" for schema in schemas)
    answers = await db.fetch(
        "SELECT result FROM run_command_on_workers($1) WHERE success",
        f"""
        SELECT coalesce(json_object_agg(schema, size), '{{}}') FROM (
            SELECT n.nspname AS schema,
                sum(greatest(c.relpages, 0)::bigint + greatest(t.relpages, 0)) * current_setting('block_size')::int
                    AS size
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
            WHERE n.nspname IN ({names}) AND c.relkind IN ('r', 'i') GROUP BY 1
        ) AS sizes
        """,
    )
    total = dict.fromkeys(schemas, 0)
    for answer in answers:
        for schema, size in msgspec.json.decode(answer["result"], type=dict[str, int]).items():
            total[schema] += size
    return total


async def distribute(db: asyncpg.Connection, schema: str) -> None:
    """Distributes the schema to a node that Citus chooses, in the running transaction.

    The tables are created locally first: Citus accepts fewer kinds of DDL on distributed tables.
    """
    await lift_statement_timeout(db)  # it copies what the tables contain
    async with without_constraints(db, schema):
        await db.execute("SELECT citus_schema_distribute($1::text::regnamespace)", schema)


@asynccontextmanager
async def without_constraints(db: asyncpg.Connection, schema: str) -> AsyncIterator[None]:
    """Drops the schema's foreign keys and triggers for the block. Citus distributes the tables in order of their names,
    ignoring references, and the audit triggers would record every row that is copied.
    """
    await db.execute("SET LOCAL citus.enable_unsafe_triggers TO on")
    await db.execute("SET LOCAL search_path TO ''")  # so that definitions are fully qualified
    constraints = await db.fetch(CONSTRAINTS, schema)
    await db.execute("SET LOCAL search_path TO DEFAULT")
    for constraint in constraints:
        await db.execute(constraint["drop_statement"])
    yield
    for constraint in constraints:
        await db.execute(constraint["restore_statement"])


async def move_tenant(tenant: Tenant, name: str) -> bool:
    """Moves the tenant to a node, named host or host:port. Returns False if it is there already.

    Reads and writes continue during the move; writes wait for its last moments. A tenant that no node has yet is locked
    until all of its data has been copied. Raises GokartError.
    """
    # Not through PgBouncer: a move can take hours.
    db = await asyncpg.connect(listen_url(), server_settings={"application_name": "gokart moving", **NO_TIMEOUTS})
    try:
        await need_citus(db)
        node = choose_node(await nodes(db), name)
        if await node_of(db, tenant.schema) is None:
            await distribute_in_use(db, tenant)
        elif await node_of(db, tenant.schema) == node.name:
            return False
        if await node_of(db, tenant.schema) != node.name:
            # By logical replication, although event tables have no replica identity: they are append-only.
            await db.execute(
                "SELECT citus_schema_move($1::text::regnamespace, $2::text, $3::int, 'force_logical')",
                *(tenant.schema, node.host, node.port),
            )
        return True
    finally:
        await db.close()


async def distribute_in_use(db: asyncpg.Connection, tenant: Tenant) -> None:
    """Distributes a tenant while it is used: its requests wait. Raises GokartError if they hold it up."""
    for _ in range(LOCK_ATTEMPTS):
        async with db.transaction():
            await db.execute("SELECT FROM tenant WHERE id = $1 FOR UPDATE", tenant.id)  # as a migration locks it
            if await try_to_lock_tables(db, tenant.schema):
                await distribute(db, tenant.schema)
                return
        await asyncio.sleep(random.uniform(0, 1))  # noqa: S311  # requests run meanwhile
    raise GokartError(f"{tenant.slug}: {FIRST_MOVE_FAILED}")


async def try_to_lock_tables(db: asyncpg.Connection, schema: str) -> bool:
    """Locks all tables of the schema until the running transaction ends. False, with none locked, if that takes longer
    than LOCK_MILLISECONDS in all, for example because a request holds one of them and waits for another.
    """
    tables = await db.fetch(TABLES, schema)
    try:
        async with db.transaction():
            await db.execute(f"SET LOCAL statement_timeout = {LOCK_MILLISECONDS}")
            await db.execute(f"LOCK TABLE {', '.join(row['name'] for row in tables)} IN ACCESS EXCLUSIVE MODE")
            await db.execute("SET LOCAL statement_timeout = 0")
    except (asyncpg.QueryCanceledError, asyncpg.DeadlockDetectedError):
        return False
    return True


def choose_node(candidates: Sequence[Node], name: str) -> Node:
    """Raises GokartError."""
    found = [node for node in candidates if name in {node.name, node.host}]
    if len(found) != 1:
        known = ", ".join(node.name for node in candidates if node.takes_tenants)
        raise GokartError(f"{name}: {'Say which port' if found else 'Unknown node'}. Nodes: {known or 'none'}.")
    if not (found[0].active and found[0].takes_tenants):
        raise GokartError(f"{found[0].name}: This node {'accepts no tenants' if found[0].active else 'is inactive'}.")
    return found[0]


async def need_citus(db: asyncpg.Connection) -> None:
    """Raises GokartError."""
    if not await has_citus(db):
        raise GokartError(NO_CITUS)
