"""Transactions that say so may change the audit log to erase a person (`auth.users.erasure`), and delete its old
entries (`jobs.cleanup`).
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_public

ID = "2026-11-27T20:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "erasure and retention of the audit log"

FORWARDS = """
CREATE OR REPLACE FUNCTION gokart_audit_log_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_setting('gokart.audit_log', true) = 'erase'
        OR TG_OP = 'DELETE' AND current_setting('gokart.audit_log', true) = 'expire'
    THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The audit log is not changed.';
END $$;
"""


async def create() -> None:
    await execute_in_public(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
