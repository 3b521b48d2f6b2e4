"""One log of the requests with any API key; that of Singular's requests becomes a part of it."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-28T02:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "request log of all API keys"

# No foreign keys: they would cost every request a look-up, and neither advertisers with keys nor keys are deleted.
LOG = """
CREATE TABLE {s}.request_log (
    at timestamptz NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    sent bigint,
    rows bigint,
    starts_at timestamptz,
    ends_at timestamptz,
    advertiser uuid,
    token int NOT NULL,
    accepted int,
    rejected int,
    milliseconds int NOT NULL,
    status smallint NOT NULL,
    endpoint varchar(100) NOT NULL,
    address inet,
    PRIMARY KEY (at, id)
);
CREATE INDEX request_log_advertiser_at_idx ON {s}.request_log (advertiser, at) WHERE advertiser IS NOT NULL;
CREATE INDEX request_log_token_at_idx ON {s}.request_log (token, at);
CREATE INDEX request_log_endpoint_at_idx ON {s}.request_log (endpoint, at);
CREATE INDEX request_log_failed_at_idx ON {s}.request_log (at) WHERE status >= 400;
CREATE INDEX request_log_singular_advertiser_at_idx ON {s}.request_log (advertiser, at)
    WHERE endpoint LIKE '/api/v1/integrations/cost-report/singular/%';
"""

# While processes of the last release write their own log, a trigger copies it.
COPY = """
CREATE FUNCTION {s}.copy_singular_pull() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {s}.request_log (at, token, advertiser, endpoint, starts_at, ends_at, status, rows, milliseconds)
    VALUES (
        NEW.at, NEW.token, NEW.advertiser, '/api/v1/integrations/cost-report/singular/' || NEW.format, NEW.starts_at,
        NEW.ends_at, NEW.status, NEW.rows, NEW.milliseconds
    );
    RETURN NULL;
END $$;
CREATE TRIGGER copy AFTER INSERT ON {s}.singular_pull FOR EACH ROW EXECUTE FUNCTION {s}.copy_singular_pull();
INSERT INTO {s}.request_log (at, token, advertiser, endpoint, starts_at, ends_at, status, rows, milliseconds)
SELECT at, token, advertiser, '/api/v1/integrations/cost-report/singular/' || format, starts_at, ends_at, status, rows,
    milliseconds
FROM {s}.singular_pull
ORDER BY at, id;
"""

# For Piccolo Admin, which counts the rows of a list: bounded, because the log of a busy tenant is not.
LIST = """
CREATE VIEW {s}.request_list AS
    SELECT r.id, r.at, t.name AS token, t.hint, coalesce(a.name, '')::varchar(500) AS advertiser, r.endpoint, r.status,
        r.rows, r.accepted, r.rejected, r.sent, r.milliseconds, host(r.address)::varchar(43) AS address
    FROM (SELECT * FROM {s}.request_log ORDER BY at DESC, id DESC LIMIT 10000) r
        JOIN {s}.api_token t ON t.id = r.token LEFT JOIN {s}.advertiser a ON a.id = r.advertiser;
"""


async def create() -> None:
    for sql in LOG, COPY, LIST:
        await execute_in_schema(sql)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
