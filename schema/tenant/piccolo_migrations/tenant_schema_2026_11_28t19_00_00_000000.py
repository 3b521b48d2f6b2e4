"""A trigger gives new advertisers the time zone of the tenant: on Citus, a default must not read a table."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T19:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "a trigger gives new advertisers the tenant's time zone"

FORWARDS = """
CREATE OR REPLACE FUNCTION {s}.check_time_zone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.time_zone IS NULL THEN
        NEW.time_zone := {s}.default_time_zone();
    ELSIF NEW.time_zone <> {s}.default_time_zone()
        AND NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = NEW.time_zone)
    THEN
        RAISE EXCEPTION '% is not the IANA name of a time zone, such as Europe/Berlin.', NEW.time_zone
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
DROP TRIGGER check_time_zone_of_new ON {s}.advertiser;
CREATE TRIGGER check_time_zone_of_new BEFORE INSERT ON {s}.advertiser
    FOR EACH ROW WHEN (NEW.time_zone IS DISTINCT FROM 'UTC') EXECUTE FUNCTION {s}.check_time_zone();
ALTER TABLE {s}.advertiser ALTER COLUMN time_zone DROP DEFAULT;
"""


async def create() -> None:
    await execute_in_schema(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
