"""Refuses queries that need quarters of an hour, or hours, that are no longer kept."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from catalog.tenants import GokartTenant
from core.timestamps import midnight
from database.pool import connection
from reporting.query.buckets import spans_of, time_buckets
from reporting.query.columns import Group
from reporting.query.request import QueryRequest
from reporting.query.statements import EXTENT
from web.problems import FieldError, invalid_parameters


async def check_retention(request: QueryRequest, hours_since: datetime | None) -> None:
    """Raises Problem 400. `hours_since`: hours are complete since then; None: always."""
    assert isinstance(request.tenant, GokartTenant)
    quarters_since = request.tenant.thinned_before
    kept = {"quarter": quarters_since, "hour": hours_since}
    latest = max((since for since in kept.values() if since), default=None)
    if latest is None or request.range.start >= latest:
        return
    async with connection() as db:
        query = request.bind(EXTENT, {})
        row = await db.fetchrow(query.sql, *query.args)
    if row is None or row["first"] is None:
        return
    first, groups = midnight(row["first"]), request.parameters.groups
    if "hour" in groups and hours_since and max(first, request.range.start) < hours_since:
        raise invalid_parameters(FieldError(*reason(request, "hour", hours_since)))
    # In a thread: years have thousands of days.
    await asyncio.to_thread(check_buckets, request, kept, first, latest)


def check_buckets(
    request: QueryRequest, kept: Mapping[str, datetime | None], first: datetime, latest: datetime
) -> None:
    """Raises Problem 400 if a time bucket from `first` to `latest` needs units that are not kept."""
    # Where days begin at a whole hour of UTC, hours do too.
    days: list[Group] = ["day" if group == "hour" else group for group in request.parameters.groups]
    for bucket in time_buckets(request.range, request.zone, days, first):
        if bucket.range.start >= latest:
            return
        for span in spans_of(bucket.range):
            since = kept.get(span.unit)
            if since and isinstance(span.start, datetime) and span.start < since and span.end > first:
                raise invalid_parameters(FieldError(*reason(request, span.unit, since)))


def reason(request: QueryRequest, unit: str, since: datetime) -> tuple[str, str]:
    """The parameter to change, and why."""
    what = "quarters of an hour" if unit == "quarter" else "hours"
    kept = f"{what} are kept since {since:%Y-%m-%d} (UTC) only"
    if unit == "hour" and "hour" in request.parameters.groups:
        return "group_by", kept
    if request.parameters.date_from and "T" in request.parameters.date_from.upper():
        return "date_from", f"needs {what} of earlier days, but {kept}"
    return "time_zone", f"the days of {request.zone.key} before that consist of {what}, but {kept}"
