"""How fresh a report is, and whether the caller has it already: GoKart-Data-Through, ETag."""

from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from core.timestamps import iso
from database.pool import Connection
from reporting.queries import validators
from reporting.reports import Asked
from settings import settings
from web.requests import AnyRequest, header_values


class ReportValidators(msgspec.Struct, frozen=True):
    """Read in the report's own snapshot, or before it. Then the report may contain more than `through` says, and lacks
    of what came before only calls that were still committing. If it contains a change that the ETag does not know, the
    next conditional request is answered in full, never wrongly 304.
    """

    range: str
    data_through: datetime
    etag: str

    @property
    def headers(self) -> dict[str, str]:
        return {
            "GoKart-Range": self.range,
            "GoKart-Data-Through": iso(self.data_through),
            "ETag": self.etag,
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization",
        }

    def is_known_to(self, request: AnyRequest) -> bool:
        """Whether If-None-Match names this state (or, with *, any)."""
        known = [tag.strip() for value in header_values(request.scope, b"if-none-match") for tag in value.split(",")]
        return "*" in known or self.etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in known]


async def read_validators(db: Connection, asked: Asked) -> ReportValidators:
    query = validators(asked.tenant.schema, asked.advertiser, asked.filter)
    row = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
    assert row is not None
    return validators_of(row, asked)


def validators_of(row: Any, asked: Asked) -> ReportValidators:
    """From a row of `queries.validators`."""
    range_ = str(asked.filter.range)
    whose = f"{asked.report.name} {asked.tenant.id} {asked.advertiser} {range_} {asked.filter.offer}"
    told = f"{whose} {row['state']} {row['names']}"
    # Weak: compressed or not, it is the same report in other bytes.
    etag = f'W/"{blake2b(told.encode(), digest_size=16).hexdigest()}"'
    return ReportValidators(range_, row["through"] or asked.tenant.created_at, etag)
