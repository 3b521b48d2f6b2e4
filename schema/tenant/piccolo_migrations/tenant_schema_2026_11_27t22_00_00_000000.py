"""Offers and partners have a status, and advertisers can be archived. Neither affects counting."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T22:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the status of offers and partners"

# On Citus, a column and its constraint are added separately.
STATUS = """
ALTER TABLE {s}.offer ADD COLUMN status varchar(10) NOT NULL DEFAULT 'active';
ALTER TABLE {s}.offer ADD CONSTRAINT offer_status_check CHECK (
    status::text = ANY ('{{active,paused,archived}}'::text[])
);
ALTER TABLE {s}.partner ADD COLUMN status varchar(10) NOT NULL DEFAULT 'active';
ALTER TABLE {s}.partner ADD CONSTRAINT partner_status_check CHECK (
    status::text = ANY ('{{active,archived}}'::text[])
);
ALTER TABLE {s}.advertiser DROP CONSTRAINT advertiser_status_check;
ALTER TABLE {s}.advertiser ADD CONSTRAINT advertiser_status_check CHECK (
    status::text = ANY ('{{active,paused,archived}}'::text[])
);
"""


async def create() -> None:
    await execute_in_schema(STATUS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
