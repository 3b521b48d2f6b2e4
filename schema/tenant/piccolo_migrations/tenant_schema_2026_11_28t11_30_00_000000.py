"""New advertisers get the tenant's time zone."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T11:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "new advertisers get the tenant's time zone"

# The zone of `setting` has been checked: intake may create thousands of advertisers, and pg_timezone_names reads a file
# for each zone.
FORWARDS = """
CREATE FUNCTION {s}.default_time_zone() RETURNS varchar LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT time_zone FROM {s}.setting), 'UTC')
$$;
ALTER TABLE {s}.advertiser ALTER COLUMN time_zone SET DEFAULT {s}.default_time_zone();

CREATE OR REPLACE FUNCTION {s}.check_time_zone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.time_zone <> {s}.default_time_zone()
        AND NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = NEW.time_zone)
    THEN
        RAISE EXCEPTION '% is not the IANA name of a time zone, such as Europe/Berlin.', NEW.time_zone
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
"""


async def create() -> None:
    await execute_in_schema(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
