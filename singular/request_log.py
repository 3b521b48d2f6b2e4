"""The log of Singular's pulls: what an advertiser's tokens asked of Singular's report, and what they were answered.

Noted in memory as each request ends, and written every few seconds, off the hot path. Memory is bounded: what one token
asks beyond that until the next writing is counted in the process's log only.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime, timedelta
from time import perf_counter
from typing import Any, Literal
from uuid import UUID

import msgspec
import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from core.background import regularly
from database.pool import Connection, Unavailable, connection
from settings import settings
from tenants.tenant import Tenant, current_tenant
from web.problems import problem_of
from web.requests import state_of

WRITE_EVERY = 5.0
KEPT_FOR = timedelta(days=90)
MOST_NOTED = 20_000  # between two writings, of this process
MOST_OF_A_TOKEN = 200  # more than the usual limits let through
CLIENT_GONE = 499

log = structlog.get_logger()


class Entry(msgspec.Struct, frozen=True):
    """`starts_at` and `ends_at` are the half-open range that was asked for, None where that made no sense or was not
    looked at; `rows` is None where none were sent. `status` is what the client has got: 499 if it left before the end.
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


class Pull(msgspec.Struct, frozen=True):
    """An entry as it is shown, with the name and the visible ends of its key."""

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
        """The last that any part of was asked for."""
        return (self.ends_at - timedelta(microseconds=1)).date() if self.ends_at else None


class Noted:
    """What is not written yet, by schema."""

    def __init__(self) -> None:
        self._entries: defaultdict[str, list[Entry]] = defaultdict(list)
        self._by_token: Counter[tuple[str, int]] = Counter()
        self._size = 0
        self.lost = 0

    def add(self, schema: str, entry: Entry) -> None:
        token = schema, entry.token
        if self._size >= MOST_NOTED or self._by_token[token] >= MOST_OF_A_TOKEN:
            self.lost += 1
            return
        self._entries[schema].append(entry)
        self._by_token[token] += 1
        self._size += 1

    def schemas(self) -> list[str]:
        return list(self._entries)

    def take(self, schema: str) -> list[Entry]:
        entries = self._entries.pop(schema, [])
        for token in {entry.token for entry in entries}:
            del self._by_token[schema, token]
        self._size -= len(entries)
        return entries


_noted = Noted()
_pruned: dict[str, date] = {}


async def noted(request: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard that lets everyone through. It stands before the one that knows the caller, so that those whom that one
    refuses are noted, too.
    """
    scope: Mapping[str, Any] = request.scope
    if scope["method"] == "HEAD":
        return
    schema, at, started = current_tenant().schema, datetime.now(UTC), perf_counter()
    format_: Literal["json", "csv"] = "csv" if scope["path"].endswith("/csv") else "json"
    state = state_of(scope)

    def note() -> None:
        caller, range_ = state.get("caller"), state.get("range")
        if caller is None or caller.advertiser is None:
            return
        _noted.add(
            schema,
            Entry(
                at,
                caller.advertiser,
                caller.token,
                format_,
                range_.start if range_ else None,
                range_.end if range_ else None,
                outcome(state),
                state["log"].get("rows"),
                round((perf_counter() - started) * 1000),
            ),
        )

    state["at_end"].append(note)


def outcome(state: dict[str, Any]) -> int:
    """The status; of a response that was broken off, the one that it would have had."""
    if state["complete"]:
        status: int = state["status"]
        return status
    error = state.get("error")
    return problem_of(error).status if error else CLIENT_GONE


def writing_pulls() -> AbstractAsyncContextManager[None]:
    """Writes what is noted every few seconds, and at the end of the block."""
    return regularly(write_pulls, WRITE_EVERY)


async def write_pulls() -> None:
    """What cannot be written while the database is away is kept for the next time."""
    if _noted.lost:
        log.warning("pulls were not noted, there were too many", pulls=_noted.lost)
        _noted.lost = 0
    for schema in _noted.schemas():
        entries = _noted.take(schema)
        try:
            async with connection() as db:
                await write(db, schema, entries)
                await prune(db, schema, datetime.now(UTC))
        except Unavailable as error:
            log.warning("pulls are not written yet", tenant=schema, error=repr(error))
            for entry in entries:
                _noted.add(schema, entry)
        except Exception as error:  # noqa: BLE001  # one tenant (being deleted, say) must not stop the others
            log.warning("pulls were not written", tenant=schema, pulls=len(entries), error=repr(error))


async def write(db: Connection, schema: str, entries: list[Entry]) -> None:
    """A token that has been deleted since takes its pulls with it."""
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


async def prune(db: Connection, schema: str, now: datetime) -> None:
    """Once a day. Advertiser by advertiser, as the index is."""
    if _pruned.get(schema) == now.date():
        return
    await db.execute(
        f"""
        DELETE FROM {schema}.singular_pull WHERE id IN (
            SELECT p.id FROM {schema}.advertiser a
            CROSS JOIN LATERAL (SELECT id FROM {schema}.singular_pull WHERE advertiser = a.id AND at < $1) AS p
        )
        """,
        now - KEPT_FOR,
        timeout=settings.database_wait,
    )
    _pruned[schema] = now.date()


async def recent_pulls(tenant: Tenant, advertiser: UUID, limit: int = 50, before: int | None = None) -> list[Pull]:
    """Newest first; with `before`, those that come after the one with this id. Raises `database.pool.Unavailable`."""
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
    return [Pull(*row) for row in rows]
