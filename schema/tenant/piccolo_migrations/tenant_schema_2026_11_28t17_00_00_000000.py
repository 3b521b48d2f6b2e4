"""Intake keeps the earlier states of conversions in the statement that changes them; a trigger does it for others."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T17:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "intake keeps the earlier states of conversions itself"

FORWARDS = """
DROP TRIGGER keep_state ON {s}.conversion;
CREATE TRIGGER keep_state BEFORE UPDATE ON {s}.conversion FOR EACH ROW
    WHEN (current_setting('gokart.states', true) IS DISTINCT FROM 'written')
    EXECUTE FUNCTION {s}.keep_state();
"""


async def create() -> None:
    await execute_in_schema(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
