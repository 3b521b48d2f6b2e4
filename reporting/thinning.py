"""Time of which no quarters of an hour are kept: what is asked for there is answered by whole days, and said so."""

from datetime import datetime

import msgspec

from catalog.tenants import as_gokart
from reporting.filters import Filter, Range
from reporting.ranges import ceil_day, floor_day
from tenants.tenant import current_tenant
from web.requests import AnyRequest, request_state


def as_kept(request: AnyRequest, filter_: Filter) -> Filter:
    """The filter with its range widened where it must be, which the response's header GoKart-Notice then tells."""
    kept_from = as_gokart(current_tenant()).thinned_before
    range_ = widened(filter_.range, kept_from)
    if kept_from is None or range_ == filter_.range:
        return filter_
    request_state(request.scope)["headers"]["GoKart-Notice"] = (
        f"Before {kept_from:%Y-%m-%d} figures are kept by the day: the range was widened to whole days there, "
        "as GoKart-Range says."
    )
    return msgspec.structs.replace(filter_, range=range_)


def widened(range_: Range, kept_from: datetime | None) -> Range:
    """An end within a day before `kept_from`, the start of a UTC day, becomes that day's; None: all is kept."""
    if kept_from is None:
        return range_
    return Range(
        floor_day(range_.start) if range_.start < kept_from else range_.start,
        ceil_day(range_.end) if range_.end < kept_from else range_.end,
    )
