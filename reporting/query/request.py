"""A query with all times resolved: what `reporting.read` and `stream` need to read it."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from core.metrics import ReportName
from core.timestamps import iso
from database.sql import Query, SqlText
from reporting.as_of import as_of_parameters, form_as_of
from reporting.changes.snapshot_token import Snapshot
from reporting.finality import Finality
from reporting.query.buckets import TimeBucket, bucket_parameters, estimated_buckets, time_buckets
from reporting.query.columns import TIME_GROUPS, QueryColumn, columns_of, has_time
from reporting.query.identity import query_identity
from reporting.query.parameters import Parameters
from reporting.query.scope import AllAdvertisers, form_all_advertisers
from reporting.query.statements import (
    VALIDATORS,
    Order,
    StatementName,
    StatementShape,
    query_statement,
)
from reporting.query.zones import start_of_day
from reporting.ranges import Range, ceil_day, change_mark_parameters, floor_month
from reporting.read import ReportValidators
from tenants.tenant import Tenant

MAX_BUCKETS_READ_WHOLE = 1_000


class QueryRequest(msgspec.Struct, frozen=True):
    """`advertiser` is one advertiser, or the staff's scope. `now` is the time of the context. `format` is in the ETag:
    each format has an ETag of its own.
    """

    tenant: Tenant
    advertiser: UUID | AllAdvertisers
    parameters: Parameters
    zone: ZoneInfo
    range: Range
    currency: str
    finality: Finality
    now: datetime
    format: str
    as_of: Snapshot | None = None

    @property
    def name(self) -> ReportName:
        return "query"

    @property
    def owner(self) -> Hashable:
        return self.tenant.id, self.advertiser

    @property
    def columns(self) -> tuple[QueryColumn, ...]:
        return columns_of(self.parameters.groups, self.parameters.metrics)

    @property
    def shape(self) -> StatementShape:
        parameters = self.parameters
        return StatementShape(
            parameters.groups, parameters.metrics, self.order, parameters.zeros, parameters.decimals_as_text
        )

    @property
    def order(self) -> tuple[Order, ...]:
        """As requested, then by the groups."""
        parameters = self.parameters
        keys = {order.key for order in parameters.sort}
        return (*parameters.sort, *(Order(group) for group in parameters.groups if group not in keys))

    @property
    def in_order_of_time(self) -> bool:
        """Whether the rows of a time bucket come after those of all earlier ones."""
        times = [group for group in TIME_GROUPS if group in self.parameters.groups]
        first = self.order[: len(times)]
        return bool(times) and {order.key for order in first} == set(times) and not any(o.descending for o in first)

    @property
    def identity(self) -> str:
        """See `query_identity`."""
        parameters = self.parameters
        return query_identity(
            self.tenant.id,
            self.advertiser if isinstance(self.advertiser, UUID) else str(self.advertiser),
            groups=parameters.groups,
            filters=parameters.filters,
            time_zone=self.zone.key,
            currency=self.currency,
        )

    @property
    def cache_key(self) -> Hashable:
        """A digest: filters may be long."""
        return blake2b(self.etag_identity.encode(), digest_size=16).digest()

    @property
    def generic_plans(self) -> bool:
        return False

    @property
    def etag_identity(self) -> str:
        """What the response depends on besides figures and names: the query, and which of its days have which state."""
        parameters = self.parameters
        states = ""
        if has_time(parameters.groups):
            days = self.finality.provisional_from, self.finality.today
            changes = [min(max(start_of_day(day, self.zone), self.range.start), self.range.end) for day in days]
            states = " ".join(map(iso, changes))
        begun = ""
        if parameters.zeros:
            current = next(self.buckets(max(self.now, self.range.start)), None)
            begun = f"{self.now >= self.range.start} {current and current.range}"
        shape = f"{self.shape} {parameters.limit} {self.format}"
        as_of = f"as of {parameters.as_of}" if self.as_of else ""
        return f"query {self.identity} {self.range} {shape} {states} {begun} {as_of}"

    @property
    def content_range(self) -> str:
        return str(self.range)

    @property
    def is_large(self) -> bool:
        return estimated_buckets(self.range, self.parameters.groups) > MAX_BUCKETS_READ_WHOLE

    def buckets(self, since: datetime | None = None) -> Iterator[TimeBucket]:
        return time_buckets(self.range, self.zone, self.parameters.groups, since)

    @property
    def validators_query(self) -> Query:
        return self.bind(VALIDATORS, change_mark_parameters(self.range))

    def whole_query(self, max_rows: int) -> Query:
        """`max_rows`: of a query with more rows than that, one more is read."""
        marks = change_mark_parameters(self.range)
        buckets = list(self.buckets())
        return self.query("whole", buckets, max_rows=max_rows + 1, limit=self.parameters.limit, **marks)

    def query(self, name: StatementName, buckets: Sequence[TimeBucket], **parameters: object) -> Query:
        """For some of the time buckets."""
        arguments = {
            "max_rows": None,
            "limit": None,
            "identity": self.identity,
            **bucket_parameters(buckets, self.parameters.groups, self.finality, self.now),
            **parameters,
        }
        return self.bind(query_statement(self.shape, name), arguments)

    def totals_query(self) -> Query:
        """The totals of the whole range, which are the sums of all rows."""
        parameters = self.parameters
        shape = StatementShape((), parameters.metrics, (), zeros=False, decimals_as_text=parameters.decimals_as_text)
        buckets = list(time_buckets(self.range, self.zone, ()))
        arguments = {"max_rows": None, **bucket_parameters(buckets, (), self.finality, self.now)}
        return self.bind(query_statement(shape, "totals"), arguments)

    def bind(self, statement: SqlText, parameters: Mapping[str, object]) -> Query:
        """With those of the parameters that the statement has, and with the subject's."""
        known = {**self.subject, **parameters}
        if isinstance(self.advertiser, AllAdvertisers):
            statement = form_all_advertisers(statement)
            known["first_month"] = floor_month(self.range.start).date()
            known["months_end"] = ceil_day(self.range.end).date()
        if self.as_of:
            statement = form_as_of(statement)
            known |= as_of_parameters(self.as_of, self.range)
        return statement.bind(self.tenant.schema, **{name: known[name] for name in statement.parameters})

    @property
    def subject(self) -> dict[str, object]:
        """The parameters of sql/offers.sql, and the filter by partner."""
        filters = self.parameters.filters
        given = {name: list(values) for name, values in filters.items()}
        return {
            "advertiser": self.advertiser,
            "currency": self.currency,
            "advertiser_ids": given.get("advertiser_id"),
            "offer_ids": given.get("offer_id"),
            "partner_ids": given.get("partner_id"),
            "systems": given.get("os"),
            "apps": given.get("app"),
            "campaigns": given.get("campaign"),
        }

    def meta(self, validators: ReportValidators, snapshot: Snapshot, rows: int) -> dict[str, Any]:
        """`meta` of the response."""
        return {
            "range": self.content_range,
            "timeZone": self.zone.key,
            "currency": self.currency,
            "rows": rows,
            "dataThrough": iso(validators.data_through),
            "finalThrough": self.finality.final_through.isoformat(),
            "provisionalFrom": self.finality.provisional_from.isoformat(),
            "complete": True,
            "snapshot": (self.as_of or snapshot).token(self.tenant.id),
        }
