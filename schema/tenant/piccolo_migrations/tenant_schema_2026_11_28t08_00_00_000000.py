"""Which staff sessions view the portal as an advertiser sees it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T08:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "staff view the portal as an advertiser sees it"

# The view ends with its session, or at `until`, which the entry of its start in the audit log has. `name` is the
# advertiser's when the view began.
FORWARDS = """
CREATE TABLE {s}.advertiser_view (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    session bigint NOT NULL UNIQUE REFERENCES {s}.session ON DELETE CASCADE,
    advertiser uuid NOT NULL REFERENCES {s}.advertiser ON DELETE CASCADE,
    name varchar(500) NOT NULL,
    until timestamptz NOT NULL
);
CREATE INDEX advertiser_view_advertiser_idx ON {s}.advertiser_view (advertiser);
CREATE TRIGGER audit_start AFTER INSERT ON {s}.advertiser_view
    FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit_end AFTER DELETE ON {s}.advertiser_view
    FOR EACH ROW WHEN (OLD.until > now()) EXECUTE FUNCTION public.gokart_audit();
"""


async def create() -> None:
    await execute_in_schema(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
