"""The reports' SQL. Columns are named and ordered as the wire has them, so that CSV is the query's own output.

The advertiser is the first argument and in the WHERE clause of each.
"""

from uuid import UUID

import msgspec

from reporting.filters import Filter, Range
from reporting.tiles import Tile, ceil_day, floor_day, tile

DAY_OF = {"by_day": "bucket", "by_quarter": "(bucket AT TIME ZONE 'UTC')::date"}
CHANGED = {"by_month": "changed_month", "by_day": "changed_day"}

# Out of millionths, an exact decimal without trailing zeros; and its text, which has no exponent.
AMOUNT = "trim_scale(sum(cost) * 0.000001)"
AS_DECIMAL = f"{AMOUNT}::text"

SUMS = "sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks, sum(views)::bigint AS views"
NOT_ZERO = "sum(conversions) <> 0 OR sum(clicks) <> 0 OR sum(views) <> 0 OR sum(cost) <> 0"


class Query(msgspec.Struct, frozen=True):
    sql: str
    args: tuple[object, ...]


def cost_report(schema: str, advertiser: UUID, filter_: Filter) -> Query:
    """A row for each (offer, publisher) with a figure that is not zero."""
    args = Arguments(advertiser, filter_.offer)
    return Query(
        f"""
        WITH {mine(schema)}
        SELECT o.id AS "offerId", o.name AS "offerName", f.conversions AS "totalConversions", f.clicks AS "totalClicks",
            f.views AS "totalViews", f.revenue AS revenue, p.name AS "publisherName"
        FROM (
            SELECT offer, partner, {SUMS}, {AS_DECIMAL} AS revenue
            FROM ({buckets(schema, filter_, args)}) AS b
            GROUP BY offer, partner
            HAVING {NOT_ZERO}
        ) AS f
        JOIN mine o ON o.key = f.offer
        JOIN {schema}.partner p ON p.key = f.partner
        ORDER BY o.name COLLATE "C", p.name COLLATE "C", o.id, p.id
        """,
        tuple(args),
    )


def singular(schema: str, advertiser: UUID, filter_: Filter) -> Query:
    """A row for each (UTC day, offer, publisher) with cost or clicks."""
    args = Arguments(advertiser, None)
    daily = [
        f"SELECT offer, partner, {DAY_OF[each.table]} AS day, clicks, cost FROM {schema}.{each.table} "
        f"WHERE {within(each, args)}"
        for each in tile(filter_.range, "by_day")
    ]
    return Query(
        f"""
        WITH {mine(schema)}
        SELECT to_char(f.day, 'YYYY-MM-DD') AS date, o.name AS offer_name, p.id AS partner_id, o.app_name AS app,
            o.store_id, o.os, o.campaign_name, o.id AS campaign_id, f.cost, f.clicks
        FROM (
            SELECT offer, partner, day, {AS_DECIMAL} AS cost, sum(clicks)::bigint AS clicks
            FROM ({" UNION ALL ".join(daily)}) AS b
            GROUP BY offer, partner, day
            HAVING sum(cost) <> 0 OR sum(clicks) <> 0
        ) AS f
        JOIN mine o ON o.key = f.offer
        JOIN {schema}.partner p ON p.key = f.partner
        ORDER BY f.day, o.id, p.id
        """,
        tuple(args),
    )


def breakdown(schema: str, advertiser: UUID, filter_: Filter, top: int) -> Query:
    """Of the cost report: its totals (a row whose kind is null, with how many `rows` it has), and the `top` offers and
    partners by cost, then clicks, best first.
    """
    args = Arguments(advertiser, filter_.offer)
    return Query(
        f"""
        WITH {mine(schema)},
        f AS (
            SELECT offer, partner, {SUMS}, sum(cost) AS cost
            FROM ({buckets(schema, filter_, args)}) AS b
            GROUP BY offer, partner
            HAVING {NOT_ZERO}
        ),
        g AS (
            SELECT offer, partner, count(*) AS rows, {SUMS}, {AMOUNT} AS cost,
                row_number() OVER (
                    PARTITION BY grouping(offer, partner) ORDER BY sum(cost) DESC, sum(clicks) DESC, offer, partner
                ) AS place
            FROM f
            GROUP BY GROUPING SETS ((), (offer), (partner))
        )
        SELECT CASE WHEN g.offer IS NOT NULL THEN 'offer' WHEN g.partner IS NOT NULL THEN 'partner' END AS kind,
            coalesce(o.id, p.id) AS id, coalesce(o.name, p.name) AS name, o.os, o.campaign_name AS campaign,
            coalesce(g.cost, 0) AS cost, coalesce(g.conversions, 0) AS conversions, coalesce(g.clicks, 0) AS clicks,
            coalesce(g.views, 0) AS views, g.rows
        FROM g LEFT JOIN mine o ON o.key = g.offer LEFT JOIN {schema}.partner p ON p.key = g.partner
        WHERE g.place <= {args.add(top)}
        ORDER BY kind, g.place
        """,
        tuple(args),
    )


def totals(schema: str, advertiser: UUID, filter_: Filter) -> Query:
    """One row: the sums of the cost report."""
    args = Arguments(advertiser, filter_.offer)
    return Query(
        f"""
        WITH {mine(schema)}
        SELECT coalesce({AMOUNT}, 0) AS cost, coalesce(sum(conversions), 0)::bigint AS conversions,
            coalesce(sum(clicks), 0)::bigint AS clicks, coalesce(sum(views), 0)::bigint AS views
        FROM ({buckets(schema, filter_, args)}) AS b
        """,
        tuple(args),
    )


def by_day(schema: str, advertiser: UUID, filter_: Filter) -> Query:
    """A row for each day, of a range of whole days, on which anything was ever counted: its figures, and when they last
    changed.
    """
    (days,) = tile(filter_.range, "by_day")
    assert days.table == "by_day", "a range of whole days"
    args = Arguments(advertiser, filter_.offer)
    in_days = within(days, args)
    return Query(
        f"""
        WITH {mine(schema)},
        figures AS (SELECT bucket, {AMOUNT} AS cost, {SUMS} FROM {schema}.by_day WHERE {in_days} GROUP BY bucket),
        changes AS (
            SELECT bucket, max(changed_at) AS changed_at FROM {schema}.changed_day WHERE {in_days} GROUP BY bucket
        )
        SELECT bucket AS day, cost, conversions, clicks, views, changed_at FROM figures LEFT JOIN changes USING (bucket)
        """,
        tuple(args),
    )


def validators(schema: str, advertiser: UUID, filter_: Filter) -> Query:
    """One row: `through`, the time of the last intake call (null: none yet), and `state`, which is another one as soon
    as anything that the report may show is: a figure of one of its offers on one of its days, or a name.
    """
    args = Arguments(advertiser, filter_.offer)
    changes = [
        f"SELECT offer, version FROM {schema}.{CHANGED[each.table]} WHERE {within(each, args)}"
        for each in tile(whole_days(filter_.range))
    ]
    return Query(
        f"""
        WITH {mine(schema)},
        figures AS (SELECT offer, sum(version) AS version FROM ({" UNION ALL ".join(changes)}) AS c GROUP BY offer)
        SELECT (SELECT received_at FROM {schema}.intake ORDER BY received_at DESC LIMIT 1) AS through,
            (SELECT string_agg(concat_ws(':', o.key, o.version, f.version), ',' ORDER BY o.key)
                FROM mine o LEFT JOIN figures f ON f.offer = o.key) AS state,
            (SELECT sum(version) FROM {schema}.partner) AS names
        """,
        tuple(args),
    )


class Arguments(list[object]):
    """A query's arguments, counted as they are added. The first two are the advertiser and the offer or None."""

    def __init__(self, advertiser: UUID, offer: UUID | None) -> None:
        super().__init__([advertiser, offer])

    def add(self, value: object) -> str:
        self.append(value)
        return f"${len(self)}"


def mine(schema: str) -> str:
    """The offers to report on."""
    return f"""mine AS MATERIALIZED (
            SELECT * FROM {schema}.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        )"""


def buckets(schema: str, filter_: Filter, args: Arguments) -> str:
    """The rows of the tiles of the range, of the offers to report on."""
    return " UNION ALL ".join(
        f"SELECT offer, partner, conversions, clicks, views, cost FROM {schema}.{each.table} WHERE {within(each, args)}"
        for each in tile(filter_.range)
    )


def within(each: Tile, args: Arguments) -> str:
    """The buckets of a tile, of the offers to report on."""
    type_ = "timestamptz" if each.table == "by_quarter" else "date"
    start, end = args.add(each.start), args.add(each.end)
    return f"offer IN (SELECT key FROM mine) AND bucket >= {start}::{type_} AND bucket < {end}::{type_}"


def whole_days(range_: Range) -> Range:
    """Changes are noted by day."""
    return Range(floor_day(range_.start), ceil_day(range_.end))
