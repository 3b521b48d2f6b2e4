"""The platform's tables, and the triggers that tell every worker of a change."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.engine.postgres import PostgresTransaction

from piccolo_conf import DB

ID = "2026-11-20T06:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "tenants"

FORWARDS = """
CREATE TABLE tenant (
    id uuid PRIMARY KEY,
    slug varchar(60) NOT NULL UNIQUE,
    schema varchar(63) NOT NULL UNIQUE,
    name varchar(200) NOT NULL CHECK (name <> ''),
    status varchar(10) NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
    created_at timestamptz NOT NULL DEFAULT now(),
    token_rate real CHECK (token_rate > 0),
    token_burst int CHECK (token_burst > 0),
    token_concurrency int CHECK (token_concurrency > 0),
    pruned_before timestamptz,
    version varchar(100),
    migration_error text
);
CREATE TABLE tenant_migration (
    id serial PRIMARY KEY,
    tenant uuid NOT NULL REFERENCES tenant ON DELETE CASCADE,
    migration varchar(100) NOT NULL,
    ran_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant, migration)
);

-- The payload of gokart_changed is the schema of the tenant of which what is remembered (itself, its tokens) is old.
CREATE FUNCTION gokart_tenant_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('gokart_changed', coalesce(NEW.schema, OLD.schema));
    RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON tenant
    FOR EACH ROW EXECUTE FUNCTION gokart_tenant_changed();

CREATE FUNCTION gokart_schema_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('gokart_changed', TG_TABLE_SCHEMA);
    RETURN NULL;
END $$;
"""


async def create() -> None:
    transaction = DB.current_transaction.get()
    assert isinstance(transaction, PostgresTransaction)
    await transaction.connection.execute(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
