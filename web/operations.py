"""Documents a handler where it is defined: `apidocs` generates its operation of the OpenAPI document.

@route("/api/v1/offers", http_method=READ_METHODS, opt=documented(Operation(…)))
async def offers(self, request: AnyRequest) -> Response[Any]:
    \"\"\"The description, in Markdown.\"\"\"
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PARQUET = "application/vnd.apache.parquet"

INT64_MAX = 2**63 - 1
INT64 = {"format": "int64", "minimum": 0, "maximum": INT64_MAX}

# Types of fields of documented structs. Add a description: Annotated[Count, Meta(description=…)].
Count = Annotated[int, Meta(extra_json_schema=INT64)]
Instant = Annotated[str, Meta(max_length=40, extra_json_schema={"format": "date-time"})]
DECIMAL_TEXT = r"^-?\d{1,32}(\.\d{1,6})?$"
AmountText = Annotated[str, Meta(pattern=DECIMAL_TEXT, max_length=40, extra_json_schema={"format": "decimal"})]
Amount = float | AmountText  # a decimal: in JSON a number or, with `decimals=string`, a string


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A GET handler, with or without HEAD. Of an API key's scopes, it requires one of `scopes`.

    `parameters`: the fields of this struct are the query parameters, by their encoded names; a field that is a list
    may be repeated. `responses` has the document's struct by media type; for NDJSON, that of a line; None for a file of
    another format. `examples` has an example by media type: of NDJSON and CSV the text, of files none. `headers` names
    those of `apidocs.parts.HEADERS` that a response has besides the common ones; a name with a `?` is optional.
    With an ETag, the handler supports If-None-Match.
    """

    id: str
    tag: str
    summary: str
    scopes: tuple[str, ...]
    parameters: type[msgspec.Struct]
    responses: dict[str, type[msgspec.Struct] | None]
    examples: dict[str, Any]
    headers: tuple[str, ...] = ()


def documented(operation: Operation) -> dict[str, Any]:
    """The handler's `opt`."""
    return {"operation": operation}
