"""The formats of a query's response: by the parameter `format`, else by the header Accept."""

import msgspec

from reporting.formats.parquet import write_parquet
from reporting.formats.xlsx import write_xlsx
from reporting.query.stream import Produce, send_csv, send_json, send_ndjson, sending
from reporting.responses import accepted_format
from web.operations import CSV, PARQUET, XLSX
from web.requests import AnyRequest


class QueryFormat(msgspec.Struct, frozen=True):
    """`media_types`: the first is the response's; all of them may be in Accept. `attachment`: browsers save it."""

    name: str
    media_types: tuple[str, ...]
    produce: Produce
    attachment: bool = True


JSON = QueryFormat("json", ("application/json",), send_json, attachment=False)
FORMATS = {
    each.name: each
    for each in (
        JSON,
        QueryFormat("ndjson", ("application/x-ndjson", "application/ndjson", "application/jsonl"), send_ndjson),
        QueryFormat("csv", (CSV,), send_csv),
        QueryFormat("xlsx", (XLSX,), sending(write_xlsx)),
        QueryFormat("parquet", (PARQUET, "application/x-parquet"), sending(write_parquet)),
    )
}


def format_of(request: AnyRequest, name: str | None) -> QueryFormat:
    """`name` is the value of the parameter, if it is given. Raises Problem 406 if no format is acceptable."""
    if name is not None:
        return FORMATS[name]
    by_type = {media_type: each.name for each in FORMATS.values() for media_type in each.media_types}
    return FORMATS[accepted_format(request, by_type)]
