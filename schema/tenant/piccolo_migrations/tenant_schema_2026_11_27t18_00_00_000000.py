"""States of conversions follow each other, also if a transaction that began earlier changes a conversion last."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T18:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "states of conversions in order of time"

KEEP_STATE = """
CREATE OR REPLACE FUNCTION {s}.keep_state() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed_before timestamptz := coalesce(OLD.changed_at, OLD.received_at);
BEGIN
    IF (OLD.occurred_at, OLD.cost, OLD.offer, OLD.partner, OLD.status, OLD.rejection_reason)
        IS NOT DISTINCT FROM (NEW.occurred_at, NEW.cost, NEW.offer, NEW.partner, NEW.status, NEW.rejection_reason)
    THEN
        RETURN NEW;
    END IF;
    NEW.changed_at := greatest(now(), changed_before);
    INSERT INTO {s}.conversion_history (
        conversion, since, until, occurred_at, cost, offer, partner, status, rejection_reason, cause
    ) VALUES (
        OLD.id, changed_before, NEW.changed_at, OLD.occurred_at, OLD.cost, OLD.offer, OLD.partner, OLD.status,
        OLD.rejection_reason, OLD.cause
    );
    NEW.cause := {s}.cause_of_change();
    RETURN NEW;
END $$;
"""


async def create() -> None:
    await execute_in_schema(KEEP_STATE)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
