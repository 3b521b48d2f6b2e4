"""Triggers of tenants' tables on the nodes of a Citus cluster, where a table's name ends in the number of its shard,
such as advertiser_102008.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_public

ID = "2026-11-20T13:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "triggers on nodes"

FORWARDS = r"""
-- No process listens to a node, and a transaction that two nodes commit may not notify: `notify_changed` does it.
CREATE OR REPLACE FUNCTION gokart_schema_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_TABLE_NAME !~ '_\d{6,}$' THEN
        PERFORM pg_notify('gokart_changed', TG_TABLE_SCHEMA);
    END IF;
    RETURN NULL;
END $$;

-- Unchanged except for the name of the table.
CREATE OR REPLACE FUNCTION gokart_audit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    about jsonb := coalesce(new_row, old_row);
    secret text;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(n.key, n.value) INTO old_row, new_row
            FROM jsonb_each(old_row) o JOIN jsonb_each(new_row) n ON n.key = o.key
            WHERE n.value <> o.value;
        IF new_row IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    FOREACH secret IN ARRAY coalesce(TG_ARGV, '{}') LOOP
        IF old_row ->> secret IS NOT NULL THEN old_row := jsonb_set(old_row, ARRAY[secret], '"(secret)"'); END IF;
        IF new_row ->> secret IS NOT NULL THEN new_row := jsonb_set(new_row, ARRAY[secret], '"(secret)"'); END IF;
    END LOOP;
    EXECUTE format(
        'INSERT INTO %I.audit_log (actor, address, action, subject, key, label, before, after)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', TG_TABLE_SCHEMA)
        USING coalesce(nullif(current_setting('gokart.actor', true), ''), 'database:' || session_user),
            nullif(current_setting('gokart.address', true), '')::inet,
            CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END,
            regexp_replace(TG_TABLE_NAME, '_\d{6,}$', ''), about ->> 'id',
            coalesce(about ->> 'email', about ->> 'name', ''), old_row, new_row;
    RETURN NULL;
END $$;
"""


async def create() -> None:
    await execute_in_public(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
