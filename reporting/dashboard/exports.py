"""The files with what a dashboard shows, and the API's URL for the same rows."""

import csv
import io
import re
from typing import Any, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response

from reporting.dashboard.choices import BREAKDOWNS, Choices, read_choices
from reporting.dashboard.spend import SpendScope
from reporting.filters import query_pairs
from reporting.formats.spreadsheet import write_spreadsheet
from reporting.list_parameters import ParameterReader
from reporting.query.api import PATH, query_response
from reporting.query.formats import FORMATS, QueryFormat
from reporting.query.request import QueryRequest
from reporting.query.retention import check_retention
from reporting.query.stream import sending
from web.operations import CSV
from web.requests import AnyRequest

Table = Literal["rows", "days"]

# The value of the parameter `format`, the label, and the format.
EXPORTS: dict[str, tuple[str, QueryFormat]] = {
    "csv": ("CSV for spreadsheets", QueryFormat("csv", (CSV,), sending(write_spreadsheet))),
    "xlsx": ("Excel", FORMATS["xlsx"]),
    "parquet": ("Parquet", FORMATS["parquet"]),
    "api-csv": ("CSV, exactly as the API returns it", FORMATS["csv"]),
}
NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
OWN_NAMES = ("table", "format")  # parameters that only exports have
LONGEST_PART = 40  # characters of a filter's value in a file name


async def spend_export(request: AnyRequest, scope: SpendScope, file_name: str) -> Response[Any]:
    """The file for a page's choices and the parameters `table` and `format`. Its name begins with `file_name`.

    Raises Problem 400.
    """
    pairs = query_pairs(request.scope["query_string"])
    own = ParameterReader([pair for pair in pairs if pair[0].lower() in OWN_NAMES], OWN_NAMES, ())
    table: Table = own.one_of("table", ("rows", "days"), "rows")
    name = own.one_of("format", list(EXPORTS), "csv")
    own.check()
    of_page = [pair for pair in pairs if pair[0].lower() not in OWN_NAMES]
    choices = read_choices(of_page, scope.today, staff=scope.staff)
    wanted = export_request(scope, choices, table, name)
    await check_retention(wanted, scope.context.hours_since)
    response = await query_response(request, wanted, EXPORTS[name][1], f"{file_name}_{describe(choices, table)}")
    response.headers["Vary"] = response.headers["Vary"].replace("Authorization, Accept", "Cookie")
    if scope.staff:  # the ETag does not know the names of advertisers
        response.headers["Cache-Control"] = "no-store"
        del response.headers["ETag"]
    return response


def export_request(scope: SpendScope, choices: Choices, table: Table, format_: str) -> QueryRequest:
    """All rows of the table, in its order; time buckets are in order of time, also those without figures."""
    range_ = choices.period.range(scope.zone)
    if table == "rows":
        return scope.request(choices, range_, choices.groups, order=choices.order, format_=f"export {format_}")
    wanted = scope.request(choices, range_, (choices.bucket,), format_=f"export {format_}")
    return msgspec.structs.replace(wanted, parameters=msgspec.structs.replace(wanted.parameters, zeros=True))


def describe(choices: Choices, table: Table) -> str:
    """The rows, days and filters, for a file name."""
    rows = BREAKDOWNS[choices.by][0].lower() if table == "rows" else f"by {choices.bucket}"
    filters = [
        f"{name.removesuffix('_id')}-{value[:8] if name.endswith('_id') else value[:LONGEST_PART]}"
        for name, value in choices.filters.items()
    ]
    parts = [rows.replace(" ", "-"), str(choices.period.first), str(choices.period.last), *filters]
    return "_".join(NOT_IN_FILE_NAMES.sub("-", part) for part in parts)


def api_url(scope: SpendScope, choices: Choices, table: Table, origin: str) -> str:
    """The URL of the API that returns the same rows, for an advertiser."""
    parameters = export_request(scope, choices, table, "csv").parameters
    query = {
        "date_from": parameters.date_from,
        "date_to": parameters.date_to,
        "time_zone": scope.context.time_zone,
        "group_by": ",".join(parameters.groups),
        "metrics": ",".join(parameters.metrics),
        **{name: quoted(value) if name == "campaign" else value for name, (value,) in parameters.filters.items()},
        **({"sort": ",".join("-" * each.descending + each.key for each in parameters.sort)} if parameters.sort else {}),
        **({"zeros": "true"} if parameters.zeros else {}),
        "format": "csv",
    }
    return f"{origin}{PATH}?{urlencode(query, safe=',/')}"


def quoted(text: str) -> str:
    """As the API reads lists: in double quotes if it has commas or quotes."""
    line = io.StringIO()
    csv.writer(line).writerow([text])
    return line.getvalue().removesuffix("\r\n")


def export_context(scope: SpendScope, choices: Choices, path: str, origin: str | None) -> dict[str, Any]:
    """What the page's dialog shows. `origin` is that of the API, or None if the API has no such rows."""
    tables: list[tuple[Table, str]] = [("rows", BREAKDOWNS[choices.by][0]), ("days", f"By {choices.bucket}")]
    days = choices.period.first, choices.period.last
    return {
        "exports": [
            (
                label,
                [
                    (text, f"{path}?{choices.with_days(*days, table=table, format=name)}")
                    for name, (text, _) in EXPORTS.items()
                ],
                api_url(scope, choices, table, origin) if origin else None,
            )
            for table, label in tables
        ]
    }
