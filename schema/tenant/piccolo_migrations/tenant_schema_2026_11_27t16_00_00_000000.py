"""What the change feed, the status and reports as of an earlier time need."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T16:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "change feed, last batches of a kind, time zones with the time they apply from"

# The transaction of a month is never below that of one of its days, as ingest/sql/rollups.sql says.
MONTHS = """
CREATE OR REPLACE FUNCTION {s}.stamp_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.xid := pg_current_xact_id();
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME LIKE 'changed_month%' THEN
        NEW.xid := greatest(OLD.xid, NEW.xid);
    END IF;
    RETURN NEW;
END $$;
"""

BATCHES = """
CREATE INDEX intake_kind_received_at_idx ON {s}.intake (kind, received_at) WHERE accepted > 0;
"""

# The log has changes to days that had ended in a time zone since the advertiser has that zone. Null: always.
TIME_ZONES = """
ALTER TABLE {s}.advertiser ADD COLUMN time_zone_since timestamptz;
CREATE FUNCTION {s}.record_time_zone_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.time_zone_since := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER record_time_zone_change BEFORE UPDATE OF time_zone ON {s}.advertiser
    FOR EACH ROW WHEN (NEW.time_zone <> OLD.time_zone) EXECUTE FUNCTION {s}.record_time_zone_change();
"""


async def create() -> None:
    for sql in MONTHS, BATCHES, TIME_ZONES:
        await execute_in_schema(sql)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
