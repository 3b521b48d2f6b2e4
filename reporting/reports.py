"""The reports there are, and what is asked of one."""

from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from core.timestamps import iso
from reporting import filters, queries
from reporting.filters import Filter, Range
from reporting.queries import Rows
from tenants.tenant import Tenant


class Report(msgspec.Struct, frozen=True):
    """`document` gives what stands before and after the rows in JSON. Of one that is `daily` the rows come day by day,
    so that those of a range are those of its parts.
    """

    name: str
    parameters: tuple[str, ...]
    rows: Callable[[str, UUID, Filter], Rows]
    document: Callable[[], tuple[bytes, bytes]]
    daily: bool


COST_REPORT = Report(
    "cost-report", filters.COST_REPORT, queries.cost_report, lambda: (b'{"data":[', b"]}"), daily=False
)
SINGULAR = Report(
    "singular", filters.SINGULAR, queries.singular, lambda: singular_document(datetime.now(UTC)), daily=True
)


def singular_document(now: datetime) -> tuple[bytes, bytes]:
    return f'{{"data":{{"generatedAt":"{iso(now, "milliseconds")}","items":['.encode(), b"]}}"


class Asked(msgspec.Struct, frozen=True):
    """A report of one advertiser. Whoever asks has been let in already."""

    report: Report
    tenant: Tenant
    advertiser: UUID
    filter: Filter

    @property
    def owner(self) -> Hashable:
        """All requests of an advertiser share its turns and streams."""
        return self.tenant.id, self.advertiser

    @property
    def key(self) -> Hashable:
        return self.report.name, self.tenant.id, self.advertiser, self.filter

    def rows(self, range_: Range | None = None) -> Rows:
        """Of the whole range, or a part of it."""
        filter_ = self.filter if range_ is None else msgspec.structs.replace(self.filter, range=range_)
        return self.report.rows(self.tenant.schema, self.advertiser, filter_)
