"""The test processes' databases on a Citus cluster: a new database knows nothing of the cluster's nodes."""

from urllib.parse import urlsplit

import asyncpg

WORKERS = "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid <> 0 AND noderole = 'primary' ORDER BY groupid"


async def join_nodes(cluster: str, database: str) -> None:
    """Makes the new database, whose URL is `database`, one of the same cluster as that at `cluster`, if it is of one.
    The tests have to reach the workers by the names that the coordinator has for them.
    """
    outside = await asyncpg.connect(cluster)
    try:
        if not await outside.fetchval("SELECT to_regclass('pg_catalog.pg_dist_node') IS NOT NULL"):
            return
        workers = await outside.fetch(WORKERS)
        here = await outside.fetchrow("SELECT nodename, nodeport FROM pg_dist_node WHERE groupid = 0")
        name = urlsplit(database).path[1:]
        await outside.execute("SELECT run_command_on_workers($1)", f"CREATE DATABASE {name}")
    finally:
        await outside.close()
    for worker in workers:
        await run_in_tenant(at(database, worker["nodename"], worker["nodeport"]), "CREATE EXTENSION citus")
    await run_in_tenant(database, "CREATE EXTENSION citus")
    if here is not None:
        await run_in_tenant(database, "SELECT citus_set_coordinator_host($1, $2)", *here)
    for worker in workers:
        await run_in_tenant(database, "SELECT citus_add_node($1, $2)", *worker)


async def leave_nodes(cluster: str, name: str) -> None:
    """Drops the database of that name on the workers."""
    outside = await asyncpg.connect(cluster)
    try:
        if await outside.fetchval("SELECT to_regclass('pg_catalog.pg_dist_node') IS NOT NULL"):
            await outside.execute("SELECT run_command_on_workers($1)", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await outside.close()


def at(url: str, host: str, port: int) -> str:
    parts = urlsplit(url)
    who, mark, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{who}{mark}{host}:{port}").geturl()


async def run_in_tenant(url: str, statement: str, *args: object) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, *args)
    finally:
        await connection.close()
