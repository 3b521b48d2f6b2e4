"""How fresh a report is, and whether the caller has it already: GoKart-Data-Through, ETag."""

from datetime import datetime
from hashlib import blake2b
from uuid import UUID

import msgspec

from database.pool import Connection, connection
from instants import iso
from reporting.filters import Filter
from reporting.queries import validators
from settings import settings
from tenants.current import Tenant
from web.requests import Call, header


class Freshness(msgspec.Struct, frozen=True):
    """Read before the report itself. So the report may contain more than `through` says, and lacks of what came before
    only calls that were still committing. If it contains a change that the ETag does not know, the next conditional
    request is answered in full, never wrongly 304.
    """

    range: str
    through: datetime
    etag: str

    @property
    def headers(self) -> dict[str, str]:
        return {
            "GoKart-Range": self.range,
            "GoKart-Data-Through": iso(self.through),
            "ETag": self.etag,
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization",
        }

    def is_known_to(self, request: Call) -> bool:
        """Whether If-None-Match names this state (or, with *, any)."""
        known = [tag.strip() for value in header(request.scope, b"if-none-match") for tag in value.split(",")]
        return "*" in known or self.etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in known]


async def freshness(tenant: Tenant, advertiser: UUID, report: str, filter_: Filter) -> Freshness:
    """Of one report of one advertiser. Raises `database.pool.Unavailable`."""
    async with connection() as db:
        return await read_freshness(db, tenant, advertiser, report, filter_)


async def read_freshness(db: Connection, tenant: Tenant, advertiser: UUID, report: str, filter_: Filter) -> Freshness:
    query = validators(tenant.schema, advertiser, filter_)
    row = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
    assert row is not None
    told = f"{report} {advertiser} {filter_.range} {filter_.offer} {row['state']} {row['names']}"
    # Weak: compressed or not, it is the same report in other bytes.
    etag = f'W/"{blake2b(told.encode(), digest_size=16).hexdigest()}"'
    return Freshness(str(filter_.range), row["through"] or tenant.created_at, etag)
