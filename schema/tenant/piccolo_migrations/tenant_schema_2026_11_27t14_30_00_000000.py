"""The currency is fixed by any conversion, counted or not, and also by one that is being stored at the same moment."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T14:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "currency of stored conversions"

# A transaction that stores figures locks the offer, or the advertiser of a new offer, through foreign keys. Each
# statement of the functions sees what was committed before it.
CURRENCY = """
CREATE FUNCTION {s}.has_amounts(offer_key int) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM {s}.by_month WHERE offer = offer_key)
        OR EXISTS (SELECT FROM {s}.conversion WHERE offer = offer_key)
$$;

CREATE OR REPLACE FUNCTION {s}.keep_currency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM {s}.advertiser WHERE id = OLD.id FOR UPDATE;
    PERFORM FROM {s}.offer WHERE advertiser = OLD.id ORDER BY id FOR UPDATE;
    IF EXISTS (SELECT FROM {s}.offer o WHERE o.advertiser = OLD.id AND {s}.has_amounts(o.key)) THEN
        RAISE EXCEPTION 'The currency cannot be changed: the advertiser has amounts in %.', OLD.currency
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION {s}.keep_currency_of_offer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT currency FROM {s}.advertiser WHERE id = OLD.advertiser)
        <> (SELECT currency FROM {s}.advertiser WHERE id = NEW.advertiser)
    THEN
        PERFORM FROM {s}.offer WHERE id = OLD.id FOR UPDATE;
        IF {s}.has_amounts(OLD.key) THEN
            RAISE EXCEPTION 'The offer cannot be moved: its advertiser and the new one have different currencies.'
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
"""


async def create() -> None:
    await execute_in_schema(CURRENCY)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
