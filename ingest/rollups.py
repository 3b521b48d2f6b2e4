"""The roll-ups that every report reads, changed by signed deltas in the transaction that writes the ledger."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
import msgspec

from core.errors import GokartError
from database.pool import Connection
from database.sql import SqlFile
from database.transactions import set_local_sql
from tenants.nodes import is_cluster

SQL = Path(__file__).parent / "sql"
APPLY_DELTAS = SqlFile(SQL / "apply_deltas.sql")
ADD_ON_CLUSTER = [
    SqlFile(SQL / "rollups_on_cluster.sql", name)
    for name in ("add_to_quarters", "add_to_hours", "add_to_days", "add_to_months")
]
LATENESS_ON_CLUSTER = SqlFile(SQL / "rollups_on_cluster.sql", "lateness")
LOG_ON_CLUSTER = SqlFile(SQL / "rollups_on_cluster.sql", "log_restatements")
MARK_DAYS_ON_CLUSTER = SqlFile(SQL / "rollups_on_cluster.sql", "mark_days")
MARK_MONTHS_ON_CLUSTER = SqlFile(SQL / "rollups_on_cluster.sql", "mark_months")
MAX_BIGINT = 2**63 - 1


class BucketDelta(msgspec.Struct, gc=False):
    """What is added to (or, if negative, subtracted from) a bucket. `cost` is in millionths of the currency."""

    conversions: int = 0
    clicks: int = 0
    views: int = 0
    cost: int = 0

    def add(self, other: "BucketDelta") -> None:
        self.conversions += other.conversions
        self.clicks += other.clicks
        self.views += other.views
        self.cost += other.cost


NO_CHANGE = BucketDelta()

OfferPartner = tuple[int, int]  # surrogate ids
Deltas = Mapping[tuple[OfferPartner, datetime], BucketDelta]  # by the start of a quarter of an hour, UTC


class DeltaColumns(msgspec.Struct, gc=False):
    """Deltas as columns of equal length. `seconds`: the start of the quarter of an hour, since 1970."""

    offers: list[int]
    seconds: list[int]
    partners: list[int]
    conversions: list[int]
    clicks: list[int]
    views: list[int]
    costs: list[int]


async def apply_deltas(db: Connection, schema: str, deltas: Deltas, now: datetime) -> None:
    """Adds the deltas to quarters, days and months, and marks the days and months as changed at `now`.

    Raises CostOverflowError.
    """
    changes = [(offer, start, partner, d) for ((offer, partner), start), d in deltas.items() if d != NO_CHANGE]
    if not changes:
        return
    if any(abs(delta.cost) > MAX_BIGINT for *_, delta in changes):
        raise CostOverflowError
    columns = DeltaColumns(
        offers=[offer for offer, *_ in changes],
        seconds=[int(start.timestamp()) for _, start, *_ in changes],
        partners=[partner for *_, partner, _ in changes],
        conversions=[delta.conversions for *_, delta in changes],
        clicks=[delta.clicks for *_, delta in changes],
        views=[delta.views for *_, delta in changes],
        costs=[delta.cost for *_, delta in changes],
    )
    if await is_cluster(db):
        await add_on_cluster(db, schema, columns, now)
        return
    query = APPLY_DELTAS.bind(schema, now=now, **msgspec.structs.asdict(columns))
    with cost_overflow():
        await db.execute(query.sql, *query.args)


async def add_on_cluster(db: Connection, schema: str, columns: DeltaColumns, now: datetime) -> None:
    """What one statement does on one server. Raises CostOverflowError."""
    if not columns.offers:
        return
    await db.execute(set_local_sql({"gokart.hours": "written"}))  # as rollups.sql does
    with cost_overflow():
        for sql in ADD_ON_CLUSTER:
            query = sql.bind(schema, **msgspec.structs.asdict(columns))
            await db.execute(query.sql, *query.args)
    query = LATENESS_ON_CLUSTER.bind(schema, offers=columns.offers)
    rows = await db.fetch(query.sql, *query.args)
    zones = {row["offer"]: row["time_zone"] for row in rows}
    lateness = {"provisional_from": rows[0]["provisional_from"], "cause": rows[0]["cause"]}
    changed = {"offers": columns.offers, "seconds": columns.seconds, "now": now}
    time_zones = [zones[offer] for offer in columns.offers]
    for query in (
        MARK_DAYS_ON_CLUSTER.bind(schema, **changed, **lateness),
        MARK_MONTHS_ON_CLUSTER.bind(schema, **changed),
        LOG_ON_CLUSTER.bind(schema, **msgspec.structs.asdict(columns), **lateness, time_zones=time_zones),
    ):
        await db.execute(query.sql, *query.args)


class CostOverflowError(GokartError):
    """The cost of a bucket would exceed a bigint of millionths. Nothing of the batch is stored."""

    def __init__(self) -> None:
        super().__init__("The revenue of one offer and partner in a month would exceed 9,223,372,036,854.775807.")


@contextmanager
def cost_overflow() -> Iterator[None]:
    """Turns PostgreSQL's error for a sum that is out of range into CostOverflowError."""
    try:
        yield
    except asyncpg.NumericValueOutOfRangeError as error:
        raise CostOverflowError from error


def to_columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    """Rows (at least one) as the columns that unnest() expects."""
    return [list(column) for column in zip(*rows, strict=True)]
