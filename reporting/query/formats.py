"""The formats of a query's response: by the parameter `format`, else by the header Accept."""

import msgspec
from litestar.datastructures.headers import Accept

from reporting.query.stream import Produce, send_csv, send_json, send_ndjson
from web.problems import Problem
from web.requests import AnyRequest, header_values


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
        QueryFormat("csv", ("text/csv",), send_csv),
    )
}


def format_of(request: AnyRequest, name: str | None) -> QueryFormat:
    """`name` is the value of the parameter, if it is given. Raises Problem 406 if no format is acceptable."""
    if name is not None:
        return FORMATS[name]
    accepted = ",".join(header_values(request.scope, b"accept"))
    if not accepted.strip():
        return JSON
    by_type = {type_: each for each in FORMATS.values() for type_ in each.media_types}
    chosen = Accept(accepted).best_match(list(by_type))
    if chosen is None:
        raise Problem(406, f"No format of Accept is available; available: {', '.join(by_type)}.")
    return by_type[chosen]
