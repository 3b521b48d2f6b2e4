"""The conversions of an advertiser are found by its offers, also among many of others."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T19:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "conversions by offer and time"


async def create() -> None:
    await execute_in_schema(
        "CREATE INDEX conversion_offer_occurred_at_idx ON {s}.conversion (offer, occurred_at)",
    )


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
