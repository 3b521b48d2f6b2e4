"""Joins the test processes' databases to a Citus cluster: a new database does not know the cluster's nodes."""

from urllib.parse import urlsplit

import asyncpg

WORKERS = "SELECT nodename, nodeport FROM pg_dist_node WHERE groupid <> 0 AND noderole = 'primary' ORDER BY groupid"


async def join_nodes(cluster: str, database: str) -> None:
    """Adds the new database, whose URL is `database`, to the Citus cluster of the database at the URL `cluster`.

    Does nothing where that database has no cluster. The test process must be able to resolve the workers' names.
    """
    connection = await asyncpg.connect(cluster)
    try:
        if not await connection.fetchval("SELECT to_regclass('pg_catalog.pg_dist_node') IS NOT NULL"):
            return
        workers = await connection.fetch(WORKERS)
        coordinator = await connection.fetchrow("SELECT nodename, nodeport FROM pg_dist_node WHERE groupid = 0")
        name = urlsplit(database).path[1:]
        await connection.execute("SELECT run_command_on_workers($1)", f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    for worker in workers:
        await execute_once(url_at(database, worker["nodename"], worker["nodeport"]), "CREATE EXTENSION citus")
    await execute_once(database, "CREATE EXTENSION citus")
    if coordinator is not None:
        await execute_once(database, "SELECT citus_set_coordinator_host($1, $2)", *coordinator)
    for worker in workers:
        await execute_once(database, "SELECT citus_add_node($1, $2)", *worker)


async def leave_nodes(cluster: str, name: str) -> None:
    """Drops the database of that name on the workers."""
    connection = await asyncpg.connect(cluster)
    try:
        if await connection.fetchval("SELECT to_regclass('pg_catalog.pg_dist_node') IS NOT NULL"):
            drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
            await connection.execute("SELECT run_command_on_workers($1)", drop)
    finally:
        await connection.close()


def url_at(url: str, host: str, port: int) -> str:
    """The URL with another host and port, and the same credentials."""
    parts = urlsplit(url)
    credentials, separator, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{credentials}{separator}{host}:{port}").geturl()


async def execute_once(url: str, statement: str, *args: object) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, *args)
    finally:
        await connection.close()
