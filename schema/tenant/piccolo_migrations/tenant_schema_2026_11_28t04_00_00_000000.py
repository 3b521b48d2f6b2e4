"""Administrators among the users of an advertiser, who manage its other users."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T04:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "administrators of advertisers"

ADMIN = """
ALTER TABLE {s}.advertiser_login ADD COLUMN admin boolean NOT NULL DEFAULT false;

DROP TRIGGER audit ON {s}.advertiser_login;
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE
    OF email, name, active, password, totp_secret, recovery_codes, advertiser, scopes, admin ON {s}.advertiser_login
    FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');
"""


async def create() -> None:
    await execute_in_schema(ADMIN)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
