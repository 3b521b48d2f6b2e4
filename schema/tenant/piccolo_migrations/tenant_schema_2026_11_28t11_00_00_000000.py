"""Which users of an advertiser its own administrators deactivated, and not staff."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T11:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "users deactivated by their team"

# A trigger sets it, because Piccolo Admin, and processes of the last release, change `active` too.
FORWARDS = """
ALTER TABLE {s}.advertiser_login ADD COLUMN deactivated_by_team boolean NOT NULL DEFAULT false;
CREATE FUNCTION {s}.record_deactivation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.deactivated_by_team :=
        NOT NEW.active AND coalesce(current_setting('gokart.actor', true), '') LIKE 'advertiser:%';
    RETURN NEW;
END $$;
CREATE TRIGGER record_deactivation BEFORE UPDATE OF active ON {s}.advertiser_login
    FOR EACH ROW WHEN (NEW.active <> OLD.active) EXECUTE FUNCTION {s}.record_deactivation();
"""


async def create() -> None:
    await execute_in_schema(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
