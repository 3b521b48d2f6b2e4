"""The reports' SQL. Columns are named and ordered as the wire has them, so that CSV is the query's own output.

The advertiser is the first argument and in the WHERE clause of each.
"""

from datetime import timedelta
from uuid import UUID

import msgspec

from reporting.filters import Filter
from reporting.tiles import Tile, tile

# Out of millionths, the text of an exact decimal without exponent or trailing zeros.
AS_DECIMAL = "trim_scale(sum(cost) * 0.000001)::text"


class Query(msgspec.Struct, frozen=True):
    sql: str
    args: tuple[object, ...]


def cost_report(schema: str, advertiser: UUID, filter_: Filter) -> Query:
    """A row for each (offer, publisher) with a figure that is not zero."""
    buckets, args = union(schema, tile(filter_.range), "offer, partner", [advertiser, filter_.offer])
    return Query(
        f"""
        WITH mine AS ({MINE.format(s=schema)})
        SELECT o.id AS "offerId", o.name AS "offerName", f.conversions AS "totalConversions", f.clicks AS "totalClicks",
            f.views AS "totalViews", f.revenue AS revenue, p.name AS "publisherName"
        FROM (
            SELECT offer, partner, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks,
                sum(views)::bigint AS views, {AS_DECIMAL} AS revenue
            FROM ({buckets}) AS b
            GROUP BY offer, partner
            HAVING sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0
        ) AS f
        JOIN {schema}.offer o ON o.key = f.offer
        JOIN {schema}.partner p ON p.key = f.partner
        ORDER BY o.name COLLATE "C", p.name COLLATE "C", o.id, p.id
        """,
        args,
    )


def singular(schema: str, advertiser: UUID, filter_: Filter) -> Query:
    """A row for each (UTC day, offer, publisher) with cost or clicks."""
    buckets, args = union(schema, tile(filter_.range, "by_day"), "offer, partner, day", [advertiser, None])
    return Query(
        f"""
        WITH mine AS ({MINE.format(s=schema)})
        SELECT to_char(f.day, 'YYYY-MM-DD') AS date, o.name AS offer_name, p.id AS partner_id, o.app_name AS app,
            o.store_id, o.os, o.campaign_name, o.id AS campaign_id, f.cost, f.clicks
        FROM (
            SELECT offer, partner, day, {AS_DECIMAL} AS cost, sum(clicks)::bigint AS clicks
            FROM ({buckets}) AS b
            GROUP BY offer, partner, day
            HAVING sum(cost) <> 0 OR sum(clicks) <> 0
        ) AS f
        JOIN {schema}.offer o ON o.key = f.offer
        JOIN {schema}.partner p ON p.key = f.partner
        ORDER BY f.day, o.id, p.id
        """,
        args,
    )


MINE = "SELECT key FROM {s}.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)"


def union(schema: str, tiles: list[Tile], by: str, args: list[object]) -> tuple[str, tuple[object, ...]]:
    """The tiles' buckets of the offers in `mine`, and the arguments with the tiles' ends added."""
    parts = []
    for each in tiles:
        start, end = (f"${len(args) + n}::{type_(each)}" for n in (1, 2))
        day = ", (bucket AT TIME ZONE 'UTC')::date AS day" if each.table == "by_quarter" else ", bucket AS day"
        parts.append(
            f"SELECT offer, partner, conversions, clicks, views, cost{day if 'day' in by else ''} "
            f"FROM mine JOIN {schema}.{each.table} ON offer = mine.key WHERE bucket >= {start} AND bucket < {end}"
        )
        args = [*args, each.start, each.end]
    return " UNION ALL ".join(parts), tuple(args)


def type_(each: Tile) -> str:
    return "timestamptz" if each.table == "by_quarter" else "date"


def validators(schema: str, advertiser: UUID, filter_: Filter) -> Query:
    """One row: `through`, the time of the last intake call (null: none yet), and `state`, which is another one as soon
    as anything that the report may show is: a figure of one of its offers on one of its days, or a name.
    """
    range_ = filter_.range
    last = range_.end - timedelta(microseconds=1)
    return Query(
        f"""
        WITH mine AS (
            SELECT o.key, o.version, (
                SELECT sum(c.version) FROM {schema}.change c WHERE c.offer = o.key AND c.day >= $3 AND c.day <= $4
            ) AS changes
            FROM {schema}.offer o WHERE o.advertiser = $1 AND ($2::uuid IS NULL OR o.id = $2)
        )
        SELECT (SELECT received_at FROM {schema}.intake ORDER BY received_at DESC LIMIT 1) AS through,
            concat_ws(' ', (SELECT string_agg(concat_ws(':', key, version, changes), ',' ORDER BY key) FROM mine),
                (SELECT sum(version) FROM {schema}.partner)) AS state
        """,
        (advertiser, filter_.offer, range_.start.date(), last.date()),
    )
