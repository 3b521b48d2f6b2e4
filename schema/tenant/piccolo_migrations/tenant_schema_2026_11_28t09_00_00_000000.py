"""Until when a process is sending an email: notifications and saved views."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T09:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "leases of emails"

LEASES = """
ALTER TABLE {s}.notification ADD COLUMN claimed_until timestamptz;
ALTER TABLE {s}.saved_view ADD COLUMN claimed_until timestamptz;
"""


async def create() -> None:
    await execute_in_schema(LEASES)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
