from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T00:00:00:000000"


async def create() -> None:
    await execute_in_schema("CREATE TABLE {s}.note (id serial PRIMARY KEY, text text NOT NULL);")


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="notes", description="notes")
    manager.add_raw(create)
    return manager
