"""Users, contact and billing data of advertisers, the log of Singular's requests, the audit log."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from schema.shared_sql import AUDIT_LOG, PERSON, SIGN_IN, STAFF
from tenants.migrations import execute_in_schema

ID = "2026-11-20T09:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "people"

ADVERTISERS = """
ALTER TABLE {s}.advertiser
    ADD contact_name varchar(200),
    ADD contact_email varchar(320),
    ADD contact_phone varchar(50),
    ADD billing_name varchar(200),
    ADD billing_email varchar(320),
    ADD billing_address text,
    ADD tax_id varchar(50),
    ADD currency varchar(3) NOT NULL DEFAULT 'USD',
    ADD singular_requested_at timestamptz,
    ADD singular_requested_by varchar(320);
-- Citus accepts a constraint only as a statement of its own, with a name.
ALTER TABLE {s}.advertiser ADD CONSTRAINT advertiser_currency_check CHECK (currency ~ '^[A-Z]{{3}}$');
"""

LOGINS = (
    """
ALTER TABLE {s}.api_token ALTER created_by TYPE varchar(400); -- realm and e-mail address
CREATE TABLE {s}.setting (
    id int PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    name varchar(10) NOT NULL DEFAULT 'settings',
    staff_totp_required boolean NOT NULL DEFAULT false
);
INSERT INTO {s}.setting DEFAULT VALUES;

CREATE TABLE {s}.advertiser_login ("""
    + PERSON
    + """
    advertiser uuid NOT NULL REFERENCES {s}.advertiser,
    scopes varchar(20)[] NOT NULL DEFAULT '{{cost-report,singular}}'
        CHECK (cardinality(scopes) > 0 AND scopes <@ '{{cost-report,singular}}')
);
CREATE INDEX ON {s}.advertiser_login (advertiser);
"""
)

OWNERS = """staff int REFERENCES {s}.staff ON DELETE CASCADE,
    login int REFERENCES {s}.advertiser_login ON DELETE CASCADE,
    CHECK ((staff IS NULL) <> (login IS NULL))"""

PULLS = """
CREATE TABLE {s}.singular_pull (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    advertiser uuid NOT NULL REFERENCES {s}.advertiser,
    token int NOT NULL REFERENCES {s}.api_token ON DELETE CASCADE,
    format varchar(4) NOT NULL CHECK (format IN ('json', 'csv')),
    starts_at timestamptz,
    ends_at timestamptz,
    status smallint NOT NULL,
    rows bigint,
    milliseconds int NOT NULL
);
CREATE INDEX ON {s}.singular_pull (advertiser, at);
CREATE INDEX ON {s}.conversion (click) WHERE click IS NOT NULL; -- corrections refer to conversions by click
CREATE INDEX ON {s}.conversion (occurred_at); -- the order of the list in the staff admin
"""

# Deleted sessions are recorded only if a user ended them; signing out is not a change. Changes by intake are in the
# intake log: there are too many for the audit log.
AUDITED = """
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON {s}.advertiser
    FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON {s}.setting
    FOR EACH ROW EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE
    OF advertiser, replaces, name, scopes, networks, rate, burst, concurrency, expires_at, revoked_at ON {s}.api_token
    FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE
    OF email, name, active, password, totp_secret, recovery_codes, role ON {s}.staff
    FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE
    OF email, name, active, password, totp_secret, recovery_codes, advertiser, scopes ON {s}.advertiser_login
    FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('password', 'totp_secret', 'recovery_codes');
CREATE TRIGGER audit AFTER INSERT ON {s}.one_time_link FOR EACH ROW EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER DELETE ON {s}.session
    FOR EACH ROW WHEN (current_setting('gokart.actor', true) <> '' AND OLD.expires_at > now())
    EXECUTE FUNCTION public.gokart_audit('digest');
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON {s}.offer
    FOR EACH ROW WHEN (coalesce(current_setting('gokart.actor', true), '') NOT LIKE 'intake:%')
    EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE ON {s}.partner
    FOR EACH ROW WHEN (coalesce(current_setting('gokart.actor', true), '') NOT LIKE 'intake:%')
    EXECUTE FUNCTION public.gokart_audit();
CREATE TRIGGER audit AFTER UPDATE ON {s}.conversion
    FOR EACH ROW WHEN (coalesce(current_setting('gokart.actor', true), '') NOT LIKE 'intake:%')
    EXECUTE FUNCTION public.gokart_audit();
"""

# For the tables of the staff admin: names instead of keys, money in units.
LISTS = """
CREATE VIEW {s}.conversion_list AS
    SELECT c.id, c.occurred_at, c.status, c.cost / 1000000::numeric AS cost, o.name AS offer, a.name AS advertiser,
        p.name AS partner, c.click, c.rejection_reason, c.received_at
    FROM {s}.conversion c JOIN {s}.offer o ON o.key = c.offer JOIN {s}.advertiser a ON a.id = o.advertiser
        JOIN {s}.partner p ON p.key = c.partner;
CREATE VIEW {s}.intake_reject_list AS
    SELECT r.id, i.received_at, i.kind, r.index, r.record, r.field, r.message, t.name AS token
    FROM {s}.intake_reject r JOIN {s}.intake i ON i.id = r.intake LEFT JOIN {s}.api_token t ON t.id = i.token;
CREATE VIEW {s}.singular_pull_list AS
    SELECT p.id, p.at, a.name AS advertiser, t.name AS token, t.hint, p.format, p.starts_at, p.ends_at, p.status,
        p.rows, p.milliseconds
    FROM {s}.singular_pull p JOIN {s}.advertiser a ON a.id = p.advertiser JOIN {s}.api_token t ON t.id = p.token;
"""


async def create() -> None:
    people = STAFF + LOGINS + SIGN_IN.replace("{owners}", OWNERS)
    await execute_in_schema(ADVERTISERS + people + PULLS + AUDIT_LOG + AUDITED + LISTS)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
