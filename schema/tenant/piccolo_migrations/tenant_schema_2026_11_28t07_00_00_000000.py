"""The tenant's logo, support contact and time zone."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T07:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "logo, support contact and time zone of the tenant"

# Requests keep these settings in memory: the trigger tells them of changes. `digest` is in the logo's URL.
FORWARDS = """
ALTER TABLE {s}.setting ADD COLUMN support_email varchar(320);
ALTER TABLE {s}.setting ADD COLUMN support_url varchar(500);
ALTER TABLE {s}.setting ADD COLUMN time_zone varchar(64) NOT NULL DEFAULT 'UTC';
CREATE TRIGGER check_time_zone BEFORE UPDATE OF time_zone ON {s}.setting
    FOR EACH ROW WHEN (NEW.time_zone <> OLD.time_zone) EXECUTE FUNCTION {s}.check_time_zone();
CREATE TRIGGER changed AFTER UPDATE OF support_email, support_url, time_zone ON {s}.setting
    FOR EACH ROW EXECUTE FUNCTION public.gokart_schema_changed();

CREATE TABLE {s}.logo (
    id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    name varchar(20) NOT NULL DEFAULT 'logo',
    digest varchar(32) NOT NULL,
    media_type varchar(20) NOT NULL CHECK (media_type::text = ANY ('{{image/png,image/jpeg,image/webp}}'::text[])),
    width int NOT NULL CHECK (width BETWEEN 1 AND 1000),
    height int NOT NULL CHECK (height BETWEEN 1 AND 1000),
    content bytea NOT NULL CHECK (length(content) <= 100000)
);
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {s}.logo
    FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('content');
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON {s}.logo
    FOR EACH ROW EXECUTE FUNCTION public.gokart_schema_changed();
"""


async def create() -> None:
    await execute_in_schema(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
