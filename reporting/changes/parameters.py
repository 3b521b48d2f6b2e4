"""The parameters of GET /api/v1/reports/changes."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from reporting.changes.cursor import ChangeCursor
from reporting.changes.pages import ChangesRequest
from reporting.filters import collect
from reporting.list_parameters import choice, read_query
from reporting.rows import RowFormat, read_row_format
from tenants.tenant import Tenant
from web.problems import FieldError, invalid_parameters
from web.requests import AnyRequest

DEFAULT_LIMIT = 10_000
MAX_LIMIT = 100_000
FORMATS: tuple[RowFormat, ...] = ("json", "ndjson")
NAMES = ("since", "limit", "format", "decimals")


async def read_changes_request(request: AnyRequest, tenant: Tenant, advertiser: UUID) -> ChangesRequest:
    """Raises Problem 400, which names each invalid parameter."""
    given = collect(await read_query(request), NAMES)
    readers: dict[str, Callable[[str], Any]] = {
        "since": lambda text: ChangeCursor.read(text, tenant.id, advertiser),
        "limit": read_limit,
        "format": lambda text: read_row_format(request, text, FORMATS),
        "decimals": lambda text: choice(text, ("number", "string")),
    }
    values: dict[str, Any] = {
        "since": None,
        "limit": DEFAULT_LIMIT,
        "format": read_row_format(request, None, FORMATS),
        "decimals": "number",
    }
    errors = []
    for name, text in given.items():
        try:
            values[name] = readers[name](text)
        except ValueError as error:
            errors.append(FieldError(name, str(error)))
    if errors:
        raise invalid_parameters(*errors)
    return ChangesRequest(
        tenant, advertiser, values["since"], values["limit"], values["format"], values["decimals"] == "string"
    )


def read_limit(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise ValueError(f"{text!r} is not a number of rows from 1 to {MAX_LIMIT}")
