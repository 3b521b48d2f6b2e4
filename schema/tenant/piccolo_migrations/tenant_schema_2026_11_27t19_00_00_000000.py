"""Conversions that left an advertiser are remembered, for copies of its conversions."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T19:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "conversions that left an advertiser"

TABLE = """
CREATE TABLE {s}.conversion_departure (
    conversion uuid NOT NULL,
    advertiser uuid NOT NULL,
    left_at timestamptz NOT NULL,
    PRIMARY KEY (advertiser, conversion)
)
"""

# The former owners are the advertiser of the offer that the conversion leaves, and those from which this offer moved
# while it had the conversion. The history has the state that has just ended.
RECORD_DEPARTURE = """
CREATE FUNCTION {s}.record_departure() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    former record;
BEGIN
    FOR former IN
        SELECT advertiser, NEW.changed_at AS left_at FROM {s}.offer WHERE key = OLD.offer
        UNION ALL
        SELECT from_advertiser, moved_at
        FROM {s}.offer_move
        WHERE offer = OLD.offer AND moved_at > (
            SELECT min(since) FROM {s}.conversion_history WHERE conversion = OLD.id AND offer = OLD.offer
        )
    LOOP
        IF former.advertiser <> (SELECT advertiser FROM {s}.offer WHERE key = NEW.offer) THEN
            INSERT INTO {s}.conversion_departure AS d (conversion, advertiser, left_at)
            VALUES (NEW.id, former.advertiser, former.left_at)
            ON CONFLICT (advertiser, conversion) DO UPDATE SET left_at = greatest(d.left_at, excluded.left_at);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER record_departure AFTER UPDATE ON {s}.conversion
FOR EACH ROW WHEN (OLD.offer <> NEW.offer) EXECUTE FUNCTION {s}.record_departure();
"""


async def create() -> None:
    await execute_in_schema(TABLE)
    await execute_in_schema(RECORD_DEPARTURE)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
