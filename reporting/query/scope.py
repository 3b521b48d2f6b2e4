"""Queries of several advertisers, which only the pages of the staff make: the API has no parameter for them."""

from functools import lru_cache

import msgspec

from database.sql import SqlText

OWN_OFFERS = "advertiser = :advertiser::uuid"
OFFERS_IN_CURRENCY = """advertiser IN (SELECT id FROM {schema}.advertiser WHERE currency = :currency::text)
        AND (:advertiser_ids::uuid[] IS NULL OR advertiser = ANY(:advertiser_ids::uuid[]))
        AND key IN (
            WITH RECURSIVE counted (offer) AS (
                (SELECT offer FROM {schema}.by_month ORDER BY offer LIMIT 1)
                UNION ALL
                SELECT (SELECT m.offer FROM {schema}.by_month m WHERE m.offer > c.offer ORDER BY m.offer LIMIT 1)
                FROM counted c
                WHERE c.offer IS NOT NULL
            )
            SELECT c.offer FROM counted c
            WHERE EXISTS (
                SELECT FROM {schema}.by_month m
                WHERE m.offer = c.offer AND m.bucket >= :first_month::date AND m.bucket < :months_end::date AND (
                    :partner_ids::uuid[] IS NULL
                    OR m.partner IN (SELECT key FROM {schema}.partner WHERE id = ANY(:partner_ids::uuid[]))
                )
            )
        )"""
CACHED_SCHEMAS = 8  # of each statement: there are as many statements as shapes of queries


class AllAdvertisers(msgspec.Struct, frozen=True):
    """The scope of all advertisers with the query's currency: amounts of different currencies are never added."""

    def __str__(self) -> str:
        return "all advertisers"


@lru_cache(1_024)
def form_all_advertisers(statement: SqlText) -> SqlText:
    """The statement's form for all advertisers: instead of `advertiser` it has the parameters `currency` and
    `advertiser_ids`, a filter that is null for all of them. It reads only offers that have figures in the months of the
    range, of the partners if it has a filter by partner: few of many offers may have any. The recursion finds each
    offer in the index of `by_month` by one look-up, however many rows it has.
    """
    assert statement.source.count(OWN_OFFERS) == 1, "a query's statement reads the advertiser's offers at one place"
    return SqlText(statement.source.replace(OWN_OFFERS, OFFERS_IN_CURRENCY), cached_schemas=CACHED_SCHEMAS)
