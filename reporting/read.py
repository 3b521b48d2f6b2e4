"""Reads a report of one advertiser: `read` returns NotModified, Whole or Stream. The caller is authorized.

A report that is small is read with its validators in one statement, as JSON that PostgreSQL has encoded. A report that
this process has read before is taken from the cache if the database still has the state that its ETag was computed
from, so that a cached report is never stale. `reporting.stream` sends reports that are large.

With a replica, the validators are always read from the primary. A replica is used only if it has the same validators in
the snapshot that the report is read from: versions only rise, so the report is then the primary's, however far behind
the replica may otherwise be. If it does not have them, or does not respond, the report is read from the primary.
"""

from collections.abc import AsyncIterator, Callable, Collection, Hashable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, date, datetime
from functools import cache, cached_property, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import msgspec
import structlog
from cachetools import LRUCache

from core.metrics import ReportName, count_report
from core.timestamps import iso
from database.pool import (
    ConcurrencyLimit,
    Connection,
    DatabaseUnavailable,
    PooledConnection,
    connection,
    has_replica,
)
from database.sql import Query, SqlFile
from database.transactions import primary_snapshot, read_only_snapshot
from reporting.as_of import bind_as_of
from reporting.changes.snapshot_token import Snapshot
from reporting.filters import COST_REPORT_PARAMETERS, SINGULAR_PARAMETERS, Filter
from reporting.ranges import (
    DAY,
    Range,
    change_mark_parameters,
    daily_metrics_parameters,
    metrics_parameters,
    single_month,
)
from settings import settings
from tenants.tenant import Tenant

SQL = Path(__file__).parent / "sql"
VALIDATORS = SqlFile(SQL / "validators.sql")
VALIDATORS_OF_MONTH = SqlFile(SQL / "validators_of_month.sql")
OF_MONTH = {
    "offers.sql": "all_offers.sql",
    "metrics.sql": "metrics_of_month.sql",
    "validators_cte.sql": "validators_cte_of_month.sql",
}
OF_ALL_OFFERS = {"offers.sql": "all_offers.sql"}
OF_WHOLE_DAYS = {
    "singular_offers.sql": "singular_offers_of_whole_days.sql",
    "daily_metrics.sql": "daily_metrics_of_whole_days.sql",
}
MAX_DAYS_READ_WHOLE = 7  # a daily report of more days is likely to be large

report_slots = ConcurrencyLimit("reporting", max(1, settings.database_pool // 3))  # for each advertiser

log = structlog.get_logger()


class Report(msgspec.Struct, frozen=True):
    """A kind of report.

    `parameters` are those of the request. `csv` has the columns of CSV or, if there is a `csv_header`, whole lines as
    one column, without that first line. `sql_parameters` gives those of the statements for a range. `document` gives
    the JSON before and after the rows. A `daily` report has its rows in order of the UTC day, so that the rows of a
    range are those of its parts, one after the other.
    """

    name: ReportName
    parameters: tuple[str, ...]
    whole: SqlFile
    items: SqlFile
    csv: SqlFile
    csv_header: bytes
    sql_parameters: Callable[[Range], dict[str, object]]
    document: Callable[[], tuple[bytes, bytes]]
    daily: bool


def singular_document() -> tuple[bytes, bytes]:
    return f'{{"data":{{"generatedAt":"{iso(datetime.now(UTC), "milliseconds")}","items":['.encode(), b"]}}"


COST_REPORT = Report(
    name="cost-report",
    whole=SqlFile(SQL / "cost_report.sql", "whole"),
    items=SqlFile(SQL / "cost_report.sql", "items"),
    csv=SqlFile(SQL / "cost_report.sql", "columns"),
    csv_header=b"",
    parameters=COST_REPORT_PARAMETERS,
    sql_parameters=metrics_parameters,
    document=lambda: (b'{"data":[', b"]}"),
    daily=False,
)
SPREADSHEET = msgspec.structs.replace(COST_REPORT, csv=SqlFile(SQL / "cost_report.sql", "spreadsheet"))
SINGULAR = Report(
    name="singular",
    whole=SqlFile(SQL / "singular.sql", "whole"),
    items=SqlFile(SQL / "singular.sql", "items"),
    csv=SqlFile(SQL / "singular.sql", "lines"),
    csv_header=b"date,offer_name,partner_id,app,store_id,os,campaign_name,campaign_id,cost,clicks\n",
    parameters=SINGULAR_PARAMETERS,
    sql_parameters=daily_metrics_parameters,
    document=singular_document,
    daily=True,
)


class ReadableReport(Protocol):
    """What is read here: a report of an advertiser, with all that it depends on.

    `is_large`: it is likely to have too many rows for one response. `etag_identity` differs for reports that differ in
    more than figures and names. `generic_plans`: see `database.pool.connection`.
    """

    @property
    def name(self) -> ReportName: ...
    @property
    def tenant(self) -> Tenant: ...
    @property
    def owner(self) -> Hashable: ...
    @property
    def cache_key(self) -> Hashable: ...
    @property
    def is_large(self) -> bool: ...
    @property
    def generic_plans(self) -> bool: ...
    @property
    def content_range(self) -> str: ...
    @property
    def etag_identity(self) -> str: ...

    @property
    def validators_query(self) -> Query:
        """Its row has the columns of sql/validators_cte.sql."""
        ...

    def whole_query(self, max_rows: int) -> Query:
        """Its row has the validators too, `rows` and `items` (see Whole). Of a report that has more than `max_rows`,
        `rows` or `grouped_rows` is greater than that, and the other columns are not used.
        """
        ...


@cache
def form_of_month(statement: SqlFile) -> SqlFile:
    """The statement for all offers and one month, of which it has the first day as a parameter."""
    return SqlFile(statement.path, statement.name, OF_MONTH)


@cache
def form_of_range(statement: SqlFile, *, all_offers: bool, whole_days: bool) -> SqlFile:
    """The statement for any range: for all offers, without the parameter for one, and for whole days, without those for
    quarters of an hour. With a parameter that may be null, PostgreSQL expects few offers, and joins them badly.
    """
    files = (OF_ALL_OFFERS if all_offers else {}) | (OF_WHOLE_DAYS if whole_days else {})
    return SqlFile(statement.path, statement.name, files)


class ReportRequest(msgspec.Struct, frozen=True, dict=True):
    """A report, of whom, and of which range and offers. `as_of`: as an earlier response showed it, or at its time.

    What does not change is made once, since `current_report` keeps the requests.
    """

    report: Report
    tenant: Tenant
    advertiser: UUID
    filter: Filter
    as_of: Snapshot | None = None

    @property
    def owner(self) -> Hashable:
        """All requests of an advertiser share its concurrency limits."""
        return self.tenant.id, self.advertiser

    @cached_property
    def cache_key(self) -> Hashable:
        return self.report.name, self.tenant.id, self.advertiser, self.filter

    @cached_property
    def month(self) -> date | None:
        """The one month of all offers, as they are now, that the report is of. It has statements of its own, without
        arrays: PostgreSQL then keeps their plans, and reads the metadata of fewer tables.
        """
        return None if self.filter.offer or self.as_of else single_month(self.filter.range)

    @property
    def generic_plans(self) -> bool:
        return self.month is not None and not self.report.daily

    def query(self, statement: SqlFile, range_: Range | None = None, **parameters: object) -> Query:
        """A statement of the report for the whole range, or for a part of it."""
        if self.generic_plans:
            return self.bind_month(statement, **parameters)
        range_ = range_ or self.filter.range
        parameters = {**self.report.sql_parameters(range_), **parameters}
        whole_days = self.report.daily and not self.as_of and not parameters["quarter_starts"]
        if whole_days:
            del parameters["quarter_starts"], parameters["quarter_ends"]
        return self.bind(statement, range_, parameters, whole_days=whole_days)

    def bind_month(self, statement: SqlFile, **parameters: object) -> Query:
        form = form_of_month(statement)
        return form.bind(self.tenant.schema, advertiser=self.advertiser, month=self.month, **parameters)

    def bind(
        self, statement: SqlFile, range_: Range, parameters: dict[str, object], *, whole_days: bool = False
    ) -> Query:
        form = form_of_range(statement, all_offers=self.filter.offer is None, whole_days=whole_days)
        subject = {name: value for name, value in self.subject.items() if name in form.parameters}
        return bind_as_of(form, self.as_of, range_, self.tenant.schema, {**subject, **parameters})

    @property
    def subject(self) -> dict[str, object]:
        return {"advertiser": self.advertiser, "offer": self.filter.offer}

    @property
    def name(self) -> ReportName:
        return self.report.name

    @property
    def is_large(self) -> bool:
        range_ = self.filter.range
        return self.report.daily and range_.end - range_.start > MAX_DAYS_READ_WHOLE * DAY

    @cached_property
    def content_range(self) -> str:
        return str(self.filter.range)

    @cached_property
    def etag_identity(self) -> str:
        identity = f"{self.name} {self.tenant.id} {self.advertiser} {self.content_range} {self.filter.offer}"
        return f"{identity} as of {self.filter.as_of}" if self.as_of else identity

    @cached_property
    def validators_query(self) -> Query:
        if self.month:
            return VALIDATORS_OF_MONTH.bind(self.tenant.schema, advertiser=self.advertiser, month=self.month)
        return self.bind(VALIDATORS, self.filter.range, change_mark_parameters(self.filter.range))

    def whole_query(self, max_rows: int) -> Query:
        marks = {} if self.month and not self.report.daily else change_mark_parameters(self.filter.range)
        return self.query(self.report.whole, None, max_rows=max_rows, **marks)


@lru_cache(4_096)
def current_report(report: Report, tenant: Tenant, advertiser: UUID, filter_: Filter) -> ReportRequest:
    """The report as it is now."""
    return ReportRequest(report, tenant, advertiser, filter_)


class ReportValidators(msgspec.Struct, frozen=True):
    """The state of a report, read in the report's own snapshot or before it.

    If it was read before, the report may contain a change that the ETag does not know. The next conditional request
    then gets a full response, never a wrong 304.

    `snapshot` is None if the report has no snapshot token.
    """

    range: str
    data_through: datetime
    etag: str
    snapshot: Snapshot | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {
            "GoKart-Range": self.range,
            "GoKart-Data-Through": iso(self.data_through),
            "ETag": self.etag,
            "Cache-Control": "private, no-cache",
            "Vary": "Authorization",
        }

    def match(self, etags: Collection[str]) -> bool:
        """Whether one of the tags of If-None-Match names this state; `*` names any."""
        return matches_etag(self.etag, etags)


def matches_etag(etag: str, requested: Collection[str]) -> bool:
    """Whether one of the tags of If-None-Match is this one; `*` is any."""
    return "*" in requested or etag.removeprefix("W/") in [each.removeprefix("W/") for each in requested]


class NotModified(msgspec.Struct, frozen=True):
    """The client has the report already."""

    validators: ReportValidators


class Whole(msgspec.Struct, frozen=True):
    """The report's rows as the inside of a JSON array in UTF-8. `totals` is a JSON object, or None if it has none."""

    validators: ReportValidators
    rows: int
    items: bytes
    totals: str | None = None


class Stream(msgspec.Struct, frozen=True):
    """The report is to be streamed, in a snapshot with these validators or later ones."""

    validators: ReportValidators


class ReportCache:
    """The reports read last, within a number of bytes. Those of more than an eighth of that are not cached."""

    def __init__(self, max_bytes: int) -> None:
        self._reports: LRUCache[Hashable, Whole] = LRUCache(max_bytes, getsizeof=lambda report: len(report.items) + 500)

    def get(self, key: Hashable) -> Whole | None:
        return self._reports.get(key)

    def put(self, key: Hashable, report: Whole) -> None:
        if len(report.items) < self._reports.maxsize // 8:
            self._reports[key] = report


report_cache = ReportCache(settings.answers_remembered * 2**20)


async def read(request: ReadableReport, etags: Collection[str], *, stream: bool) -> NotModified | Whole | Stream:
    """Costs one statement for a report that is small and uncached. `etags` are those that the client has.

    `stream`: never returns Whole. Raises DatabaseUnavailable.
    """
    cached, validators = report_cache.get(request.cache_key), None
    stream = stream or request.is_large
    if cached or stream or has_replica() or etags:
        async with connection(generic_plans=request.generic_plans) as db:
            validators = await read_validators(db, request)
        if validators.match(etags):
            count_report(request.name, "not_modified")
            return NotModified(validators)
        if cached and not stream and cached.validators.etag == validators.etag:
            count_report(request.name, "cache")
            return msgspec.structs.replace(cached, validators=validators)
        if stream:
            return Stream(validators)
    result = await read_whole(request, validators)
    if isinstance(result, Whole):
        report_cache.put(request.cache_key, result)
    return result


async def read_whole(request: ReadableReport, validators: ReportValidators | None) -> Whole | Stream:
    """From the replica if it has the same validators, else from the primary. Stream: it has too many rows."""
    if validators and has_replica():
        with suppress(DatabaseUnavailable):
            async with connection("replica", generic_plans=request.generic_plans) as db:
                result = await fetch_whole(db, request)
            if result.validators.etag == validators.etag:
                log_replica_use(request)
                return msgspec.structs.replace(result, validators=validators)
    count_report(request.name, "primary")
    async with connection(generic_plans=request.generic_plans) as db:
        return await fetch_whole(db, request)


async def fetch_whole(db: Connection, request: ReadableReport) -> Whole | Stream:
    query = request.whole_query(settings.stream_rows)
    row = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
    assert row is not None
    validators = validators_of(row, request)
    if max(row["rows"], row.get("grouped_rows", 0)) > settings.stream_rows:
        return Stream(validators)
    return Whole(validators, row["rows"], row["items"] or b"", row.get("totals"))


async def read_validators(db: Connection, request: ReadableReport) -> ReportValidators:
    query = request.validators_query
    row = await db.fetchrow(query.sql, *query.args, timeout=settings.report_timeout)
    assert row is not None
    return validators_of(row, request)


def validators_of(row: Any, request: ReadableReport) -> ReportValidators:
    """From the columns of sql/validators_cte.sql."""
    state = f"{request.etag_identity} {row['state']} {row['names']}"
    # Weak, since the compressed report has other bytes.
    etag = f'W/"{blake2b(state.encode(), digest_size=16).hexdigest()}"'
    snapshot = Snapshot.of_row(row) if "snapshot_began" in row else None
    return ReportValidators(request.content_range, row["data_through"] or request.tenant.created_at, etag, snapshot)


@asynccontextmanager
async def snapshot(request: ReadableReport, validators: ReportValidators) -> AsyncIterator[PooledConnection]:
    """A connection for a stream, in a transaction with one snapshot that has these validators or later ones."""
    async with AsyncExitStack() as stack:
        db = await replica_snapshot(stack, request, validators) if has_replica() else None
        if db is None:
            count_report(request.name, "primary")
            db = await stack.enter_async_context(primary_snapshot())
        yield db


async def replica_snapshot(
    stack: AsyncExitStack, request: ReadableReport, validators: ReportValidators
) -> PooledConnection | None:
    """The same on the replica, closed by `stack`; None if the replica is behind or does not respond."""
    async with AsyncExitStack() as attempt:
        with suppress(DatabaseUnavailable):
            db = await attempt.enter_async_context(connection("replica stream"))
            await attempt.enter_async_context(read_only_snapshot(db))
            if (await read_validators(db, request)).etag == validators.etag:
                log_replica_use(request)
                stack.push_async_exit(attempt.pop_all())
                return db
    return None


def log_replica_use(request: ReadableReport) -> None:
    count_report(request.name, "replica")
    log.debug("read from the replica", tenant=request.tenant.slug, report=request.name)
