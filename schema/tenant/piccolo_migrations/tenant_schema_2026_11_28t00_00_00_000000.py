"""Rejected records as they were sent, for staff to fix and replay, and an index for the batches of an API key."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T00:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "rejected records as sent"

REJECTED_RECORD = """
CREATE TABLE {s}.rejected_record (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    digest uuid NOT NULL UNIQUE,
    cause uuid NOT NULL,
    kind varchar(12) NOT NULL,
    token int NOT NULL,
    record varchar(200),
    field varchar(100) NOT NULL,
    message text NOT NULL,
    reason text NOT NULL,
    payload text,
    size int NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    resolution varchar(10) CHECK (resolution::text = ANY ('{{replayed,dismissed}}'::text[])),
    resolved_at timestamptz,
    resolved_by varchar(320),
    fixed text
);
CREATE INDEX ON {s}.rejected_record (last_at, id);
CREATE INDEX ON {s}.rejected_record (cause, id) WHERE resolved_at IS NULL;

CREATE TRIGGER audit AFTER UPDATE OF resolved_at ON {s}.rejected_record
    FOR EACH ROW WHEN (coalesce(current_setting('gokart.actor', true), '') NOT LIKE 'intake:%')
    EXECUTE FUNCTION public.gokart_audit('payload', 'fixed');

CREATE INDEX ON {s}.intake (token, received_at);
"""


async def create() -> None:
    await execute_in_schema(REJECTED_RECORD)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
