"""The counters that every report reads, changed by signed deltas in the transaction that takes the data in."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TypeVar

import asyncpg
import msgspec

from database.pool import Connection
from errors import GokartError


class Figures(msgspec.Struct):
    """What is added to (or, negative, taken from) a bucket. `cost` in millionths."""

    conversions: int = 0
    clicks: int = 0
    views: int = 0
    cost: int = 0

    def add(self, other: "Figures") -> None:
        self.conversions += other.conversions
        self.clicks += other.clicks
        self.views += other.views
        self.cost += other.cost


Pair = tuple[int, int]  # offer, partner
Start = TypeVar("Start", date, datetime)
Deltas = Mapping[tuple[Pair, datetime], Figures]  # by the start of a quarter of an hour, UTC

NOTHING = Figures()
LARGEST = 2**63 - 1


async def apply(db: Connection, schema: str, deltas: Deltas, now: datetime) -> None:
    """Adds the deltas to quarters, days and months, and marks the days and months that changed, as of `now`.

    Every transaction takes its row locks in the order of these tables and, within one, of its key: so two that touch
    the same rows wait for each other but never in a circle.
    """
    quarters = {key: figures for key, figures in deltas.items() if figures != NOTHING}
    days: dict[tuple[Pair, date], Figures] = defaultdict(Figures)
    months: dict[tuple[Pair, date], Figures] = defaultdict(Figures)
    for (pair, quarter), figures in quarters.items():
        days[pair, quarter.date()].add(figures)
    for (pair, day), figures in days.items():
        months[pair, day.replace(day=1)].add(figures)
    await add_to(db, f"{schema}.by_quarter", "timestamptz", quarters)
    await add_to(db, f"{schema}.by_day", "date", days)
    await add_to(db, f"{schema}.by_month", "date", months)
    await mark_changed(db, f"{schema}.changed_day", {(offer, day) for (offer, _), day in days}, now)
    await mark_changed(db, f"{schema}.changed_month", {(offer, month) for (offer, _), month in months}, now)


class TooMuchError(GokartError):
    """A bucket's cost would pass what a bigint of millionths holds. Nothing of the call is taken."""

    def __init__(self) -> None:
        super().__init__("The revenue of one offer and partner in a month would pass 9,223,372,036,854.775807.")


async def add_to(db: Connection, table: str, bucket: str, rows: Mapping[tuple[Pair, Start], Figures]) -> None:
    if not rows:
        return
    if any(abs(figures.cost) > LARGEST for figures in rows.values()):
        raise TooMuchError
    try:
        await upsert(db, table, bucket, rows)
    except asyncpg.NumericValueOutOfRangeError as error:
        raise TooMuchError from error


async def upsert(db: Connection, table: str, bucket: str, rows: Mapping[tuple[Pair, Start], Figures]) -> None:
    await db.execute(
        f"""
        INSERT INTO {table} AS t (offer, bucket, partner, conversions, clicks, views, cost)
        SELECT * FROM unnest($1::int[], $2::{bucket}[], $3::int[], $4::int[], $5::int[], $6::int[], $7::bigint[])
        ON CONFLICT (offer, bucket, partner) DO UPDATE SET
            conversions = t.conversions + excluded.conversions,
            clicks = t.clicks + excluded.clicks,
            views = t.views + excluded.views,
            cost = t.cost + excluded.cost
        """,
        *columns(
            sorted(
                (offer, bucket_start, partner, f.conversions, f.clicks, f.views, f.cost)
                for ((offer, partner), bucket_start), f in rows.items()
            )
        ),
    )


async def mark_changed(db: Connection, table: str, buckets: Iterable[tuple[int, date]], now: datetime) -> None:
    """Versions only rise, in the transaction that changes a figure: the same sum of them means the same figures.

    Of two calls at once, the one that was made earlier may be the last to get here.
    """
    rows = sorted(buckets)
    if rows:
        await db.execute(
            f"""
            INSERT INTO {table} AS c (offer, bucket, version, changed_at)
            SELECT *, 1, $3::timestamptz FROM unnest($1::int[], $2::date[])
            ON CONFLICT (offer, bucket)
                DO UPDATE SET version = c.version + 1, changed_at = greatest(c.changed_at, excluded.changed_at)
            """,
            *columns(rows),
            now,
        )


def columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    """Rows (at least one) turned into what unnest() takes."""
    return [list(column) for column in zip(*rows, strict=True)]
