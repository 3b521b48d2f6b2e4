"""The audit log's trigger has one expression and calls a function for the rest.

PostgreSQL compiles a trigger's function for each table, and each backend keeps a plan for each of its expressions. With
eighteen of them, a backend that wrote for many tenants had thousands of plans, and looked at each whenever any table
of the database changed.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_public

ID = "2026-11-28T20:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "the audit log's trigger has one expression"

FORWARDS = r"""
CREATE FUNCTION gokart_audit_row(
    operation text, schema text, relation text, secrets text[], old_row jsonb, new_row jsonb
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    about jsonb := coalesce(new_row, old_row);
    secret text;
BEGIN
    IF operation = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(n.key, n.value) INTO old_row, new_row
            FROM jsonb_each(old_row) o JOIN jsonb_each(new_row) n ON n.key = o.key
            WHERE n.value <> o.value;
        IF new_row IS NULL THEN
            RETURN;
        END IF;
    END IF;
    FOREACH secret IN ARRAY coalesce(secrets, '{}') LOOP
        IF old_row ->> secret IS NOT NULL THEN old_row := jsonb_set(old_row, ARRAY[secret], '"(secret)"'); END IF;
        IF new_row ->> secret IS NOT NULL THEN new_row := jsonb_set(new_row, ARRAY[secret], '"(secret)"'); END IF;
    END LOOP;
    EXECUTE format(
        'INSERT INTO %I.audit_log (actor, address, action, subject, key, label, before, after)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', schema)
        USING coalesce(nullif(current_setting('gokart.actor', true), ''), 'database:' || session_user),
            nullif(current_setting('gokart.address', true), '')::inet,
            CASE operation WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'changed' ELSE 'deleted' END,
            regexp_replace(relation, '_\d{6,}$', ''), about ->> 'id',
            coalesce(about ->> 'email', about ->> 'name', ''), old_row, new_row;
END $$;

CREATE OR REPLACE FUNCTION gokart_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.gokart_audit_row(TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_ARGV, to_jsonb(OLD), to_jsonb(NEW));
    RETURN NULL;
END $$;
"""


async def create() -> None:
    await execute_in_public(FORWARDS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
