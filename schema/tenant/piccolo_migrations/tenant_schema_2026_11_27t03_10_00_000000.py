"""Past amounts keep their currency: an advertiser with figures keeps its own, and its offers move only to advertisers
with the same one.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T03:10:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "currency of past amounts"

# The monthly roll-up has a row for every offer that ever had figures.
CURRENCY = """
CREATE FUNCTION {s}.keep_currency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM {s}.offer o
        WHERE o.advertiser = OLD.id AND EXISTS (SELECT FROM {s}.by_month m WHERE m.offer = o.key)
    ) THEN
        RAISE EXCEPTION 'The currency cannot be changed: the advertiser has amounts in %.', OLD.currency
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_currency BEFORE UPDATE OF currency ON {s}.advertiser
    FOR EACH ROW WHEN (NEW.currency <> OLD.currency) EXECUTE FUNCTION {s}.keep_currency();

CREATE FUNCTION {s}.keep_currency_of_offer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM {s}.by_month m WHERE m.offer = OLD.key)
        AND (SELECT currency FROM {s}.advertiser WHERE id = OLD.advertiser)
            <> (SELECT currency FROM {s}.advertiser WHERE id = NEW.advertiser)
    THEN
        RAISE EXCEPTION 'The offer cannot be moved: its advertiser and the new one have different currencies.'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_currency BEFORE UPDATE OF advertiser ON {s}.offer
    FOR EACH ROW WHEN (NEW.advertiser <> OLD.advertiser) EXECUTE FUNCTION {s}.keep_currency_of_offer();
"""


async def create() -> None:
    await execute_in_schema(CURRENCY)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
