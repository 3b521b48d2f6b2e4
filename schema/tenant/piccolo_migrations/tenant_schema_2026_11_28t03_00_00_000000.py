"""Indexes of the audit log for its page: by person and by subject."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T03:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes of the audit log"

INDEXES = """
CREATE INDEX audit_log_actor_at_idx ON {s}.audit_log (actor, at);
CREATE INDEX audit_log_subject_key_at_idx ON {s}.audit_log (subject, key, at);
"""


async def create() -> None:
    await execute_in_schema(INDEXES)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
