"""The log of requests with API keys: which key asked for what, from where, how it ended and how long it took.

An entry is kept in memory when its request ends and written every few seconds, so that requests do not wait for it.
Memory is bounded: entries beyond the limits are lost, and counted in the metrics.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import msgspec
import structlog

from auth.api_keys.each_schema import execute_each
from core.background import run_every
from core.metrics import request_log_entries
from database.chunked_delete import delete_in_chunks
from database.pool import DatabaseUnavailable
from database.sql import SqlFile
from tenants.tenant import current_tenant
from web.problems import to_problem
from web.requests import Address, request_state

SQL = Path(__file__).parent / "sql" / "request_log.sql"
INSERT_REQUESTS = SqlFile(SQL, "insert_requests")
DELETE_OLD_REQUESTS = SqlFile(SQL, "delete_old_requests")
FLUSH_INTERVAL = 5.0
MAX_PENDING = 20_000  # in this process
MAX_PENDING_PER_KEY = 2_000  # 400 requests per second of one key
CLIENT_GONE = 499

log = structlog.get_logger()


class RequestLogEntry(msgspec.Struct, frozen=True):
    """`advertiser` is None for an ingest key. `endpoint` is the template of the path. `starts_at` and `ends_at` are the
    requested half-open range, if the report has one and it was valid. `status` is the response status, or 499 if the
    client disconnected before the end. `rows` are those of the report, or the records of the batch; `accepted` and
    `rejected` are of a batch. `sent` is the number of bytes of the response's body. A field without a meaning for the
    request is None.
    """

    at: datetime
    token: int
    advertiser: UUID | None
    endpoint: str
    starts_at: datetime | None
    ends_at: datetime | None
    status: int
    rows: int | None
    accepted: int | None
    rejected: int | None
    sent: int
    milliseconds: int
    address: Address | None


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

    def take(self) -> dict[str, list[RequestLogEntry]]:
        """All entries by schema. They count as pending until they are removed or put back."""
        taken, self._entries = self._entries, defaultdict(list)
        return taken

    def remove(self, schema: str, entries: list[RequestLogEntry]) -> None:
        self._size -= len(entries)
        for token, count in Counter(entry.token for entry in entries).items():
            self._by_token[schema, token] -= count
            if not self._by_token[schema, token]:
                del self._by_token[schema, token]

    def put_back(self, schema: str, entries: list[RequestLogEntry]) -> None:
        self._entries[schema] = entries + self._entries[schema]


_pending = PendingEntries()


def log_request(scope: Mapping[str, Any], api_key: int, advertiser: UUID | None, address: Address | None) -> None:
    """Adds an entry when the request ends, also if it is refused with 403 or 429. HEAD requests are not logged."""
    if scope["method"] == "HEAD":
        return
    schema, at, started = current_tenant().schema, datetime.now(UTC), perf_counter()
    state = request_state(scope)

    def add_entry() -> None:
        counts, range_ = state["log"], state.get("range")
        _pending.add(
            schema,
            RequestLogEntry(
                at,
                api_key,
                advertiser,
                scope["path_template"],
                range_.start if range_ else None,
                range_.end if range_ else None,
                outcome(state),
                counts.get("rows"),
                counts.get("accepted"),
                counts.get("rejected"),
                state["sent"],
                round((perf_counter() - started) * 1000),
                address,
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
    """Entries stay pending while the database is unavailable, or the tenant's table is locked."""
    taken = _pending.take()
    errors = await execute_each(INSERT_REQUESTS, taken)
    for schema, entries in taken.items():
        error = errors.get(schema)
        if isinstance(error, DatabaseUnavailable):
            log.warning("request log not written yet", tenant=schema, error=repr(error))
            _pending.put_back(schema, entries)
            continue
        _pending.remove(schema, entries)
        if error is None:
            request_log_entries.labels("written").inc(len(entries))
        else:  # the tenant is being deleted, say
            log.warning("request log not written", tenant=schema, entries=len(entries), error=repr(error))
            request_log_entries.labels("lost").inc(len(entries))
    if _pending.lost:
        log.warning("request log entries lost", entries=_pending.lost)
        request_log_entries.labels("lost").inc(_pending.lost)
        _pending.lost = 0


async def delete_requests_before(schema: str, before: datetime) -> int:
    """Returns the number of entries deleted."""
    return await delete_in_chunks(DELETE_OLD_REQUESTS, schema, before=before)
