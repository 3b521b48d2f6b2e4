"""Triggers that work on a Citus cluster too, which has no transition tables and ignores triggers that have TRUNCATE."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T20:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "triggers for clusters"

# As ingest/sql/rollups.sql does, which tells this trigger that it has. For each row, as processes of the last release
# write them.
QUARTERS = """
DROP TRIGGER quarters_inserted ON {s}.by_quarter;
DROP TRIGGER quarters_updated ON {s}.by_quarter;
DROP FUNCTION {s}.quarters_inserted();
DROP FUNCTION {s}.quarters_updated();

CREATE FUNCTION {s}.quarter_written() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    delta {s}.by_quarter := NEW;
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    nearly_now timestamptz := clock_timestamp() + interval '15 minutes';
    change_cause text := {s}.cause_of_change();
    is_late boolean;
    ended_before timestamptz;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        delta.conversions := NEW.conversions - OLD.conversions;
        delta.clicks := NEW.clicks - OLD.clicks;
        delta.views := NEW.views - OLD.views;
        delta.cost := NEW.cost - OLD.cost;
    END IF;
    INSERT INTO {s}.by_hour AS t (offer, bucket, partner, conversions, clicks, views, cost)
    VALUES (
        delta.offer, date_trunc('hour', delta.bucket, 'UTC'), delta.partner, delta.conversions, delta.clicks,
        delta.views, delta.cost
    )
    ON CONFLICT (offer, bucket, partner) DO UPDATE SET
        conversions = t.conversions + excluded.conversions,
        clicks = t.clicks + excluded.clicks,
        views = t.views + excluded.views,
        cost = t.cost + excluded.cost;
    SELECT greatest(date_trunc('day', nearly_now, 'UTC'), date_trunc('day', nearly_now, a.time_zone))
    INTO ended_before
    FROM {s}.offer o JOIN {s}.advertiser a ON a.id = o.advertiser WHERE o.key = delta.offer;
    IF delta.bucket < ended_before THEN
        SELECT change_cause <> 'import'
            AND (delta.bucket AT TIME ZONE 'UTC')::date < today - coalesce(max(final_after_days), 30)
        INTO is_late
        FROM {s}.setting;
        INSERT INTO {s}.restatement (bucket, cost, offer, partner, conversions, clicks, views, late, cause)
        VALUES (
            delta.bucket, delta.cost, delta.offer, delta.partner, delta.conversions, delta.clicks, delta.views,
            is_late, change_cause
        );
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER quarter_written AFTER INSERT OR UPDATE ON {s}.by_quarter
    FOR EACH ROW WHEN (current_setting('gokart.hours', true) IS DISTINCT FROM 'written')
    EXECUTE FUNCTION {s}.quarter_written();
"""

AUDIT_LOG = """
DROP TRIGGER unchangeable ON {s}.audit_log;
CREATE TRIGGER unchangeable BEFORE UPDATE OR DELETE ON {s}.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION public.gokart_audit_log_is_kept();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON {s}.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION public.gokart_audit_log_is_kept();
"""


async def create() -> None:
    for sql in QUARTERS, AUDIT_LOG:
        await execute_in_schema(sql)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
