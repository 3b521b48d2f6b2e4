"""Singular's requests: the part of the request log that asked for Singular's report."""

from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from database.pool import connection
from settings import settings
from tenants.tenant import Tenant

# Of rows of request_log, as its index has it.
IS_SINGULARS = "endpoint LIKE '/api/v1/integrations/cost-report/singular/%'"


class SingularRequest(msgspec.Struct, frozen=True):
    """A request with the name and the hint of its API key. `starts_at` and `ends_at` are the requested half-open range,
    None if it was invalid or not parsed. `rows` is None if none were sent. `status` is the response status, or 499 if
    the client disconnected before the end.
    """

    id: int
    at: datetime
    key_name: str
    key_hint: str
    format: Literal["json", "csv"]
    starts_at: datetime | None
    ends_at: datetime | None
    status: int
    rows: int | None
    milliseconds: int

    @property
    def first_day(self) -> date | None:
        return self.starts_at.date() if self.starts_at else None

    @property
    def last_day(self) -> date | None:
        """The last day of the requested range."""
        return (self.ends_at - timedelta(microseconds=1)).date() if self.ends_at else None


async def recent_singular_requests(
    tenant: Tenant, advertiser: UUID, limit: int = 50, before: int | None = None
) -> list[SingularRequest]:
    """Newest first; with `before`, only requests older than the one with this id. Raises DatabaseUnavailable."""
    s = tenant.schema
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT r.id, r.at, t.name, t.hint, CASE WHEN endpoint LIKE '%/csv' THEN 'csv' ELSE 'json' END, r.starts_at,
                r.ends_at, r.status, r.rows, r.milliseconds
            FROM {s}.request_log r JOIN {s}.api_token t ON t.id = r.token
            WHERE r.advertiser = $1 AND {IS_SINGULARS} AND ($2::bigint IS NULL OR (r.at, r.id) < (
                SELECT at, id FROM {s}.request_log WHERE advertiser = $1 AND {IS_SINGULARS} AND id = $2
            ))
            ORDER BY r.at DESC, r.id DESC
            LIMIT $3
            """,
            advertiser,
            before,
            limit,
            timeout=settings.report_timeout,
        )
    return [SingularRequest(*row) for row in rows]
