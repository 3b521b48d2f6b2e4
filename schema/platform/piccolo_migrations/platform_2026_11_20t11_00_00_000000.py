"""Background jobs; the time from which a tenant keeps quarter-hour buckets."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_public

ID = "2026-11-20T11:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "tasks"

FORWARDS = """
ALTER TABLE tenant ADD thinned_before timestamptz, ADD thinned_since timestamptz,
    ADD CHECK ((thinned_before IS NULL) = (thinned_since IS NULL)),
    ADD CHECK (date_trunc('day', thinned_before AT TIME ZONE 'UTC') = thinned_before AT TIME ZONE 'UTC');

-- `run` is the running process, or null; `reached` is the last finished tenant of a run that has not ended.
CREATE TABLE task (
    name varchar(40) PRIMARY KEY,
    run uuid,
    alive_until timestamptz,
    started_at timestamptz,
    ended_at timestamptz,
    reached varchar(60),
    runs bigint NOT NULL DEFAULT 0,
    tenants int NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0,
    failed_at timestamptz,
    error text,
    CHECK ((run IS NULL) = (alive_until IS NULL))
);
"""


async def create() -> None:
    await execute_in_public(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
