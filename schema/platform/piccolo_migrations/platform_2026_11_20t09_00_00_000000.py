"""Platform staff and the audit log, which triggers write in the transaction of the change."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from schema.shared_sql import AUDIT_LOG, SIGN_IN, STAFF
from tenants.migrations import execute_in_public

ID = "2026-11-20T09:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "staff and audit log"

FUNCTIONS = """
CREATE FUNCTION gokart_audit_log_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The audit log is not changed.';
END $$;

-- The actor and the address are in the transaction settings gokart.actor and gokart.address (`database.audit_context`).
-- Without them, the change was made by hand. The arguments of the trigger name the secret columns.
CREATE FUNCTION gokart_audit() RETURNS trigger LANGUAGE plpgsql AS $$
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
            TG_TABLE_NAME, about ->> 'id', coalesce(about ->> 'email', about ->> 'name', ''), old_row, new_row;
    RETURN NULL;
END $$;
"""

AUDITED = """
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE
    OF slug, name, status, token_rate, token_burst, token_concurrency ON tenant
    FOR EACH ROW EXECUTE FUNCTION gokart_audit();
CREATE TRIGGER audit_version AFTER UPDATE OF version ON tenant
    FOR EACH ROW WHEN (OLD.version IS NOT NULL) EXECUTE FUNCTION gokart_audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE
    OF email, name, active, password, totp_secret, recovery_codes, role ON staff
    FOR EACH ROW EXECUTE FUNCTION gokart_audit('password', 'totp_secret', 'recovery_codes');
CREATE TRIGGER audit AFTER DELETE ON session
    FOR EACH ROW WHEN (current_setting('gokart.actor', true) <> '' AND OLD.expires_at > now())
    EXECUTE FUNCTION gokart_audit('digest');
CREATE TRIGGER audit AFTER INSERT ON one_time_link FOR EACH ROW EXECUTE FUNCTION gokart_audit('digest');
"""


async def create() -> None:
    owners = "staff int NOT NULL REFERENCES public.staff ON DELETE CASCADE"
    shared = (STAFF + SIGN_IN + AUDIT_LOG).format(s="public", owners=owners)
    await execute_in_public(FUNCTIONS + shared + AUDITED)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="platform", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
