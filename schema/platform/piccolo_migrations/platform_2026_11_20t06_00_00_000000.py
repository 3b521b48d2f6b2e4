"""GoKart's columns of table `tenant`."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_public

ID = "2026-11-20T06:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "limits and retention of tenants"

FORWARDS = """
ALTER TABLE tenant ADD token_rate real CHECK (token_rate > 0), ADD token_burst int CHECK (token_burst > 0),
    ADD token_concurrency int CHECK (token_concurrency > 0), ADD pruned_before timestamptz;
"""


async def create() -> None:
    await execute_in_public(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
