"""The counters that every report reads, changed by signed deltas in the transaction that takes the data in."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import asyncpg
import msgspec

from core.errors import GokartError
from database.pool import Connection


class Figures(msgspec.Struct, gc=False):
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
Deltas = Mapping[tuple[Pair, datetime], Figures]  # by the start of a quarter of an hour, UTC

NOTHING = Figures()
LARGEST = 2**63 - 1


async def apply(db: Connection, schema: str, deltas: Deltas, now: datetime) -> None:
    """Adds the deltas to quarters, days and months, and marks the days and months that changed, as of `now`."""
    rows = [
        (offer, quarter, partner, f.conversions, f.clicks, f.views, f.cost)
        for ((offer, partner), quarter), f in deltas.items()
        if f != NOTHING
    ]
    if not rows:
        return
    if any(abs(cost) > LARGEST for *_, cost in rows):
        raise TooMuchError
    with too_much():
        await db.execute(apply_sql(schema), now, *columns(rows))


def apply_sql(schema: str) -> str:
    return adding(
        schema,
        """
        quarter AS (
            SELECT * FROM unnest($2::int[], $3::timestamptz[], $4::int[], $5::int[], $6::int[], $7::int[], $8::bigint[])
                AS u (offer, bucket, partner, conversions, clicks, views, cost)
        )
        """,
        "SELECT count(*) FROM quarter",
    )


def adding(schema: str, quarter: str, result: str) -> str:
    """A statement that adds the rows of the common table expression `quarter` (each offer, bucket and partner once) to
    quarters, days and months, and marks the days and months that changed, as of $1. It answers with `result`.

    Every transaction takes its row locks in the order of these tables and, within one, of its key: so two that touch
    the same rows wait for each other but never in a circle. PostgreSQL promises no order among the changes of one
    statement, except that each is complete before anything that reads what it returned: so each reads that of the one
    before.

    Versions only rise, in the transaction that changes a figure: the same sum of them means the same figures. Of two
    calls at once, the one that was made earlier may be the last to get here.
    """
    return f"""
        WITH {quarter},
        day AS MATERIALIZED (
            SELECT offer, (bucket AT TIME ZONE 'UTC')::date AS bucket, partner, {SUMS} FROM quarter GROUP BY 1, 2, 3
        ),
        month AS MATERIALIZED (
            SELECT offer, date_trunc('month', bucket::timestamp)::date AS bucket, partner, {SUMS}
            FROM day GROUP BY 1, 2, 3
        ),
        to_quarters AS ({upsert(schema, "quarter", "true")}),
        to_days AS ({upsert(schema, "day", done("to_quarters"))}),
        to_months AS ({upsert(schema, "month", done("to_days"))}),
        marked_days AS ({mark(schema, "day", done("to_months"))}),
        marked_months AS ({mark(schema, "month", done("marked_days"))})
        {result} WHERE {done("marked_months")}
    """


SUMS = "sum(conversions) AS conversions, sum(clicks) AS clicks, sum(views) AS views, sum(cost) AS cost"


def done(before: str) -> str:
    return f"(SELECT count(*) FROM {before}) >= 0"


def upsert(schema: str, unit: str, condition: str) -> str:
    return f"""
        INSERT INTO {schema}.by_{unit} AS t (offer, bucket, partner, conversions, clicks, views, cost)
        SELECT offer, bucket, partner, conversions, clicks, views, cost FROM {unit} WHERE {condition}
        ORDER BY offer, bucket, partner
        ON CONFLICT (offer, bucket, partner) DO UPDATE SET
            conversions = t.conversions + excluded.conversions,
            clicks = t.clicks + excluded.clicks,
            views = t.views + excluded.views,
            cost = t.cost + excluded.cost
        RETURNING true
    """


def mark(schema: str, unit: str, condition: str) -> str:
    return f"""
        INSERT INTO {schema}.changed_{unit} AS t (offer, bucket, version, changed_at)
        SELECT DISTINCT offer, bucket, 1, $1::timestamptz FROM {unit} WHERE {condition} ORDER BY offer, bucket
        ON CONFLICT (offer, bucket)
            DO UPDATE SET version = t.version + 1, changed_at = greatest(t.changed_at, excluded.changed_at)
        RETURNING true
    """


class TooMuchError(GokartError):
    """A bucket's cost would pass what a bigint of millionths holds. Nothing of the call is taken."""

    def __init__(self) -> None:
        super().__init__("The revenue of one offer and partner in a month would pass 9,223,372,036,854.775807.")


@contextmanager
def too_much() -> Iterator[None]:
    """Raises TooMuchError where what is added within does."""
    try:
        yield
    except asyncpg.NumericValueOutOfRangeError as error:
        raise TooMuchError from error


def columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    """Rows (at least one) turned into what unnest() takes."""
    return [list(column) for column in zip(*rows, strict=True)]
