"""A function that executes a statement for each of several tenants: see `auth.api_keys.each_schema`."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_public

ID = "2026-11-28T22:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "a function for short statements of many tenants"

# A tenant whose table is locked, by a migration for example, must not keep the others waiting.
FORWARDS = """
CREATE FUNCTION gokart_execute_each(statements text[], arguments json[]) RETURNS void LANGUAGE plpgsql
SET lock_timeout = '200ms' AS $$
BEGIN
    FOR i IN 1 .. cardinality(statements) LOOP
        EXECUTE statements[i] USING arguments[i];
    END LOOP;
END $$;
"""


async def create() -> None:
    await execute_in_public(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
