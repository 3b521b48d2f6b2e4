"""Reports as of an earlier time: the present figures without the changes that were recorded since.

A report's statement has a second form for that: lines `-- as of: FILE` include the file, and offers are those that the
advertiser had then.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from core.time_zones import zone_of
from core.timestamps import iso, midnight
from database.pool import connection
from database.sql import Query, SqlFile, SqlText, with_includes
from reporting.changes.snapshot_token import MAX_AS_OF, Snapshot, is_snapshot_token, read_snapshot_token
from reporting.filters import read_instant
from reporting.query.zones import local_date, start_of_day
from reporting.ranges import Range
from settings import settings
from tenants.tenant import Tenant
from web.problems import FieldError, Problem, invalid_parameters

SQL = Path(__file__).parent / "sql"
CONTEXT = SqlFile(SQL / "as_of_context.sql")
MARKER = re.compile(r"^ *-- as of: *(\S+)$", re.MULTILINE)
CACHED_SCHEMAS = 8  # of each statement: there are as many statements as shapes of queries
OFFER_TABLE = re.compile(r"(?<=\bFROM )\{schema\}\.offer\b")


@lru_cache(2_048)
def form_as_of(statement: SqlText) -> SqlText:
    """The statement's form for an earlier time, which has the parameters of `as_of_parameters` too."""
    text, offers = OFFER_TABLE.subn(lambda _: with_includes(SQL / "as_of_offers.sql"), statement.source)
    assert offers == 1, "a report's statement reads the advertiser's offers at one place"
    return SqlText(MARKER.sub(lambda marker: with_includes(SQL / marker[1]), text), cached_schemas=CACHED_SCHEMAS)


def as_of_parameters(as_of: Snapshot, range_: Range) -> dict[str, object]:
    return {
        "as_of_began": as_of.began,
        "as_of_taken": as_of.taken,
        "as_of_transactions": as_of.transactions or None,
        "as_of_start": range_.start,
        "as_of_end": range_.end,
    }


def bind_as_of(
    statement: SqlText, as_of: Snapshot | None, range_: Range, schema: str, parameters: Mapping[str, object]
) -> Query:
    """The statement, or its form for an earlier time. `range_` is that of the rows it reads."""
    if as_of is None:
        return statement.bind(schema, **parameters)
    form = form_as_of(statement)
    known = {**parameters, **as_of_parameters(as_of, range_)}
    return form.bind(schema, **{name: known[name] for name in form.parameters})


def read_as_of(text: str, tenant: UUID) -> Snapshot:
    """From a snapshot token or an instant. Raises ValueError."""
    if len(text) > MAX_AS_OF:
        raise ValueError(f"is longer than {MAX_AS_OF} characters")
    if is_snapshot_token(text):
        return read_snapshot_token(text, tenant)
    try:
        return Snapshot.at(read_instant(text))
    except ValueError as error:
        raise ValueError(
            f"{text!r} is neither a snapshot token (meta.snapshot of a response) nor an ISO 8601 date or date-time"
        ) from error


async def resolve_as_of(text: str | None, tenant: Tenant, advertiser: UUID, range_: Range) -> Snapshot | None:
    """None without the parameter. Raises Problem 400 if the figures of the range at that time are not known."""
    if text is None:
        return None
    try:
        as_of = read_as_of(text, tenant.id)
    except ValueError as error:
        raise invalid_as_of(str(error)) from error
    query = CONTEXT.bind(tenant.schema, advertiser=advertiser, time=as_of.began)
    async with connection() as db:
        row = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
    assert row is not None, "the caller's advertiser exists"
    if as_of.began > row["now"]:
        raise invalid_as_of(f"{iso(as_of.began)} is in the future")
    if as_of.began < row["recorded_since"]:
        raise invalid_as_of(
            f"{iso(as_of.began)} is before {iso(row['recorded_since'])}, since when changes are recorded"
        )
    ended = midnight(as_of.began.date())
    known_zone = row["time_zone_since"] is None or row["time_zone_since"] <= as_of.began
    if known_zone and not row["moved"]:
        ended = max(ended, start_of_local_day(as_of.began, row["time_zone"]))
    if range_.end > ended:
        raise invalid_as_of(
            f"at {iso(as_of.began)} not all days of the range had ended: the figures until {iso(ended)} are known"
        )
    return as_of


def start_of_local_day(instant: datetime, time_zone: str) -> datetime:
    zone = zone_of(time_zone)
    return start_of_day(local_date(instant, zone), zone)


def invalid_as_of(message: str) -> Problem:
    return invalid_parameters(FieldError("as_of", message))
