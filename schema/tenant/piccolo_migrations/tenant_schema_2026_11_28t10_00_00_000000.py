"""Staff save views of their dashboard too."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T10:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "saved views of staff"

STAFF_VIEWS = """
ALTER TABLE {s}.saved_view ADD COLUMN staff int;
ALTER TABLE {s}.saved_view ALTER COLUMN login DROP NOT NULL, ALTER COLUMN advertiser DROP NOT NULL;
ALTER TABLE {s}.saved_view
    ADD CONSTRAINT saved_view_staff_fkey FOREIGN KEY (staff) REFERENCES {s}.staff ON DELETE CASCADE;
ALTER TABLE {s}.saved_view
    ADD CONSTRAINT saved_view_owner_check CHECK (
        (staff IS NULL) <> (login IS NULL) AND (login IS NULL) = (advertiser IS NULL)
    );
CREATE INDEX saved_view_staff_idx ON {s}.saved_view (staff);
"""


async def create() -> None:
    await execute_in_schema(STAFF_VIEWS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
