"""The log of Singular's requests: the range each asked for, the response status, and the duration.

An entry is kept in memory when its request ends and written every few seconds, so that requests do not wait for it.
Memory is bounded: entries beyond the limits are dropped and counted in the process's log.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, Literal
from uuid import UUID

import msgspec
import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from core.background import run_every
from database.chunked_delete import delete_in_chunks
from database.pool import Connection, DatabaseUnavailable, connection
from database.sql import SqlFile
from settings import settings
from tenants.tenant import Tenant, current_tenant
from web.problems import to_problem
from web.requests import request_state

DELETE_OLD_REQUESTS = SqlFile(Path(__file__).parent / "sql" / "delete_old_requests.sql")
FLUSH_INTERVAL = 5.0
MAX_PENDING = 20_000  # in this process, between two writes
MAX_PENDING_PER_KEY = 200  # more than the default rate limits allow
CLIENT_GONE = 499

log = structlog.get_logger()


class RequestLogEntry(msgspec.Struct, frozen=True):
    """`starts_at` and `ends_at` are the requested half-open range, None if it was invalid or not parsed. `rows` is None
    if none were sent. `status` is the response status, or 499 if the client disconnected before the end.
    """

    at: datetime
    advertiser: UUID
    token: int
    format: Literal["json", "csv"]
    starts_at: datetime | None
    ends_at: datetime | None
    status: int
    rows: int | None
    milliseconds: int


class SingularRequest(msgspec.Struct, frozen=True):
    """An entry with the name and the hint of its API key."""

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


class PendingEntries:
    """The entries that are not written yet, by schema."""

    def __init__(self) -> None:
        self._entries: defaultdict[str, list[RequestLogEntry]] = defaultdict(list)
        self._by_token: Counter[tuple[str, int]] = Counter()
        self._size = 0
        self.lost = 0

    def add(self, schema: str, entry: RequestLogEntry) -> None:
        token = schema, entry.token
        if self._size >= MAX_PENDING or self._by_token[token] >= MAX_PENDING_PER_KEY:
            self.lost += 1
            return
        self._entries[schema].append(entry)
        self._by_token[token] += 1
        self._size += 1

    def schemas(self) -> list[str]:
        return list(self._entries)

    def take(self, schema: str) -> list[RequestLogEntry]:
        entries = self._entries.pop(schema, [])
        for token in {entry.token for entry in entries}:
            del self._by_token[schema, token]
        self._size -= len(entries)
        return entries


_pending = PendingEntries()


async def log_request(request: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard that accepts every request. It runs before the guard that authorizes the caller, so that requests refused
    with 403 or 429 are logged too.
    """
    scope: Mapping[str, Any] = request.scope
    if scope["method"] == "HEAD":
        return
    schema, at, started = current_tenant().schema, datetime.now(UTC), perf_counter()
    format_: Literal["json", "csv"] = "csv" if scope["path"].endswith("/csv") else "json"
    state = request_state(scope)

    def add_entry() -> None:
        caller, range_ = state.get("caller"), state.get("range")
        if caller is None or caller.advertiser is None:
            return
        _pending.add(
            schema,
            RequestLogEntry(
                at,
                caller.advertiser,
                caller.api_key,
                format_,
                range_.start if range_ else None,
                range_.end if range_ else None,
                outcome(state),
                state["log"].get("rows"),
                round((perf_counter() - started) * 1000),
            ),
        )

    state["at_end"].append(add_entry)


def outcome(state: dict[str, Any]) -> int:
    """The response status; for an aborted response, the status of its error, or 499."""
    if state["complete"]:
        status: int = state["status"]
        return status
    error = state.get("error")
    return to_problem(error).status if error else CLIENT_GONE


def flush_request_log() -> AbstractAsyncContextManager[None]:
    """Writes the pending entries every few seconds, and at the end of the block."""
    return run_every(FLUSH_INTERVAL, write_request_log)


async def write_request_log() -> None:
    """Entries stay pending while the database is unavailable."""
    if _pending.lost:
        log.warning("Singular request log entries dropped", entries=_pending.lost)
        _pending.lost = 0
    for schema in _pending.schemas():
        entries = _pending.take(schema)
        try:
            async with connection() as db:
                await insert_entries(db, schema, entries)
        except DatabaseUnavailable as error:
            log.warning("Singular request log not written yet", tenant=schema, error=repr(error))
            for entry in entries:
                _pending.add(schema, entry)
        except Exception as error:  # noqa: BLE001  # one tenant (being deleted, say) must not stop the others
            log.warning("Singular request log not written", tenant=schema, entries=len(entries), error=repr(error))


async def insert_entries(db: Connection, schema: str, entries: list[RequestLogEntry]) -> None:
    """Entries of an API key that has been deleted are skipped."""
    columns = zip(*map(msgspec.structs.astuple, entries), strict=True)
    await db.execute(
        f"""
        INSERT INTO {schema}.singular_pull
            (at, advertiser, token, format, starts_at, ends_at, status, rows, milliseconds)
        SELECT p.* FROM unnest($1::timestamptz[], $2::uuid[], $3::int[], $4::text[], $5::timestamptz[],
            $6::timestamptz[], $7::smallint[], $8::bigint[], $9::int[]) AS p (at, advertiser, token)
        WHERE token IN (SELECT id FROM {schema}.api_token)
        """,
        *map(list, columns),
        timeout=settings.database_wait,
    )


async def delete_requests_before(schema: str, before: datetime) -> int:
    """Returns the number of entries deleted."""
    return await delete_in_chunks(DELETE_OLD_REQUESTS, schema, before=before)


async def recent_singular_requests(
    tenant: Tenant, advertiser: UUID, limit: int = 50, before: int | None = None
) -> list[SingularRequest]:
    """Newest first; with `before`, only entries older than the one with this id. Raises DatabaseUnavailable."""
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT p.id, p.at, t.name, t.hint, p.format, p.starts_at, p.ends_at, p.status, p.rows, p.milliseconds
            FROM {tenant.schema}.singular_pull p JOIN {tenant.schema}.api_token t ON t.id = p.token
            WHERE p.advertiser = $1 AND ($2::bigint IS NULL OR (p.at, p.id) < (
                SELECT at, id FROM {tenant.schema}.singular_pull WHERE id = $2 AND advertiser = $1
            ))
            ORDER BY p.at DESC, p.id DESC
            LIMIT $3
            """,
            advertiser,
            before,
            limit,
            timeout=settings.report_timeout,
        )
    return [SingularRequest(*row) for row in rows]
