"""The tables of `tenants`, and the triggers that invalidate caches.

Databases that were created before this app existed have the tables already.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_public

ID = "2026-11-20T06:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "tenants"

FORWARDS = r"""
CREATE TABLE IF NOT EXISTS tenant (
    id uuid PRIMARY KEY,
    slug varchar(60) NOT NULL UNIQUE,
    schema varchar(63) NOT NULL UNIQUE,
    name varchar(200) NOT NULL CHECK (name <> ''),
    status varchar(10) NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    version varchar(100),
    migration_error text
);
CREATE TABLE IF NOT EXISTS tenant_migration (
    id serial PRIMARY KEY,
    tenant uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    migration varchar(100) NOT NULL,
    ran_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, migration)
);

-- The payload of gokart_changed is the schema of the tenant whose cached values are invalid.
CREATE OR REPLACE FUNCTION gokart_tenant_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('gokart_changed', coalesce(NEW.schema, OLD.schema));
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON tenant
    FOR EACH ROW EXECUTE FUNCTION gokart_tenant_changed();

-- For triggers on a tenant's tables. Nobody listens to a worker node of a Citus cluster, whose tables end in a shard
-- number, and a transaction that two nodes commit may not notify: there `tenants.cache.notify_changed` does it.
CREATE OR REPLACE FUNCTION gokart_schema_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME !~ '_\d{6,}$' THEN
        PERFORM pg_notify('gokart_changed', TG_TABLE_SCHEMA);
    END IF;
    RETURN NULL;
END $$;
"""


async def create() -> None:
    await execute_in_public(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenants", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
