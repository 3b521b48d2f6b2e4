"""The changes to past days that no import of history made are found without reading the imports."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T12:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "an index on what changed past days besides imports of history"

FORWARDS = """
CREATE INDEX restatement_not_imported_idx ON {s}.restatement (offer, bucket) WHERE cause <> 'import';
"""


async def create() -> None:
    await execute_in_schema(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
