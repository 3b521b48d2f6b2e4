"""Lists on pages: filters, sort order and keyset pages, which are read from the query string and kept in its links."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
from asyncpg import DataError, Record

from core.timestamps import midnight
from database.pool import Connection
from web.problems import FieldError, invalid_parameters
from web.requests import AnyRequest

PAGE_SIZE = 50
LONGEST_FILTER = 200  # characters
DESCENDING = "-"  # before the name of a sort order in the query string


class Sort(msgspec.Struct, frozen=True):
    """A sort order: `expression` is SQL that is never null, and `type` its SQL type. `descending`: which direction
    comes first when somebody chooses it.
    """

    expression: str
    type: str = "text"
    descending: bool = False


class ListRequest(msgspec.Struct, frozen=True):
    """What a list shows. `filters` has those that are given. `cursor` is the sort value and the id of the row after
    which the page begins, or before which it ends if `backwards`; None for the first page.
    """

    path: str
    sorts: Mapping[str, Sort]
    filters: Mapping[str, str]
    sort: str
    descending: bool
    cursor: tuple[str, str] | None = None
    backwards: bool = False

    def url(self, **others: str) -> str:
        """The first page of the list with other filters; an empty one removes a filter."""
        return self._url(self.sort, self.descending, {**self.filters, **others})

    def sort_url(self, name: str) -> str:
        """Sorted by `name`; in the other direction if it is already."""
        turned = not self.descending if name == self.sort else self.sorts[name].descending
        return self._url(name, turned, self.filters)

    def page_url(self, direction: str, row: Record) -> str:
        """`direction` is “after” or “before” the row."""
        place = {direction: row["sort_value"], "row": row["sort_id"]}
        return self._url(self.sort, self.descending, {**self.filters, **place})

    def _url(self, sort: str, descending: bool, given: Mapping[str, str]) -> str:
        first = next(iter(self.sorts))
        usual = sort == first and descending == self.sorts[first].descending
        asked = {name: value for name, value in given.items() if value or name in ("after", "before")}
        query = urlencode(asked | ({} if usual else {"sort": DESCENDING * descending + sort}))
        return f"{self.path}?{query}" if query else self.path


class Conditions:
    """The WHERE clause of a list, and the arguments of its parameters."""

    def __init__(self) -> None:
        self.args: list[Any] = []
        self._conditions: list[str] = []

    def add(self, condition: str, *values: Any) -> None:
        """`condition` has {} for the parameter of each value."""
        numbers = range(len(self.args) + 1, len(self.args) + len(values) + 1)
        self._conditions.append(condition.format(*(f"${number}" for number in numbers)))
        self.args += values

    @property
    def where(self) -> str:
        return " AND ".join(self._conditions) or "true"


class ListPage(msgspec.Struct, frozen=True):
    """`newer` and `older` are the URLs of the pages before and after this one, or None."""

    rows: Sequence[Record]
    newer: str | None
    older: str | None


def read_list_request(request: AnyRequest, sorts: Mapping[str, Sort], filters: Sequence[str] = ()) -> ListRequest:
    """Of a page's query: the filters by name, `sort` (a name of `sorts`, of which the first is the usual one; with “-”
    before it, descending), `after` or `before` with `row`. Other parameters and sort orders are ignored.
    """
    given = {name: value.replace("\0", "").strip() for name, value in request.query_params.items()}
    first = next(iter(sorts))
    asked = given.get("sort", "")
    sort = asked.removeprefix(DESCENDING)
    known = sort in sorts
    direction = next((name for name in ("after", "before") if name in given and given.get("row")), None)
    return ListRequest(
        path=request.url.path,
        sorts=sorts,
        filters={name: given[name][:LONGEST_FILTER] for name in filters if given.get(name)},
        sort=sort if known else first,
        descending=asked.startswith(DESCENDING) if known else sorts[first].descending,
        cursor=(given[direction], given["row"]) if direction else None,
        backwards=direction == "before",
    )


async def read_list_page(
    db: Connection,
    list_: ListRequest,
    columns: str,
    source: str,
    args: Sequence[Any] = (),
    *,
    where: str = "true",
    id_: str,
    id_type: str = "uuid",
    size: int = PAGE_SIZE,
) -> ListPage:
    """At most `size` rows of “SELECT {columns} FROM {source} WHERE {where}”, where $1 to $n are `args`. `id_` is the
    unique column that breaks ties. Rows also have the columns `sort_value` and `sort_id`.

    Raises Problem 400 if the cursor does not belong to this list.
    """
    sort = list_.sorts[list_.sort]
    turned = list_.descending != list_.backwards
    direction, compare = ("DESC", "<") if turned else ("ASC", ">")
    if list_.cursor:
        value = f"${len(args) + 1}::text::{sort.type}"  # the first condition is for an index without the id
        where += f"""
            AND {sort.expression} {compare}= {value}
            AND ({sort.expression}, {id_}) {compare} ({value}, ${len(args) + 2}::text::{id_type})
        """
        args = [*args, *list_.cursor]
    try:
        found = await db.fetch(
            f"""
            SELECT {columns}, {sort.expression}::text AS sort_value, {id_}::text AS sort_id
            FROM {source} WHERE {where} ORDER BY {sort.expression} {direction}, {id_} {direction} LIMIT {size + 1}
            """,
            *args,
        )
    except DataError as error:
        raise invalid_parameters(FieldError("row", "is not a row of this list; open the list again")) from error
    rows, more = found[:size], len(found) > size
    if list_.backwards:
        rows.reverse()
    newer = bool(rows) and (more if list_.backwards else list_.cursor is not None)
    older = bool(rows) and (True if list_.backwards else more)
    return ListPage(
        rows,
        list_.page_url("before", rows[0]) if newer else None,
        list_.page_url("after", rows[-1]) if older else None,
    )


def read_days(list_: ListRequest) -> tuple[datetime | None, datetime | None, dict[str, str]]:
    """The half-open range of the filters `from` and `to`, which are days in UTC, both inclusive; None where there is no
    bound. Also what is wrong, by filter: such a filter has no effect, nor has either if the range is empty.
    """
    days: dict[str, datetime] = {}
    errors: dict[str, str] = {}
    for name in "from", "to":
        if name in list_.filters:
            try:
                days[name] = midnight(date.fromisoformat(list_.filters[name])) + timedelta(days=name == "to")
            except (ValueError, OverflowError):
                errors[name] = "Give a day, such as 2026-11-20."
    if len(days) == 2 and days["from"] >= days["to"]:
        return None, None, {"to": "The last day is before the first."}
    return days.get("from"), days.get("to"), errors
