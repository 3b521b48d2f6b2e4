"""The audit log has every change of the catalogue, by intake too."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T03:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "audited catalogue"

AUDITED = """
DROP TRIGGER audit ON {s}.offer;
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON {s}.offer
    FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();
DROP TRIGGER audit ON {s}.partner;
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON {s}.partner
    FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();
"""


async def create() -> None:
    await execute_in_schema(AUDITED)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
