"""The columns of a query's result, and its rows as Python values, from which binary formats are written."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator, Sequence
from typing import Any, Literal, Protocol, get_args

import msgspec

TimeGroup = Literal["hour", "day", "week", "month"]
# Those of the API, which shows one advertiser.
ApiGroup = Literal["hour", "day", "week", "month", "offer", "partner", "app", "os", "campaign"]
Group = ApiGroup | Literal["advertiser"]
Metric = Literal[
    "cost", "conversions", "clicks", "views", "costPerConversion", "costPerClick", "conversionRate", "clickRate"
]
ColumnKind = Literal["text", "uuid", "integer", "decimal", "ratio", "date", "datetime"]

TIME_GROUPS: tuple[TimeGroup, ...] = get_args(TimeGroup)  # from the finest
API_GROUPS: tuple[ApiGroup, ...] = get_args(ApiGroup)
GROUPS: tuple[Group, ...] = (*API_GROUPS, "advertiser")
METRICS: tuple[Metric, ...] = get_args(Metric)
DEFAULT_METRICS = METRICS[:4]


class QueryColumn(msgspec.Struct, frozen=True):
    """A column. Its values in Python, by `kind`; None only if it is `nullable`:

    text      str
    uuid      UUID
    integer   int, of at most 64 bits
    decimal   Decimal: an amount, exact, with at most six places and 38 digits
    ratio     Decimal with six places; None if its denominator is 0
    date      date, in the report's time zone
    datetime  datetime with the report's time zone, so that a repeated hour has two different UTC offsets
    """

    name: str
    kind: ColumnKind
    nullable: bool = False


ID = QueryColumn("id", "text")
STATE = QueryColumn("state", "text")
# Those that are not of time are null in rows of the parameter `zeros`.
GROUP_COLUMNS: dict[Group, tuple[QueryColumn, ...]] = {
    "hour": (QueryColumn("hour", "datetime"),),
    "day": (QueryColumn("day", "date"),),
    "week": (QueryColumn("week", "date"),),
    "month": (QueryColumn("month", "date"),),
    "offer": (QueryColumn("offerId", "uuid", nullable=True), QueryColumn("offerName", "text", nullable=True)),
    "partner": (QueryColumn("partnerId", "uuid", nullable=True), QueryColumn("partnerName", "text", nullable=True)),
    "app": (QueryColumn("app", "text", nullable=True), QueryColumn("storeId", "text", nullable=True)),
    "os": (QueryColumn("os", "text", nullable=True),),
    "campaign": (QueryColumn("campaign", "text", nullable=True),),
    "advertiser": (
        QueryColumn("advertiserId", "uuid", nullable=True),
        QueryColumn("advertiserName", "text", nullable=True),
    ),
}
METRIC_COLUMNS: dict[Metric, QueryColumn] = {
    "cost": QueryColumn("cost", "decimal"),
    "conversions": QueryColumn("conversions", "integer"),
    "clicks": QueryColumn("clicks", "integer"),
    "views": QueryColumn("views", "integer"),
    "costPerConversion": QueryColumn("costPerConversion", "ratio", nullable=True),
    "costPerClick": QueryColumn("costPerClick", "ratio", nullable=True),
    "conversionRate": QueryColumn("conversionRate", "ratio", nullable=True),
    "clickRate": QueryColumn("clickRate", "ratio", nullable=True),
}


def columns_of(groups: Sequence[Group], metrics: Sequence[Metric]) -> tuple[QueryColumn, ...]:
    """In the order of the result: id, groups and metrics as requested, and the state if there is a time group."""

    def columns() -> Iterator[QueryColumn]:
        yield ID
        for group in groups:
            yield from GROUP_COLUMNS[group]
        for metric in metrics:
            yield METRIC_COLUMNS[metric]
        if has_time(groups):
            yield STATE

    return tuple(columns())


def has_time(groups: Collection[Group]) -> bool:
    return not set(TIME_GROUPS).isdisjoint(groups)


class QueryRows(Protocol):
    """The rows of a query, read once, from one snapshot, in constant memory."""

    @property
    def columns(self) -> tuple[QueryColumn, ...]: ...

    def batches(self) -> AsyncIterator[list[tuple[Any, ...]]]:
        """The rows in their order, in lists of at most some thousands; each row has a value for each column.

        Raises DatabaseUnavailable and database errors; the response must then end without looking complete.
        """
        ...

    @property
    def meta(self) -> dict[str, Any]:
        """The `meta` of the JSON response, for `json.dumps`. `rows` is the number of rows so far."""
        ...


SendChunk = Callable[[bytes], Awaitable[None]]
# Writes all rows in a format: sends the file's bytes as they become known. Raises what `batches` and sending raise.
RowWriter = Callable[[QueryRows, SendChunk], Coroutine[Any, Any, None]]
