"""The filter of a report, from the query parameters or the JSON body of the GET, or from both if they agree.

Also widens a range to whole days where quarters of an hour are past their retention.
"""

import json
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from catalog.tenants import GokartTenant
from core.timestamps import midnight, parse_timestamp, quarter_of
from reporting.ranges import DAY, QUARTER, Range, ceil_day, floor_day
from tenants.tenant import Tenant
from web.problems import FieldError, Problem, invalid_parameters
from web.requests import AnyRequest, has_body, header_values, read_body, request_state

LAST_DAY = date(9999, 12, 30)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
MAX_ERRORS = 10
MAX_NAME_LENGTH = 100
MAX_CACHED_QUERY = 200
LOST_PLUS = re.compile(r" (\d{2}:?\d{2})$")

COST_REPORT_PARAMETERS = ("date_from", "date_to", "offerId", "as_of")
SINGULAR_PARAMETERS = ("date_from", "date_to", "as_of")


class Filter(msgspec.Struct, frozen=True):
    """`offer` is the one offer to report on; None: all of the advertiser's. `as_of` is the parameter as given."""

    range: Range
    offer: UUID | None
    as_of: str | None = None


async def read_filter(request: AnyRequest, names: tuple[str, ...]) -> Filter:
    """From the parameters `names`, which are case-insensitive. Raises Problem 400, which names each invalid field."""
    query: bytes = request.scope["query_string"]
    if not has_body(request.scope):
        return (filter_of if len(query) <= MAX_CACHED_QUERY else filter_of.__wrapped__)(query, names)
    given = collect(query_pairs(query), names)
    in_body = collect(await body_pairs(request), names)
    errors = [
        FieldError(name, f"is {value!r} in the query, but {in_body[name]!r} in the body")
        for name, value in given.items()
        if name in in_body and in_body[name] != value
    ]
    if errors:
        raise invalid_parameters(*errors)
    return make_filter(in_body | given)


@lru_cache(4_096)
def filter_of(query: bytes, names: tuple[str, ...]) -> Filter:
    return make_filter(collect(query_pairs(query), names))


def query_pairs(query: bytes) -> list[tuple[str, Any]]:
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except (UnicodeError, ValueError) as error:
        raise invalid_parameters(FieldError("query", "is not a URL-encoded query string in UTF-8")) from error


async def body_pairs(request: AnyRequest) -> list[tuple[str, Any]]:
    body = (await read_body(request)).strip()
    if not body:
        return []
    content_type = header_values(request.scope, b"content-type")
    if content_type and "json" not in content_type[0].lower():
        raise Problem(415, "A filter in the body must be application/json.")
    try:
        pairs = json.loads(body.decode(), object_pairs_hook=tuple)
    except (ValueError, RecursionError) as error:
        raise invalid_parameters(FieldError("body", f"is not JSON: {error}")) from error
    if not isinstance(pairs, tuple):
        raise invalid_parameters(FieldError("body", "is a JSON object with the filter's fields"))
    return list(pairs)


def collect(pairs: Iterable[tuple[str, Any]], names: tuple[str, ...]) -> dict[str, str]:
    """The values by the documented spelling of the names.

    An unknown name is an error: ignoring a misspelled filter would return, and bill, everything. A null counts as left
    out, since serializers of the documented filter write it.
    """
    spelling = {name.lower(): name for name in names}
    given: dict[str, str] = {}
    seen: set[str] = set()
    errors = []
    for asked, value in pairs:
        name = spelling.get(asked.lower())
        if name is None:
            errors.append(
                FieldError(
                    printable(asked),
                    f"is not a parameter of this report; valid parameters: {', '.join(names) or 'none'}",
                )
            )
        elif name in seen:
            errors.append(FieldError(name, "is given twice"))
        elif value is None:
            seen.add(name)
        elif not isinstance(value, str):
            errors.append(FieldError(name, "is a string"))
        elif not value.strip():
            errors.append(FieldError(name, "is empty"))
        else:
            seen.add(name)
            given[name] = value.strip()
    if errors:
        raise invalid_parameters(*errors[:MAX_ERRORS])
    return given


def printable(name: str) -> str:
    """The name as it was sent, escaped if it cannot be sent back."""
    return name.encode("utf-8", "backslashreplace").decode()[:MAX_NAME_LENGTH]


def make_filter(given: dict[str, str]) -> Filter:
    errors: list[FieldError] = []
    values: dict[str, Any] = {}
    for name, read in ("date_from", read_from), ("date_to", read_to), ("offerId", read_uuid):
        try:
            if name in given:
                values[name] = read(given[name])
            elif name != "offerId":
                errors.append(FieldError(name, "is required, such as 2024-01-22"))
        except ValueError as error:
            errors.append(FieldError(name, str(error)))
    if errors:
        raise invalid_parameters(*errors)
    (first, start), (last, end) = values["date_from"], values["date_to"]
    if first > last:
        raise invalid_parameters(
            FieldError("date_from", f"is after date_to: {given['date_from']} > {given['date_to']}")
        )
    return Filter(Range(start, end), values.get("offerId"), given.get("as_of"))


def read_from(text: str) -> tuple[datetime, datetime]:
    """The first instant of the report, and the start of its quarter of an hour."""
    instant = read_instant(text)
    return instant, quarter_of(instant)


def read_to(text: str) -> tuple[datetime, datetime]:
    """The last instant of the report, and the end of its quarter of an hour.

    Midnight means the whole day, since clients write dates that way.
    """
    instant = read_instant(text)
    if instant.time() == time():
        return instant + DAY - timedelta(microseconds=1), instant + DAY
    return instant, quarter_of(instant) + QUARTER


def read_instant(text: str) -> datetime:
    try:
        if DATE.fullmatch(text):
            instant = midnight(date.fromisoformat(text))
        else:
            instant = parse_timestamp(LOST_PLUS.sub(r"+\1", text))  # a + that was not written as %2B in the URL
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not an ISO 8601 date (2024-01-22) or date-time (2024-01-22T10:15:00Z) that exists"
        ) from error
    if instant.date() > LAST_DAY:
        raise ValueError(f"{text!r} is after {LAST_DAY}")
    return instant


def read_uuid(text: str) -> UUID:
    try:
        return msgspec.convert(text, UUID)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        raise ValueError(f"{text!r} is not a UUID") from error


def widen_to_retained(request: AnyRequest, filter_: Filter, tenant: Tenant) -> Filter:
    """The filter with its range widened to whole days where needed, which the header GoKart-Notice then says."""
    assert isinstance(tenant, GokartTenant)
    quarters_since = tenant.thinned_before
    range_ = widened(filter_.range, quarters_since)
    if quarters_since is None or range_ == filter_.range:
        return filter_
    notice = (
        f"Figures before {quarters_since:%Y-%m-%d} are kept by day: the range was widened to whole days, "
        "see GoKart-Range."
    )
    request_state(request.scope)["headers"].append((b"gokart-notice", notice.encode()))
    return msgspec.structs.replace(filter_, range=range_)


def widened(range_: Range, quarters_since: datetime | None) -> Range:
    """Ends before `quarters_since` (start of a UTC day) move outwards to whole days. None: all quarters are kept."""
    if quarters_since is None:
        return range_
    return Range(
        floor_day(range_.start) if range_.start < quarters_since else range_.start,
        ceil_day(range_.end) if range_.end < quarters_since else range_.end,
    )
