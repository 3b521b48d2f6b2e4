"""The list of rejected records shows the beginning of messages that were stored before messages were bounded."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T02:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "bounded messages of rejected records"

LIST = """
CREATE OR REPLACE VIEW {s}.intake_reject_list AS
    SELECT r.id, i.received_at, i.kind, r.index, r.record, r.field, left(r.message, 300) AS message, t.name AS token
    FROM {s}.intake_reject r JOIN {s}.intake i ON i.id = r.intake LEFT JOIN {s}.api_token t ON t.id = i.token;
"""


async def create() -> None:
    await execute_in_schema(LIST)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
