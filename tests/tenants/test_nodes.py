"""Tenants on the nodes of a Citus cluster, and the same commands and pages without Citus."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import asyncpg
import pytest

from database.engine import database_url
from tenants.migrations import latest_version
from tenants.nodes import NO_CITUS, TABLES, try_to_lock_tables
from tests.support.cli import cli_error, gokart
from tests.support.database import execute, locked, on_cluster
from tests.support.platform_pages import main_text, outdated_tenant, signed_in
from tests.support.sandbox import Sandbox, event_record, offer_record

pytestmark = pytest.mark.usefixtures("platform")

ONE_SERVER = pytest.mark.one_server("what the commands do without Citus")
WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted)"
NODES = "SELECT nodename || ':' || nodeport AS node FROM pg_dist_node WHERE shouldhaveshards AND noderole = 'primary'"


@pytest.fixture
def cluster() -> list[str]:
    """The names of the nodes that accept tenants."""
    if not on_cluster():
        pytest.skip("the tests' database has no Citus: docs/citus.md says how the tests get one that has")
    return [row["node"] for row in execute(f"{NODES} ORDER BY groupid")]


def node_of(sandbox: Sandbox) -> str:
    """The node that the command line shows."""
    (line,) = [
        line for line in gokart("tenants", "list").stdout.splitlines() if line.startswith(f"{sandbox.tenant.slug} ")
    ]
    return line.split()[-1]


# --- one server ---


@ONE_SERVER
def test_without_citus_listing_nodes_is_an_error() -> None:
    assert cli_error("nodes") == f"Error: {NO_CITUS}"


@ONE_SERVER
def test_without_citus_moving_is_an_error(sandbox: Sandbox) -> None:
    assert cli_error("tenants", "move", sandbox.tenant.slug, "worker-1") == f"Error: {NO_CITUS}"


def test_an_unknown_tenant_is_not_moved() -> None:
    assert cli_error("tenants", "move", "nobody", "worker-1") == "Error: There is no tenant 'nobody'."


@ONE_SERVER
def test_without_citus_lists_have_no_node_column(sandbox: Sandbox) -> None:
    heading, *_ = gokart("tenants", "list").stdout.splitlines()
    assert heading.split() == ["tenant", "name", "status", "created", "schema", "version"]
    browser = signed_in(sandbox, "viewer")
    assert "Schema On disk" in main_text(browser.get("/", params={"text": sandbox.tenant.slug}))
    assert "Node" not in main_text(browser.get(f"/tenants/{sandbox.tenant.slug}"))


@ONE_SERVER
def test_locking_a_tenant_for_its_first_move_deadlocks_with_no_request(sandbox: Sandbox) -> None:
    """The request holds the last table and then needs the first, for which it waits."""
    tables = [row["name"] for row in execute(TABLES, sandbox.tenant.schema)]

    async def work() -> tuple[bool, bool]:
        request, move = await asyncpg.connect(database_url()), await asyncpg.connect(database_url())
        try:
            async with request.transaction():
                await request.execute(f"LOCK TABLE {tables[-1]} IN ROW EXCLUSIVE MODE")
                async with move.transaction():
                    locking = asyncio.create_task(try_to_lock_tables(move, sandbox.tenant.schema))
                    while not await request.fetchval(WAITING, move.get_server_pid()):
                        pass
                    await request.execute(f"LOCK TABLE {tables[0]} IN ROW EXCLUSIVE MODE")
                    early = await locking
            async with move.transaction():
                return early, await try_to_lock_tables(move, sandbox.tenant.schema)
        finally:
            await request.close()
            await move.close()

    assert asyncio.run(work()) == (False, True)


# --- a cluster ---


def test_a_new_tenant_is_placed_on_a_node(cluster: list[str], sandbox: Sandbox) -> None:
    assert node_of(sandbox) in cluster
    (distributed,) = execute(
        "SELECT count(*) AS tables FROM pg_class WHERE relnamespace = $1::text::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = pg_class.oid)",
        sandbox.tenant.schema,
    )
    assert distributed["tables"] == 0
    rows = [line.split() for line in gokart("nodes").stdout.splitlines()[1:]]
    assert sum(int(row[-3].replace(",", "")) for row in rows) >= 1


@pytest.mark.usefixtures("cluster")
def test_the_platform_admin_shows_the_node(sandbox: Sandbox) -> None:
    browser = signed_in(sandbox, "viewer")
    assert node_of(sandbox) in main_text(browser.get("/", params={"text": sandbox.tenant.slug}))
    assert f"Node {node_of(sandbox)}" in main_text(browser.get(f"/tenants/{sandbox.tenant.slug}"))


def test_a_tenant_is_moved_during_reads_and_writes(cluster: list[str], sandbox: Sandbox) -> None:
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    here = node_of(sandbox)
    target = next(node for node in cluster if node != here)
    with ThreadPoolExecutor(1) as beside:
        moving = beside.submit(gokart, "tenants", "move", sandbox.tenant.slug, target)
        sent = 1
        while not moving.done():
            assert sandbox.send("events", [event_record(offer["id"])])["accepted"] == 1
            sent += 1
            (row,) = sandbox.report()
            assert row["totalClicks"] == sent
    assert moving.result().stdout == f"Moved {sandbox.tenant.slug} to {target}.\n"
    assert node_of(sandbox) == target
    assert sandbox.report()[0]["totalClicks"] == sent


@pytest.mark.usefixtures("cluster")
def test_moving_to_the_same_node_does_nothing(sandbox: Sandbox) -> None:
    here = node_of(sandbox)
    assert (
        gokart("tenants", "move", sandbox.tenant.slug, here).stdout == f"{sandbox.tenant.slug} is already on {here}.\n"
    )
    assert "Unknown node" in cli_error("tenants", "move", sandbox.tenant.slug, "nowhere:1")


@pytest.mark.usefixtures("cluster")
def test_a_tenant_on_a_node_is_migrated() -> None:
    """From the first version, whose tables are distributed before the others exist, with figures of two hours."""
    tenant = outdated_tenant()
    schema = f"t_{tenant}"
    for bucket in "09:00", "09:45", "10:15":
        execute(
            """
            INSERT INTO {s}.by_quarter (offer, bucket, partner, conversions, clicks, views, cost)
            VALUES (1, $1::timestamptz, 1, 1, 2, 3, 4)
            """,
            datetime.fromisoformat(f"2025-05-19T{bucket}Z"),
            schema=schema,
        )
    assert "1 migrated" in gokart("migrate", tenant).stdout
    (row,) = execute("SELECT version, migration_error FROM tenant WHERE slug = $1", tenant)
    assert row == {"version": latest_version(), "migration_error": None}
    hours = execute("SELECT bucket, conversions, clicks, views, cost FROM {s}.by_hour ORDER BY bucket", schema=schema)
    assert [tuple(row.values()) for row in hours] == [
        (datetime(2025, 5, 19, 9, tzinfo=UTC), 2, 4, 6, 8),
        (datetime(2025, 5, 19, 10, tzinfo=UTC), 1, 2, 3, 4),
    ]


@pytest.mark.usefixtures("cluster")
def test_a_locked_tenant_does_not_stop_the_list(sandbox: Sandbox, other_sandbox: Sandbox) -> None:
    browser = signed_in(sandbox, "viewer")
    with locked(f"{other_sandbox.tenant.schema}.intake"):
        page = main_text(browser.get("/", params={"text": sandbox.tenant.slug}))
        other = main_text(browser.get("/", params={"text": other_sandbox.tenant.slug}))
    assert "never never" in page
    assert "Unavailable" in other
