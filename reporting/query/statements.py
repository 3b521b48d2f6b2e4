"""The statements of queries: sql/query.sql with fragments for the query's groups, metrics and order.

The fragments are fixed texts; every value is a parameter.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import msgspec

from database.sql import SqlFile, SqlText, statement_text
from reporting.query.columns import GROUP_COLUMNS, METRICS, TIME_GROUPS, Group, Metric, columns_of, has_time
from reporting.query.identity import row_id

SQL = Path(__file__).parent / "sql"
VALIDATORS = SqlFile(SQL / "validators.sql")
EXTENT = SqlFile(SQL / "extent.sql")

StatementName = Literal["whole", "totals", "items", "columns", "values", "page", "chart_and_table"]
TEXTS: dict[StatementName, str] = {name: statement_text(SQL / "query.sql", name) for name in get_args(StatementName)}
CACHED_SCHEMAS = 8  # of each statement: there are as many statements as shapes of queries
FRAGMENT = re.compile(r"<<([a-z ]+)>>")

FIGURES = ("conversions", "clicks", "views", "cost")
OF_PARTNERS = """(
                    :partner_ids::uuid[] IS NULL
                    OR partner IN (SELECT key FROM {schema}.partner WHERE id = ANY(:partner_ids::uuid[]))
                )"""
# In CTE `grouped`: the columns of an offer that a group needs.
OFFER_COLUMNS: dict[Group, tuple[str, ...]] = {
    "offer": ("o.id AS offer_id", "o.name AS offer_name"),
    "app": ("o.app_name", "o.store_id"),
    "os": ("o.os",),
    "campaign": ("o.campaign_name",),
    "advertiser": ("o.advertiser",),
}
# In the result, in which `b` is a time bucket, `g` a row of `grouped`, and `p` and `a` its partner and advertiser.
VALUES = {
    "hour": "b.hour",
    "day": "b.day",
    "week": "b.week",
    "month": "b.month",
    "offerId": "g.offer_id",
    "offerName": "g.offer_name",
    "partnerId": "p.id",
    "partnerName": "p.name",
    "app": "g.app_name",
    "storeId": "g.store_id",
    "os": "g.os",
    "campaign": "g.campaign_name",
    "advertiserId": "a.id",
    "advertiserName": "a.name",
    "cost": "trim_scale(coalesce(g.cost, 0) * 0.000001)",
    "conversions": "coalesce(g.conversions, 0)",
    "clicks": "coalesce(g.clicks, 0)",
    "views": "coalesce(g.views, 0)",
    "state": "b.state",
}
RATIOS: dict[str, tuple[str, str]] = {
    "costPerConversion": ("g.cost", "g.conversions"),
    "costPerClick": ("g.cost", "g.clicks"),
    "conversionRate": ("g.conversions * 1000000::numeric", "g.clicks"),
    "clickRate": ("g.clicks * 1000000::numeric", "g.views"),
}
ORDERS: dict[str, tuple[str, ...]] = {
    "hour": ("b.n",),
    "day": ("b.day",),
    "week": ("b.week",),
    "month": ("b.month",),
    "offer": ('g.offer_name COLLATE "C"', "g.offer_id"),
    "partner": ('p.name COLLATE "C"', "p.id"),
    "app": ('g.app_name COLLATE "C"', 'g.store_id COLLATE "C"'),
    "os": ('g.os COLLATE "C"',),
    "campaign": ('g.campaign_name COLLATE "C"',),
    "advertiser": ('a.name COLLATE "C"', "a.id"),
}


class Order(msgspec.Struct, frozen=True):
    """A group or metric to sort by."""

    key: Group | Metric
    descending: bool = False


class StatementShape(msgspec.Struct, frozen=True):
    """What the text of a query's statements depends on. `order` is complete: every group is in it."""

    groups: tuple[Group, ...]
    metrics: tuple[Metric, ...]
    order: tuple[Order, ...]
    zeros: bool
    decimals_as_text: bool


@lru_cache(1_024)
def query_statement(shape: StatementShape, name: StatementName) -> SqlText:
    texts = fragments(shape)
    if name == "chart_and_table":
        texts |= chart_and_table_fragments(shape)
    return SqlText(FRAGMENT.sub(lambda fragment: texts[fragment[1]], TEXTS[name]), cached_schemas=CACHED_SCHEMAS)


def fragments(shape: StatementShape) -> dict[str, str]:
    """What replaces <<name>> in sql/query.sql."""
    names = [column.name for column in columns_of(shape.groups, shape.metrics)]
    return {
        "group columns": ", ".join(group_columns(shape.groups)),
        "figures": sums("m.") if sums_offers(shape) else ", ".join(f"m.{each}" for each in FIGURES),
        "group by": group_by(shape),
        "figures of bucket": figures_of_bucket(shape),
        "of partners": OF_PARTNERS,
        "group by of bucket": "OFFSET 0" if "partner" in shape.groups else "GROUP BY bucket",
        "partner column": "partner," if "partner" in shape.groups else "",
        "figures of offer": figures_of_offer(shape),
        "group by of offer": group_by_of_offer(shape),
        "totals": json_object([(metric, json_value(metric, shape)) for metric in shape.metrics]),
        "item": item(shape),
        "columns": ", ".join(f'{value(shape, name)} AS "{name}"' for name in names),
        "values": ", ".join("b.n" if name == "hour" else value(shape, name) for name in names),
        "rows": rows(shape),
    }


def chart_and_table_fragments(shape: StatementShape) -> dict[str, str]:
    """Those of a statement that adds up twice: by time bucket, which is the first group, and by the other groups."""
    bucket, *groups = group_columns(shape.groups)
    sets = f"({bucket}), ({', '.join(column.partition(' AS ')[0] for column in groups)})"
    return {
        "figures": sums("m."),
        "group by": f"GROUP BY GROUPING SETS ({sets})\n    HAVING {not_zero('m.')}",
        "rows": end_of_select(shape, "FROM grouped g LEFT JOIN buckets b ON b.n = g.n", first=["b.n"]),
    }


def sums_offers(shape: StatementShape) -> bool:
    """Whether a row is of several offers."""
    return "offer" not in shape.groups


def group_columns(groups: Sequence[Group]) -> list[str]:
    offer = [column for group in groups for column in OFFER_COLUMNS.get(group, ())]
    return ["m.n", *offer, *(["m.partner"] if "partner" in groups else [])]


def group_by(shape: StatementShape) -> str:
    """Rows of several offers are added up once, which takes half the time of adding up each offer first."""
    if not sums_offers(shape):
        return ""
    return f"GROUP BY {', '.join(group_columns(shape.groups))}\n    HAVING {not_zero('m.')}"


def sums(table: str) -> str:
    return ", ".join(f"sum({table}{each}) AS {each}" for each in FIGURES)


def figures_of_bucket(shape: StatementShape) -> str:
    """Without the group `partner`, the rows of a bucket are added up before anything else is done with them."""
    if "partner" in shape.groups:
        return f"partner, {', '.join(FIGURES)}"
    return f"NULL::integer AS partner, {sums_of_figures()}"


def figures_of_offer(shape: StatementShape) -> str:
    if sums_offers(shape):
        return ", ".join(FIGURES)
    return sums_of_figures()


def sums_of_figures() -> str:
    return ", ".join(f"sum({each}){'' if each == 'cost' else '::bigint'} AS {each}" for each in FIGURES)


def group_by_of_offer(shape: StatementShape) -> str:
    if sums_offers(shape):
        return ""
    return f"GROUP BY n{', partner' if 'partner' in shape.groups else ''}\n        HAVING {not_zero()}"


def not_zero(table: str = "") -> str:
    return " OR ".join(f"sum({table}{each}) <> 0" for each in FIGURES)


def rows(shape: StatementShape) -> str:
    """The end of a SELECT. Without a group there is one row even if all figures are zero."""
    everything = shape.zeros or not shape.groups
    source = f"FROM buckets b {'LEFT ' if everything else ''}JOIN (SELECT * FROM grouped OFFSET 0) AS g ON g.n = b.n"
    return end_of_select(shape, source, "WHERE g.n IS NOT NULL OR b.begun" if shape.zeros else "")


def end_of_select(shape: StatementShape, source: str, where: str = "", first: Sequence[str] = ()) -> str:
    """`source` has the buckets as `b` and `grouped` as `g`. `first` comes before the shape's order."""
    lines = [source]
    if "partner" in shape.groups:
        lines.append("LEFT JOIN {schema}.partner p ON p.key = g.partner")
    if "advertiser" in shape.groups:
        lines.append("LEFT JOIN {schema}.advertiser a ON a.id = g.advertiser")
    if where:
        lines.append(where)
    if order := [*first, *(part for each in shape.order for part in order_by(each))]:
        lines.append("ORDER BY " + ", ".join(order))
    return "\n".join([*lines, "LIMIT :limit::bigint"])


def order_by(order: Order) -> list[str]:
    """Null comes last in both directions: the row has no such value."""
    keys = ORDERS.get(order.key) or (sort_value(order.key),)
    return [f"{key}{' DESC' if order.descending else ''} NULLS LAST" for key in keys]


def sort_value(metric: str) -> str:
    return ratio(*RATIOS[metric]) if metric in RATIOS else f"coalesce(g.{metric}, 0)"


def ratio(numerator: str, denominator: str) -> str:
    """The quotient, rounded half-even to six places: both are integers, and the numerator is in millionths. Null for a
    denominator of 0.
    """
    quotient, rest = f"div({numerator}, {denominator})", f"2 * mod({numerator}, {denominator})"
    up = f"{rest} > {denominator} OR {rest} = {denominator} AND mod({quotient}, 2) = 1"
    return f"CASE WHEN {denominator} <> 0 THEN ({quotient} + CASE WHEN {up} THEN 1 ELSE 0 END) * 0.000001 END"


def value(shape: StatementShape, name: str) -> str:
    """The expression of a column."""
    return row_id(shape.groups) if name == "id" else value_of(name)


def value_of(name: str) -> str:
    return ratio(*RATIOS[name]) if name in RATIOS else VALUES[name]


def item(shape: StatementShape) -> str:
    fields = [("id", f"""'"', {row_id(shape.groups)}, '"'""")]
    for group in shape.groups:
        fields += [(column.name, json_value(column.name, shape)) for column in GROUP_COLUMNS[group]]
    fields += [(metric, json_value(metric, shape)) for metric in shape.metrics]
    if has_time(shape.groups):
        fields.append(("state", json_value("state", shape)))
    return json_object(fields)


def json_object(fields: Sequence[tuple[str, str]]) -> str:
    """A `concat` of the object's text. A field's value is one or more expressions, separated by commas."""
    parts = [f"""'{"," if number else ""}"{name}":', {text}""" for number, (name, text) in enumerate(fields)]
    return f"concat('{{', {', '.join(parts)}, '}}')"


def json_value(name: str, shape: StatementShape) -> str:
    """The expressions of a value's JSON text."""
    text = value_of(name)
    if name in {*TIME_GROUPS, "state"}:
        return f"""'"', {text}, '"'"""
    if name in {"offerId", "partnerId", "advertiserId"}:
        return f"""coalesce('"' || {text} || '"', 'null')"""
    if name in METRICS:
        if name in RATIOS or name == "cost":
            quoted = f"""'"' || {text} || '"'""" if shape.decimals_as_text else f"({text})::text"
            return f"coalesce({quoted}, 'null')"
        return text
    return f"coalesce(to_json({text})::text, 'null')"
