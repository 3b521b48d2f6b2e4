"""What reports of an advertiser depend on besides figures and names."""

from datetime import datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from database.pool import Connection
from database.sql import SqlFile
from reporting.finality import Finality
from settings import settings
from tenants.tenant import Tenant

CONTEXT = SqlFile(Path(__file__).parent / "sql" / "context.sql", "advertiser")
TENANT_CONTEXT = SqlFile(Path(__file__).parent / "sql" / "context.sql", "tenant")


class ReportContext(msgspec.Struct, frozen=True):
    """Read before the report. Times are in UTC.

    `time_zone` and `currency` are the advertiser's. `data_through` is the time of the last batch, or None. The log of
    restatements and the histories are complete since `recorded_since`; by_hour is since `hours_since` (None: always).
    `incarnation` changes when the tenant is restored from a dump.
    """

    now: datetime
    time_zone: str
    currency: str
    final_after_days: int
    data_through: datetime | None
    recorded_since: datetime
    hours_since: datetime | None
    incarnation: UUID

    def finality(self, zone: ZoneInfo) -> Finality:
        return Finality.at(self.now, zone, self.final_after_days)


async def read_context(db: Connection, tenant: Tenant, advertiser: UUID) -> ReportContext:
    """Raises DatabaseUnavailable."""
    query = CONTEXT.bind(tenant.schema, advertiser=advertiser)
    row = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
    assert row is not None, "the caller's advertiser exists"
    return ReportContext(**row)


async def read_tenant_context(db: Connection, tenant: Tenant, currency: str) -> ReportContext:
    """Of the staff's reports of all advertisers with this currency, in the tenant's time zone.

    Raises DatabaseUnavailable.
    """
    query = TENANT_CONTEXT.bind(tenant.schema, currency=currency)
    row = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
    assert row is not None, "a migration inserts the only row of record_state"
    return ReportContext(**row)
