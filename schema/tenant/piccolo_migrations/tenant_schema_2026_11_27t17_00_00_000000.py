"""When an offer or a partner changed last, for lists that clients copy. Null: not since this migration."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T17:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "when offers and partners changed"

UPDATED_AT = """
ALTER TABLE {s}.offer ADD COLUMN updated_at timestamptz;
ALTER TABLE {s}.offer ALTER COLUMN updated_at SET DEFAULT now();
ALTER TABLE {s}.partner ADD COLUMN updated_at timestamptz;
ALTER TABLE {s}.partner ALTER COLUMN updated_at SET DEFAULT now();

CREATE OR REPLACE FUNCTION {s}.raise_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.updated_at := now();
    RETURN NEW;
END $$;
"""


async def create() -> None:
    await execute_in_schema(UPDATED_AT)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
