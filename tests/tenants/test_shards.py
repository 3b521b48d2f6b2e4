"""The schema on a Citus cluster: tables have other names on the nodes, and triggers run there, where no process listens
for NOTIFY.

The tests use one server, with tables that are named as on a node.
"""

import asyncio
from collections.abc import Callable
from uuid import uuid4

import asyncpg
import pytest

from database.audit_context import Actor, acting_as
from database.engine import database_url
from database.transactions import transaction
from tenants.cache import CHANNEL
from tenants.migrations import split_statements
from tenants.nodes import without_constraints
from tests.support.api_key_cast import id_of
from tests.support.app_calls import run
from tests.support.cli import gokart
from tests.support.database import execute
from tests.support.people import audit, staff_browser
from tests.support.piccolo_admin import change, piccolo_admin_browser
from tests.support.sandbox import MAY, SINGULAR, Sandbox, event_record, offer_record
from tests.support.wait import wait_for_value


def as_on_a_node(sandbox: Sandbox, *tables: str) -> None:
    for table in tables:
        execute(f"ALTER TABLE {{s}}.{table} RENAME TO {table}_102008", schema=sandbox.tenant.schema)


def without_triggers(sandbox: Sandbox) -> None:
    """Removes the notifying triggers: on a cluster, no process receives their notifications."""
    for table in ("api_token", "advertiser"):
        execute(f"DROP TRIGGER changed ON {{s}}.{table}", schema=sandbox.tenant.schema)


@pytest.mark.one_server("it simulates a node")
def test_the_audit_log_omits_the_shard_number(sandbox: Sandbox) -> None:
    as_on_a_node(sandbox, "advertiser")
    execute("UPDATE {s}.advertiser_102008 SET name = 'Renamed' WHERE name = 'Owner'", schema=sandbox.tenant.schema)
    last = audit(sandbox)[-1]
    assert (last["subject"], last["action"], last["label"]) == ("advertiser", "changed", "Renamed")


@pytest.mark.one_server("it simulates a node")
def test_triggers_on_a_node_do_not_notify(sandbox: Sandbox) -> None:
    """A commit on two nodes prepares the transaction, and PostgreSQL cannot prepare one that has notified."""
    heard: list[object] = []
    as_on_a_node(sandbox, "api_token")

    async def listen() -> None:
        connection = await asyncpg.connect(database_url())
        try:
            await connection.add_listener(CHANNEL, lambda *message: heard.append(message[-1]))
            await connection.execute(f"UPDATE {sandbox.tenant.schema}.api_token_102008 SET revoked_at = now()")
            await connection.execute(f"UPDATE {sandbox.tenant.schema}.advertiser SET status = 'paused'")
            await connection.execute("SELECT 1")  # notifications arrive before the response
        finally:
            await connection.close()

    asyncio.run(listen())
    assert heard.count(sandbox.tenant.schema) == 1


def revoked(sandbox: Sandbox) -> None:
    assert gokart("api-keys", "revoke", sandbox.tenant.slug, str(id_of(sandbox, sandbox.owner_key))).exit_code == 0


def rotated_with_no_grace(sandbox: Sandbox) -> None:
    token = str(id_of(sandbox, sandbox.owner_key))
    assert gokart("api-keys", "rotate", sandbox.tenant.slug, token, "--grace-days", "0").exit_code == 0


def paused(sandbox: Sandbox) -> None:
    assert gokart("advertisers", "set", sandbox.tenant.slug, str(sandbox.owner), "--paused").exit_code == 0


def paused_in_the_admin(sandbox: Sandbox) -> None:
    assert change(piccolo_admin_browser(sandbox), "advertiser", sandbox.owner, status="paused").status_code == 200


def key_restricted_to_another_network_in_the_admin(sandbox: Sandbox) -> None:
    key = id_of(sandbox, sandbox.owner_key)
    response = change(piccolo_admin_browser(sandbox), "api_token", key, networks=["192.0.2.0/24"])
    assert response.status_code == 200, response.text


def singular_off_in_the_admin(sandbox: Sandbox) -> None:
    response = staff_browser(sandbox, "manager").post(f"/staff/singular/{sandbox.owner}", data={"singular": "off"})
    assert response.status_code == 303


@pytest.mark.parametrize(
    ("change_it", "status"),
    [
        (revoked, 401),
        (rotated_with_no_grace, 401),
        (paused, 403),
        (paused_in_the_admin, 403),
        (key_restricted_to_another_network_in_the_admin, 403),
        (singular_off_in_the_admin, 403),
    ],
)
def test_changes_invalidate_caches_without_triggers(
    sandbox: Sandbox, change_it: Callable[[Sandbox], None], status: int
) -> None:
    without_triggers(sandbox)
    assert sandbox.get(SINGULAR, **MAY).status_code == 200
    assert sandbox.get(SINGULAR, **MAY).status_code == 200
    change_it(sandbox)
    assert wait_for_value(lambda: sandbox.get(SINGULAR, **MAY).status_code, status)


@pytest.mark.parametrize("name", ["staff:o'brien@example.com", "staff:back\\slash'@example.com", "staff:x'; SELECT 1"])
def test_the_audit_log_records_any_actor_name(sandbox: Sandbox, name: str) -> None:
    async def work() -> None:
        with acting_as(Actor(name)):
            async with transaction() as db:
                await db.execute(f"UPDATE {sandbox.tenant.schema}.advertiser SET name = 'Renamed' WHERE name = 'Owner'")

    run(work)
    assert audit(sandbox)[-1]["actor"] == name


DEFINITIONS = """
SELECT conrelid::regclass::text AS of, conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE connamespace = $1::text::regnamespace
UNION ALL
SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
    WHERE relnamespace = $1::text::regnamespace AND NOT tgisinternal
ORDER BY 1, 2
"""
LEFT = (
    "SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = $1::text::regnamespace"
)


@pytest.mark.one_server("it simulates a node")
def test_constraints_and_triggers_are_dropped_for_a_distribution_and_restored(sandbox: Sandbox) -> None:
    """Foreign keys are triggers too."""
    offer = offer_record(sandbox)
    sandbox.send("offers", [offer])
    sandbox.send("events", [event_record(offer["id"])])
    schema = sandbox.tenant.schema
    before = execute(DEFINITIONS, schema)

    async def work() -> int:
        async with transaction() as db, without_constraints(db, schema):
            left: int = await db.fetchval(LEFT, schema)
        return left

    assert run(work) == 0
    assert execute(DEFINITIONS, schema) == before
    assert len([row for row in before if "TRIGGER" in row["definition"]]) > 10


@pytest.mark.usefixtures("platform")
def test_a_migration_can_run_statement_by_statement() -> None:
    name = f"public.probe_{uuid4().hex[:8]}"
    script = f"""
        -- A comment; with a semicolon, and somebody's quote.
        CREATE TABLE {name} (word text DEFAULT 'a;b''c' CHECK (word <> '--;')); -- after it
        CREATE FUNCTION {name}_said() RETURNS text LANGUAGE plpgsql AS $$
        BEGIN
            RETURN 'one; two'; -- nobody's
        END $$;
        INSERT INTO {name} VALUES ({name}_said() || '-' || 1 - 2);
        INSERT INTO {name} DEFAULT VALUES"""
    statements = split_statements(script)
    assert len(statements) == 4
    for statement in statements:
        execute(statement)
    assert [row["word"] for row in execute(f"SELECT word FROM {name}")] == ["one; two--1", "a;b'c"]
    execute(f"DROP TABLE {name}")
    execute(f"DROP FUNCTION {name}_said")
