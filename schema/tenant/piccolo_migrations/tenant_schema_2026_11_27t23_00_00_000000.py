"""Indexes for the lists of advertisers, offers and partners: for each order that they can be sorted by, and for words.

pg_trgm would find text within words, but not every server has it. `catalog.search` has the same expressions.
"""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

from tenants.migrations import execute_in_schema

ID = "2026-11-27T23:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "indexes for lists of the catalogue"

# Words are separated by ASCII characters that are neither letters nor digits. The cost keeps the planner from computing
# the words of every row; PL/pgSQL, because a function in SQL would be inlined without its cost.
WORDS = r"""
CREATE FUNCTION {s}.search_words(text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT COST 10000 AS $$
BEGIN
    RETURN array_to_tsvector(array_remove(regexp_split_to_array(lower($1), '[ -/:-@\[-`{{-~]+'), ''));
END $$;
"""

INDEXES = """
CREATE INDEX advertiser_name_idx ON {s}.advertiser (lower(name), id);
CREATE INDEX advertiser_created_at_idx ON {s}.advertiser (created_at, id);
CREATE INDEX advertiser_words_idx ON {s}.advertiser USING gin ({s}.search_words(name || ' ' || id));
CREATE INDEX offer_name_idx ON {s}.offer (lower(name), id);
CREATE INDEX offer_campaign_idx ON {s}.offer (lower(coalesce(campaign_name, '')), id);
CREATE INDEX offer_created_at_idx ON {s}.offer (created_at, id);
CREATE INDEX offer_words_idx ON {s}.offer USING gin ({s}.search_words(
    name || ' ' || id || ' ' || coalesce(campaign_name, '') || ' ' || coalesce(store_id, '')
));
CREATE INDEX partner_name_idx ON {s}.partner (lower(name), id);
CREATE INDEX partner_created_at_idx ON {s}.partner (created_at, id);
CREATE INDEX partner_words_idx ON {s}.partner USING gin ({s}.search_words(name || ' ' || id));
"""


async def create() -> None:
    await execute_in_schema(WORDS)
    await execute_in_schema(INDEXES)


async def forwards() -> MigrationManager:
    manager = MigrationManager(migration_id=ID, app_name="tenant_schema", description=DESCRIPTION)
    manager.add_raw(create)
    return manager
