"""Figures that explain themselves: hours, the log of changes to past days, the history of conversions, change feeds.

Triggers write what processes of the last release do not, so that nothing is missing after a rolling upgrade.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T14:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "hours, restatements and the history of conversions"

SETTINGS = """
ALTER TABLE {s}.setting ADD COLUMN final_after_days int NOT NULL DEFAULT 30;
ALTER TABLE {s}.advertiser ADD COLUMN time_zone varchar(64) NOT NULL DEFAULT 'UTC';

CREATE FUNCTION {s}.check_time_zone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_timezone_names WHERE name = NEW.time_zone) THEN
        RAISE EXCEPTION '% is not the IANA name of a time zone, such as Europe/Berlin.', NEW.time_zone
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_time_zone BEFORE UPDATE OF time_zone ON {s}.advertiser
    FOR EACH ROW WHEN (NEW.time_zone <> OLD.time_zone) EXECUTE FUNCTION {s}.check_time_zone();
CREATE TRIGGER check_time_zone_of_new BEFORE INSERT ON {s}.advertiser
    FOR EACH ROW WHEN (NEW.time_zone <> 'UTC') EXECUTE FUNCTION {s}.check_time_zone();
"""

# A new scope, which existing keys and users do not have.
SCOPES = """
ALTER TABLE {s}.api_token DROP CONSTRAINT api_token_scopes_check;
ALTER TABLE {s}.api_token ADD CONSTRAINT api_token_scopes_check CHECK (
    cardinality(scopes) > 0 AND scopes <@ '{{cost-report,singular,conversions,ingest}}'
);
ALTER TABLE {s}.advertiser_login DROP CONSTRAINT advertiser_login_scopes_check;
ALTER TABLE {s}.advertiser_login ADD CONSTRAINT advertiser_login_scopes_check CHECK (
    cardinality(scopes) > 0 AND scopes <@ '{{cost-report,singular,conversions}}'
);
"""

# `incarnation` identifies this copy of the tenant's data: it changes when the tenant is restored. The log and the
# histories are complete since `recorded_since`, and by_hour since `hours_since` (null: always).
RECORDS = """
CREATE TABLE {s}.record_state (
    id int PRIMARY KEY DEFAULT 1,
    incarnation uuid NOT NULL DEFAULT gen_random_uuid(),
    recorded_since timestamptz NOT NULL DEFAULT clock_timestamp(),
    hours_since timestamptz
);

-- A change to a quarter of an hour of a day that had ended, in UTC or in the advertiser's time zone. `late`: the UTC
-- day was final, and the change was no import.
CREATE TABLE {s}.restatement (
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    bucket timestamptz NOT NULL,
    xid xid8 NOT NULL DEFAULT '0',
    cost bigint NOT NULL,
    offer int NOT NULL,
    partner int NOT NULL,
    conversions int NOT NULL,
    clicks int NOT NULL,
    views int NOT NULL,
    late boolean NOT NULL,
    cause varchar(10) NOT NULL
);
CREATE INDEX ON {s}.restatement (offer, bucket);
CREATE INDEX ON {s}.restatement USING brin (changed_at);

-- A state that a conversion had in [since, until).
CREATE TABLE {s}.conversion_history (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    conversion uuid NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    cost bigint NOT NULL,
    offer int NOT NULL,
    partner int NOT NULL,
    status varchar(10) NOT NULL,
    rejection_reason text,
    cause varchar(10)
);
CREATE INDEX ON {s}.conversion_history (conversion);
CREATE INDEX ON {s}.conversion_history (offer, occurred_at);
CREATE INDEX ON {s}.conversion_history (until);

-- `details`: the callback's other fields. `changed_at` and `cause`: when the state changed, and by what.
ALTER TABLE {s}.conversion ADD COLUMN details jsonb;
ALTER TABLE {s}.conversion ADD COLUMN changed_at timestamptz;
ALTER TABLE {s}.conversion ALTER COLUMN changed_at SET DEFAULT now();
ALTER TABLE {s}.conversion ADD COLUMN cause varchar(10);

CREATE TABLE {s}.offer_move (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    xid xid8 NOT NULL,
    offer int NOT NULL,
    from_advertiser uuid NOT NULL,
    to_advertiser uuid NOT NULL
);
CREATE INDEX ON {s}.offer_move (offer);
CREATE INDEX ON {s}.offer_move (from_advertiser);

-- `xid`: the transaction that changed it last. `late`: the day has changed after it was final.
ALTER TABLE {s}.changed_day ADD COLUMN xid xid8 NOT NULL DEFAULT '0';
ALTER TABLE {s}.changed_day ADD COLUMN late boolean NOT NULL DEFAULT false;
ALTER TABLE {s}.changed_month ADD COLUMN xid xid8 NOT NULL DEFAULT '0';
"""

# What causes a change: a callback (or event), an import by the command line, or a correction by staff.
FUNCTIONS = """
CREATE FUNCTION {s}.cause_of_change() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN current_setting('gokart.actor', true) = 'intake:files' THEN 'import'
        WHEN current_setting('gokart.actor', true) LIKE 'intake:%' THEN 'callback'
        WHEN current_setting('gokart.actor', true) <> '' THEN 'correction'
        ELSE 'callback'
    END
$$;

CREATE FUNCTION {s}.stamp_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.xid := pg_current_xact_id();
    RETURN NEW;
END $$;
CREATE TRIGGER stamp_new BEFORE INSERT ON {s}.changed_month
    FOR EACH ROW WHEN (NEW.xid = '0') EXECUTE FUNCTION {s}.stamp_transaction();
CREATE TRIGGER stamp BEFORE UPDATE ON {s}.changed_month
    FOR EACH ROW WHEN (NEW.xid = OLD.xid) EXECUTE FUNCTION {s}.stamp_transaction();
CREATE TRIGGER stamp_new BEFORE INSERT ON {s}.restatement
    FOR EACH ROW WHEN (NEW.xid = '0') EXECUTE FUNCTION {s}.stamp_transaction();

CREATE TRIGGER stamp_new BEFORE INSERT ON {s}.changed_day
    FOR EACH ROW WHEN (NEW.xid = '0') EXECUTE FUNCTION {s}.stamp_transaction();
CREATE TRIGGER stamp BEFORE UPDATE ON {s}.changed_day
    FOR EACH ROW WHEN (NEW.xid = OLD.xid) EXECUTE FUNCTION {s}.stamp_transaction();

CREATE FUNCTION {s}.record_offer_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {s}.offer_move (xid, offer, from_advertiser, to_advertiser)
    VALUES (pg_current_xact_id(), NEW.key, OLD.advertiser, NEW.advertiser);
    RETURN NULL;
END $$;
CREATE TRIGGER record_move AFTER UPDATE OF advertiser ON {s}.offer
    FOR EACH ROW WHEN (NEW.advertiser <> OLD.advertiser) EXECUTE FUNCTION {s}.record_offer_move();

CREATE FUNCTION {s}.keep_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.occurred_at, OLD.cost, OLD.offer, OLD.partner, OLD.status, OLD.rejection_reason)
        IS NOT DISTINCT FROM (NEW.occurred_at, NEW.cost, NEW.offer, NEW.partner, NEW.status, NEW.rejection_reason)
    THEN
        RETURN NEW;
    END IF;
    INSERT INTO {s}.conversion_history (
        conversion, since, until, occurred_at, cost, offer, partner, status, rejection_reason, cause
    ) VALUES (
        OLD.id, coalesce(OLD.changed_at, OLD.received_at), now(), OLD.occurred_at, OLD.cost, OLD.offer, OLD.partner,
        OLD.status, OLD.rejection_reason, OLD.cause
    );
    NEW.changed_at := now();
    NEW.cause := {s}.cause_of_change();
    RETURN NEW;
END $$;
CREATE TRIGGER keep_state BEFORE UPDATE ON {s}.conversion FOR EACH ROW EXECUTE FUNCTION {s}.keep_state();
ALTER TABLE {s}.conversion ALTER COLUMN cause SET DEFAULT {s}.cause_of_change();
"""

# As ingest/sql/rollups.sql does, which tells these triggers that it has.
HOURS_AND_LOG = """
    INSERT INTO {s}.by_hour AS t (offer, bucket, partner, conversions, clicks, views, cost)
    SELECT
        offer, date_trunc('hour', bucket, 'UTC') AS hour, partner,
        sum(conversions), sum(clicks), sum(views), sum(cost)
    FROM ({deltas}) AS delta
    GROUP BY offer, hour, partner
    ORDER BY offer, hour, partner
    ON CONFLICT (offer, bucket, partner) DO UPDATE SET
        conversions = t.conversions + excluded.conversions,
        clicks = t.clicks + excluded.clicks,
        views = t.views + excluded.views,
        cost = t.cost + excluded.cost;
    INSERT INTO {s}.restatement (bucket, cost, offer, partner, conversions, clicks, views, late, cause)
    SELECT
        bucket, d.cost, d.offer, d.partner, d.conversions, d.clicks, d.views,
        (bucket AT TIME ZONE 'UTC')::date < (clock_timestamp() AT TIME ZONE 'UTC')::date
            - coalesce((SELECT final_after_days FROM {s}.setting), 30) AND {s}.cause_of_change() <> 'import',
        {s}.cause_of_change()
    FROM (
        SELECT
            offer, bucket, partner, sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views,
            sum(cost) AS cost
        FROM ({deltas}) AS delta
        WHERE bucket < clock_timestamp()
        GROUP BY offer, bucket, partner
    ) AS d
    JOIN {s}.offer o ON o.key = d.offer
    JOIN {s}.advertiser a ON a.id = o.advertiser
    WHERE bucket < date_trunc('day', clock_timestamp() + interval '15 minutes', 'UTC')
        OR a.time_zone <> 'UTC'
            AND bucket < date_trunc('day', clock_timestamp() + interval '15 minutes', a.time_zone);
    RETURN NULL;
"""
INSERTED = "SELECT offer, bucket, partner, conversions, clicks, views, cost FROM added"
UPDATED = f"{INSERTED} UNION ALL SELECT offer, bucket, partner, -conversions, -clicks, -views, -cost FROM before_update"

HOURS = """
CREATE TABLE {s}.by_hour (
    bucket timestamptz NOT NULL,
    cost bigint NOT NULL,
    offer int NOT NULL,
    partner int NOT NULL,
    conversions int NOT NULL,
    clicks int NOT NULL,
    views int NOT NULL,
    PRIMARY KEY (offer, bucket, partner)
) WITH (fillfactor = 90);
"""

TRIGGERS = f"""
CREATE FUNCTION {{s}}.quarters_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM added) THEN
        RETURN NULL;
    END IF;
{HOURS_AND_LOG.replace("{deltas}", INSERTED)}
END $$;
CREATE TRIGGER quarters_inserted AFTER INSERT ON {{s}}.by_quarter REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT WHEN (current_setting('gokart.hours', true) IS DISTINCT FROM 'written')
    EXECUTE FUNCTION {{s}}.quarters_inserted();
CREATE FUNCTION {{s}}.quarters_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM added) THEN
        RETURN NULL;
    END IF;
{HOURS_AND_LOG.replace("{deltas}", UPDATED)}
END $$;
CREATE TRIGGER quarters_updated AFTER UPDATE ON {{s}}.by_quarter
    REFERENCING OLD TABLE AS before_update NEW TABLE AS added
    FOR EACH STATEMENT WHEN (current_setting('gokart.hours', true) IS DISTINCT FROM 'written')
    EXECUTE FUNCTION {{s}}.quarters_updated();
"""

# After the triggers' locks have stopped the intake.
FILL = """
INSERT INTO {s}.by_hour (offer, bucket, partner, conversions, clicks, views, cost)
SELECT offer, date_trunc('hour', bucket, 'UTC') AS hour, partner, sum(conversions), sum(clicks), sum(views), sum(cost)
FROM {s}.by_quarter GROUP BY offer, hour, partner;
INSERT INTO {s}.record_state (hours_since)
SELECT (SELECT thinned_before FROM public.tenant WHERE schema = '{s}');
"""


async def create() -> None:
    for sql in SETTINGS, SCOPES, RECORDS, FUNCTIONS, HOURS, TRIGGERS, FILL:
        await execute_in_schema(sql)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
