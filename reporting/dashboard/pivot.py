"""The chart and the table from one query by time bucket and by the table's groups: half the work of two queries.

Only for tables of few rows, which are added up and sorted here as PostgreSQL would.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from database.pool import Connection
from reporting.dashboard.figures import SpendMetrics, SpendRow, metrics_of
from reporting.query.buckets import TimeBucket
from reporting.query.columns import GROUP_COLUMNS, Group
from reporting.query.request import QueryRequest
from reporting.query.statements import Order

MAX_CELLS = 20_000  # of the table's rows, for each time bucket

METRICS: dict[str, Callable[[SpendRow], Any]] = {
    "cost": attrgetter("metrics.cost"),
    "conversions": attrgetter("metrics.conversions"),
    "clicks": attrgetter("metrics.clicks"),
    "views": attrgetter("metrics.views"),
    "costPerConversion": attrgetter("metrics.cost_per_conversion"),
    "conversionRate": attrgetter("metrics.conversion_rate"),
}
# The values by which a group is sorted.
NAMES: dict[Group, tuple[str, ...]] = {
    "advertiser": ("advertiserName", "advertiserId"),
    "partner": ("partnerName", "partnerId"),
    "campaign": ("campaign",),
    "os": ("os",),
}


async def read_pivot(
    db: Connection, request: QueryRequest, order: Iterable[Order]
) -> tuple[list[tuple[TimeBucket, SpendMetrics]], list[SpendRow]] | None:
    """Each time bucket, in order of time, and all rows of the table in this order. None: there are too many.

    The request's groups are a time group and one of NAMES.
    """
    bucket_group, group = request.parameters.groups
    columns = [column.name for column in GROUP_COLUMNS[group]]
    buckets = list(request.buckets())
    query = request.query("page", buckets, max_rows=MAX_CELLS)
    cells = await db.fetch(query.sql, *query.args)
    if len(cells) >= MAX_CELLS:
        return None
    of_buckets: dict[Any, SpendMetrics] = {}
    of_rows: dict[tuple[Any, ...], SpendMetrics] = {}
    for cell in cells:
        metrics, time, key = metrics_of(cell), cell[bucket_group], tuple(cell[name] for name in columns)
        of_buckets[time] = of_buckets.get(time, SpendMetrics()) + metrics
        of_rows[key] = of_rows.get(key, SpendMetrics()) + metrics
    rows = [SpendRow(dict(zip(columns, key, strict=True)), metrics) for key, metrics in of_rows.items()]
    series = [(bucket, of_buckets.get(getattr(bucket, bucket_group), SpendMetrics())) for bucket in buckets]
    return series, sort_rows(rows, [*order, Order(group)])


def sort_rows(rows: list[SpendRow], order: list[Order]) -> list[SpendRow]:
    """As `reporting.query.statements.order_by` says: null comes last in both directions."""
    for each in reversed(order):
        metric = METRICS.get(each.key)
        if metric:
            rows = sort_by(rows, metric, each)
        else:
            for name in reversed(NAMES[each.key]):  # type: ignore[index]
                rows = sort_by(rows, lambda row, name=name: row.values[name], each)  # type: ignore[misc]
    return rows


def sort_by(rows: list[SpendRow], value: Callable[[SpendRow], Any], order: Order) -> list[SpendRow]:
    known = [row for row in rows if value(row) is not None]
    known.sort(key=value, reverse=order.descending)
    return known + [row for row in rows if value(row) is None]
