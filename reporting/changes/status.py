"""What GET /api/v1/reports/status says: how current an advertiser's figures are, and until when they can change."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from cachetools import TTLCache
from msgspec import Meta

from core.time_zones import zone_of
from core.timestamps import midnight
from database.pool import Connection, connection
from database.sql import SqlFile
from reporting.changes.cursor import ChangeCursor
from reporting.context import ReportContext, read_context
from settings import settings
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql" / "status.sql"
STATUS = SqlFile(SQL, "status")
LOOKBACK = SqlFile(SQL, "lookback")

LOOKBACK_HISTORY = timedelta(days=90)
LOOKBACK_SHARE = Decimal("0.999")
DEFAULT_LOOKBACK = 30  # days, where there is no history yet
LOOKBACK_SECONDS = 3_600  # that a computed number of days is used

_lookbacks: TTLCache[tuple[UUID, UUID], int] = TTLCache(10_000, LOOKBACK_SECONDS)


UtcTime = Annotated[datetime, Meta(tz=True)]


class LastChange(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Where the changes are now."""

    cursor: Annotated[str, Meta(max_length=100, description="For `since` of the changes: those from now on.")]
    changed_at: Annotated[UtcTime | None, Meta(description="When the figures changed last (UTC).")]


class LastReceived(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the last batch with an accepted record was received (UTC), by kind. Null: long ago, or never."""

    conversions: UtcTime | None
    events: Annotated[UtcTime | None, Meta(description="Clicks and views.")]
    catalogue: Annotated[UtcTime | None, Meta(description="Offers and partners.")]


class ReportStatus(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How current the figures are. Days are those of `timeZone`."""

    data_through: Annotated[UtcTime, Meta(description="Until when data has been received (UTC).")]
    earliest_day: Annotated[date | None, Meta(description="No figures are before this day; null without figures.")]
    final_through: Annotated[date, Meta(description="The last final day, inclusive.")]
    provisional_from: Annotated[date, Meta(description="The first day that is not final.")]
    recommended_lookback_days: Annotated[
        int,
        Meta(
            description="How many days before today a client should read again that does not follow the changes: "
            "99.9 % of what changed late in the last 90 days, by cost, had changed by then.",
            extra_json_schema={"minimum": 1},
        ),
    ]
    time_zone: Annotated[str, Meta(max_length=64, description="The advertiser's (IANA).")]
    currency: Annotated[str, Meta(max_length=3, description="The advertiser's (ISO 4217).")]
    changes: LastChange
    received: LastReceived


async def read_status(tenant: Tenant, advertiser: UUID) -> tuple[ReportStatus, str]:
    """The status, and its ETag. Raises DatabaseUnavailable."""
    query = STATUS.bind(tenant.schema, advertiser=advertiser)
    async with connection() as db:
        context = await read_context(db, tenant, advertiser)
        row = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
        assert row is not None
        lookback = await lookback_days(db, tenant, advertiser, context, row["earliest_day"])
    zone = zone_of(context.time_zone)
    finality = context.finality(zone)
    status = ReportStatus(
        data_through=context.data_through or tenant.created_at,
        earliest_day=first_local_day(row, zone),
        final_through=finality.final_through,
        provisional_from=finality.provisional_from,
        recommended_lookback_days=lookback,
        time_zone=context.time_zone,
        currency=context.currency,
        changes=LastChange(
            ChangeCursor(row["incarnation"], row["xmin"]).text(tenant.id, advertiser), row["changed_at"]
        ),
        received=LastReceived(row["conversions"], row["events"], row["catalogue"]),
    )
    return status, status_etag(status, f"{tenant.id} {advertiser} {row['incarnation'].hex()} {row['figures']}")


def status_etag(status: ReportStatus, figures: str) -> str:
    """Without what changes with every batch of any advertiser: `dataThrough`, `received` and the cursor. The cursor of
    before is as good as a new one, since there were no changes. `figures` is the state of the figures.
    """
    days = status.earliest_day, status.final_through, status.provisional_from, status.recommended_lookback_days
    state = f"status {figures} {days} {status.time_zone} {status.currency} {status.changes.changed_at}"
    return f'W/"{blake2b(state.encode(), digest_size=16).hexdigest()}"'


def first_local_day(row: Any, zone: ZoneInfo) -> date | None:
    """The first day in the zone that can have figures: the one in which the first UTC day with figures begins."""
    return row["earliest_day"] and midnight(row["earliest_day"]).astimezone(zone).date()


async def lookback_days(
    db: Connection, tenant: Tenant, advertiser: UUID, context: ReportContext, earliest_day: date | None
) -> int:
    """How many days back figures change, except for a thousandth of the changes by cost; from the last 90 days.

    It may be an hour old. While the log of changes or the advertiser's figures are younger than 90 days, it is 30.
    """
    since = context.now - LOOKBACK_HISTORY
    if context.recorded_since > since or earliest_day is None or earliest_day > since.date():
        return DEFAULT_LOOKBACK
    key = tenant.id, advertiser
    if key not in _lookbacks:
        query = LOOKBACK.bind(tenant.schema, advertiser=advertiser, since=since, share=LOOKBACK_SHARE)
        days = await db.fetchval(query.sql, *query.args, timeout=settings.report_timeout)
        _lookbacks[key] = max(days or 0, 1)
    return _lookbacks[key]
