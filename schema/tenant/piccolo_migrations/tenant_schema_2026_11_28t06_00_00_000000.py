"""Views of the dashboard that users have saved, some of them sent by email."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T06:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "saved views"

SAVED_VIEWS = """
CREATE TABLE {s}.saved_view (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    advertiser uuid NOT NULL,
    login int NOT NULL REFERENCES {s}.advertiser_login ON DELETE CASCADE,
    sent_for date NOT NULL,
    schedule varchar(10) NOT NULL,
    name varchar(100) NOT NULL,
    query varchar(2000) NOT NULL,
    CONSTRAINT saved_view_schedule_check CHECK (schedule::text = ANY ('{{never,daily,weekly,monthly}}'::text[]))
);
CREATE INDEX saved_view_login_idx ON {s}.saved_view (login);
CREATE INDEX saved_view_scheduled_idx ON {s}.saved_view (id) WHERE schedule <> 'never';
"""


async def create() -> None:
    await execute_in_schema(SAVED_VIEWS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
