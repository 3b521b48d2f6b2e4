"""The reports' SQL. The advertiser is the first argument and in the WHERE clause of each."""

import re
from datetime import date
from uuid import UUID

import msgspec

from reporting.filters import Filter, Range
from reporting.ranges import Tile, ceil_day, floor_day, tile

DAY_OF = {"by_day": "bucket", "by_quarter": "(bucket AT TIME ZONE 'UTC')::date"}
CHANGED = {"by_month": "changed_month", "by_day": "changed_day"}

# Out of millionths, an exact decimal without trailing zeros, whose text has no exponent.
UNITS = "trim_scale({} * 0.000001)"
AMOUNT = UNITS.format("sum(cost)")

# One number, which sorts faster than a day and the offer's id.
WITH_PLACE = "*, row_number() OVER (ORDER BY id) AS place"
BY_DAY_AND_OFFER = "(f.day - date '2000-01-01') * 4294967296 + f.place, p.id"

SUM = {
    "conversions": "sum(conversions)::bigint AS conversions",
    "clicks": "sum(clicks)::bigint AS clicks",
    "views": "sum(views)::bigint AS views",
    "cost": "sum(cost) AS cost",
}
FIGURES = tuple(SUM)
SUMS = ", ".join(SUM[count] for count in ("conversions", "clicks", "views"))


class Query(msgspec.Struct, frozen=True):
    sql: str
    args: tuple[object, ...]

    def spelled_out(self) -> str:
        """With its arguments in it, as COPY needs it: each is one that this module has typed."""

        def literal(match: re.Match[str]) -> str:
            value = self.args[int(match[1]) - 1]
            assert value is None or isinstance(value, UUID | date)
            return "NULL" if value is None else f"'{value}'"

        return re.sub(r"\$(\d+)", literal, self.sql)


class Column(msgspec.Struct, frozen=True):
    """A column of a report: its name on the wire, its value, and that as JSON, within quotes or not."""

    name: str
    value: str
    json: str
    quote: str = ""


def number(name: str, value: str) -> Column:
    return Column(name, value, value)


def plain(name: str, value: str) -> Column:
    """Text in which nothing needs escaping."""
    return Column(name, value, value, '"')


def text(name: str, value: str) -> Column:
    return Column(name, value, f"to_json({value})")


def text_or_null(name: str, value: str) -> Column:
    return Column(name, value, f"coalesce(to_json({value})::text, 'null')")


class Rows(msgspec.Struct, frozen=True):
    """What a report shows: `figures` (f) are rows of one of the advertiser's offers and a partner (p)."""

    schema: str
    columns: tuple[Column, ...]
    mine: str
    figures: str
    order: str
    args: tuple[object, ...]

    def table(self) -> Query:
        """A row for each, its columns as the wire has them, so that CSV is the query's own output."""
        columns = ", ".join(f'{column.value} AS "{column.name}"' for column in self.columns)
        return self.select(columns)

    def items(self) -> Query:
        """A row for each: its JSON."""
        return self.select(self.json)

    def select(self, columns: str) -> Query:
        rows = f"SELECT {columns} FROM {self.joined('OFFSET 0')} ORDER BY {self.order}"
        return Query(f"WITH {self.mine} {rows}", self.args)

    def at_once(self, most: int) -> str:
        """One row: how many there are, and the inside of a JSON array of them in UTF-8. Where there are more than
        `most`, it is not of all.
        """
        return f"""
            SELECT count(*) AS rows, convert_to(string_agg({self.json}, ',' ORDER BY {self.order}), 'UTF8') AS items
            FROM {self.joined(f"LIMIT {most + 1}")}
        """

    @property
    def json(self) -> str:
        parts, text = [], "{"
        for column in self.columns:
            parts += [f"""'{text}"{column.name}":{column.quote}'""", column.json]
            text = f"{column.quote},"
        return f"concat({', '.join(parts)}, '{text.removesuffix(',')}}}')"

    def joined(self, limit: str) -> str:
        """With a limit or an offset the planner looks for partners once, and not for each offer anew."""
        return f"({self.figures} {limit}) AS f JOIN {self.schema}.partner p ON p.key = f.partner"


COST_REPORT = (
    plain("offerId", "f.id"),
    text("offerName", "f.name"),
    number("totalConversions", "f.conversions"),
    number("totalClicks", "f.clicks"),
    number("totalViews", "f.views"),
    number("revenue", UNITS.format("f.cost")),
    text("publisherName", "p.name"),
)

SINGULAR = (
    plain("date", "f.day"),
    text("offer_name", "f.name"),
    plain("partner_id", "p.id"),
    text_or_null("app", "f.app_name"),
    text_or_null("store_id", "f.store_id"),
    text_or_null("os", "f.os"),
    text_or_null("campaign_name", "f.campaign_name"),
    plain("campaign_id", "f.id"),
    number("cost", UNITS.format("f.cost")),
    number("clicks", "f.clicks"),
)


def cost_report(schema: str, advertiser: UUID, filter_: Filter) -> Rows:
    """A row for each (offer, publisher) with a figure that is not zero."""
    args = Arguments(advertiser, filter_.offer)
    return Rows(
        schema,
        COST_REPORT,
        mine(schema),
        figures(schema, tile(filter_.range), args, FIGURES),
        'f.name COLLATE "C", p.name COLLATE "C", f.id, p.id',
        tuple(args),
    )


def singular(schema: str, advertiser: UUID, filter_: Filter) -> Rows:
    """A row for each (UTC day, offer, publisher) with cost or clicks."""
    args = Arguments(advertiser, None)
    tiles = tile(filter_.range, "by_day")
    rows = figures(schema, tiles, args, ("cost", "clicks"), day=True)
    return Rows(schema, SINGULAR, mine(schema, WITH_PLACE), rows, BY_DAY_AND_OFFER, tuple(args))


def with_validators(rows: Rows, filter_: Filter, most: int) -> Query:
    """The row of `validators`, and beside it that of `Rows.at_once`: both of one instant."""
    args = Arguments(*rows.args)
    looked_at = looked_up(rows.schema, filter_, args)
    return Query(
        f"WITH {rows.mine}, {looked_at} SELECT v.*, r.* FROM validators v, ({rows.at_once(most)}) AS r", tuple(args)
    )


def breakdown(schema: str, advertiser: UUID, filter_: Filter, top: int) -> Query:
    """Of the cost report: its totals (a row whose kind is null, with how many `rows` it has), and the `top` offers and
    partners by cost, then clicks, best first.
    """
    args = Arguments(advertiser, filter_.offer)
    return Query(
        f"""
        WITH {mine(schema)},
        f AS ({figures(schema, tile(filter_.range), args, FIGURES)}),
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
        FROM ({figures(schema, tile(filter_.range), args, FIGURES)}) AS f
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
        figures AS (
            SELECT bucket, {AMOUNT} AS cost, {SUMS} FROM mine o CROSS JOIN LATERAL (
                SELECT * FROM {schema}.by_day WHERE {in_days} OFFSET 0
            ) AS b GROUP BY bucket
        ),
        changes AS (
            SELECT bucket, max(changed_at) AS changed_at FROM mine o CROSS JOIN LATERAL (
                SELECT * FROM {schema}.changed_day WHERE {in_days} OFFSET 0
            ) AS c GROUP BY bucket
        )
        SELECT bucket AS day, cost, conversions, clicks, views, changed_at FROM figures LEFT JOIN changes USING (bucket)
        """,
        tuple(args),
    )


def first_day(schema: str, advertiser: UUID, filter_: Filter) -> Query:
    """One row: the first day of the range, which starts with one, on which anything was ever counted, or null."""
    args = Arguments(advertiser, filter_.offer)
    days = Tile("by_day", filter_.range.start.date(), ceil_day(filter_.range.end).date())
    return Query(
        f"""
        WITH {mine(schema)}
        SELECT min(bucket) FROM mine o CROSS JOIN LATERAL (
            SELECT bucket FROM {schema}.by_day WHERE {within(days, args)} ORDER BY bucket LIMIT 1
        ) AS b
        """,
        tuple(args),
    )


def validators(schema: str, advertiser: UUID, filter_: Filter) -> Query:
    """One row: `through`, the time of the last intake call (null: none yet), and `state` and `names`, which are others
    as soon as anything that the report may show is: a figure of one of its offers on one of its days, or a name.
    """
    args = Arguments(advertiser, filter_.offer)
    looked_at = looked_up(schema, filter_, args)
    return Query(f"WITH {mine(schema)}, {looked_at} SELECT * FROM validators", tuple(args))


def looked_up(schema: str, filter_: Filter, args: "Arguments") -> str:
    days = Range(floor_day(filter_.range.start), ceil_day(filter_.range.end))  # changes are noted by day
    changes = " UNION ALL ".join(
        f"SELECT version FROM {schema}.{CHANGED[each.table]} WHERE {within(each, args)}"
        for each in tile(days, only_add=True)  # a month's version is not the sum of its days'
    )
    version = f"(SELECT sum(version) FROM ({changes}) AS c)"
    return f"""
        validators AS (
            SELECT (SELECT received_at FROM {schema}.intake ORDER BY received_at DESC LIMIT 1) AS through,
                (SELECT string_agg(concat_ws(':', o.key, o.version, {version}), ',' ORDER BY o.key) FROM mine o)
                    AS state,
                (SELECT sum(hashint8extended((key::bigint << 32) + version, 0)) FROM {schema}.partner) AS names
        )"""


class Arguments(list[object]):
    """A query's arguments, counted as they are added. The first two are the advertiser and the offer or None."""

    def __init__(self, advertiser: object, offer: object, *others: object) -> None:
        super().__init__([advertiser, offer, *others])

    def add(self, value: object) -> str:
        self.append(value)
        return f"${len(self)}"


def mine(schema: str, columns: str = "*") -> str:
    """The offers to report on."""
    return f"""mine AS MATERIALIZED (
            SELECT {columns} FROM {schema}.offer WHERE advertiser = $1 AND ($2::uuid IS NULL OR id = $2)
        )"""


def figures(schema: str, tiles: tuple[Tile, ...], args: Arguments, shown: tuple[str, ...], *, day: bool = False) -> str:
    """A row for each (offer, partner), or each of them and UTC day, with a figure of those shown that is not zero.

    Offer by offer, which leaves PostgreSQL no choice but the index that each of the tables has.
    """
    keys = "day, partner" if day else "partner"
    rows = buckets(schema, tiles, args, shown, day=day)
    if len(tiles) == 1 and (tiles[0].buckets == 1 or (day and tiles[0].table == "by_day")):  # has a row for each
        of_offer = f"SELECT * FROM ({rows}) AS b WHERE {' OR '.join(f'{figure} <> 0' for figure in shown)} OFFSET 0"
    else:
        sums = ", ".join(SUM[figure] for figure in shown)
        of_offer = f"""
            SELECT {keys}, {sums} FROM ({rows}) AS b GROUP BY {keys}
            HAVING {" OR ".join(f"sum({figure}) <> 0" for figure in shown)}
        """
    return f"SELECT o.*, o.key AS offer, b.* FROM mine o CROSS JOIN LATERAL ({of_offer}) AS b"


def buckets(schema: str, tiles: tuple[Tile, ...], args: Arguments, shown: tuple[str, ...], *, day: bool = False) -> str:
    """The rows of the tiles, of the offer o."""

    def of(each: Tile) -> str:
        columns = [f"-{figure} AS {figure}" if each.minus else figure for figure in shown]
        days = [f"{DAY_OF[each.table]} AS day"] if day else []
        return f"SELECT {', '.join(['partner', *days, *columns])} FROM {schema}.{each.table} WHERE {within(each, args)}"

    return " UNION ALL ".join(map(of, tiles))


def within(each: Tile, args: Arguments) -> str:
    """The buckets of a tile, of the offer o."""
    type_ = "timestamptz" if each.table == "by_quarter" else "date"
    start, end = args.add(each.start), args.add(each.end)
    return f"offer = o.key AND bucket >= {start}::{type_} AND bucket < {end}::{type_}"
