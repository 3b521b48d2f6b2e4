"""Finds days with an unusual cost: far from the median of the same weekday in the weeks before.

A day is unusual if its distance from the median is more than DEVIATIONS robust standard deviations, and not small. The
robust standard deviation is SCALE times the median of the distances from the median (MAD), which one outlier among the
weeks does not change.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median

import msgspec

from core.time_zones import zone_of
from database.pool import Connection
from database.sql import Query, SqlFile
from notifications.kinds import SPEND, Finding, NotifiedAdvertiser
from reporting.query.zones import local_date, start_of_day
from web.pages.formatting import format_money, long_day

SQL = Path(__file__).parent / "sql" / "findings.sql"
COST_BY_DAY = SqlFile(SQL, "cost_by_day")
COST_BY_HOUR = SqlFile(SQL, "cost_by_hour")
COST_BY_QUARTER = SqlFile(SQL, "cost_by_quarter")

SETTLED_AFTER = timedelta(hours=6)  # after the end of the day, when most of what comes late has come
WEEKS = 8
FEWEST_WEEKS = 4  # with figures
DEVIATIONS = 3
SCALE = 1.4826  # makes the MAD of normally distributed values their standard deviation
SMALLEST_SHARE = 0.25  # of the median: smaller differences are not unusual
SMALLEST_DIFFERENCE = 10_000_000  # millionths of the currency
A_DAY = timedelta(days=1)


class UsualCost(msgspec.Struct, frozen=True):
    """Of a weekday, in millionths. `deviation` is the robust standard deviation; `weeks` is how many days there are."""

    median: float
    deviation: float
    weeks: int

    @classmethod
    def of(cls, costs: Sequence[int]) -> "UsualCost":
        middle = median(costs)
        return cls(middle, SCALE * median(abs(cost - middle) for cost in costs), len(costs))

    def is_far(self, cost: int) -> bool:
        smallest = max(DEVIATIONS * self.deviation, SMALLEST_SHARE * self.median, SMALLEST_DIFFERENCE)
        return abs(cost - self.median) > smallest


async def find_unusual_spend(
    db: Connection, schema: str, advertisers: Sequence[NotifiedAdvertiser], last_run: datetime, now: datetime
) -> list[Finding]:
    """Of the last day that has settled, in each advertiser's time zone, unless the last run has judged it."""
    by_zone: defaultdict[str, list[NotifiedAdvertiser]] = defaultdict(list)
    for advertiser in advertisers:
        by_zone[advertiser.time_zone].append(advertiser)
    found = []
    for zone, those in by_zone.items():
        day = settled_day(zone, now)
        if last_run <= now and settled_day(zone, last_run) == day:
            continue
        costs: defaultdict[object, dict[date, int]] = defaultdict(dict)
        query = cost_query(schema, zone, day, those)
        for row in await db.fetch(query.sql, *query.args):
            costs[row["advertiser"]][row["day"]] = row["cost"]
        found += [finding for each in those if (finding := judge_day(each, day, costs[each.id]))]
    return found


def settled_day(zone: str, now: datetime) -> date:
    return local_date(now - SETTLED_AFTER, zone_of(zone)) - A_DAY


def cost_query(schema: str, zone: str, day: date, advertisers: Sequence[NotifiedAdvertiser]) -> Query:
    """The cost of that day and of the same weekday in the weeks before, by advertiser. Reads the coarsest buckets that
    add up to days of the zone.
    """
    ids = [advertiser.id for advertiser in advertisers]
    days = [day - 7 * week * A_DAY for week in range(WEEKS + 1)]
    if zone == "UTC":
        return COST_BY_DAY.bind(schema, advertisers=ids, days=days)
    starts = [start_of_day(each, zone_of(zone)) for each in days]
    ends = [start_of_day(each + A_DAY, zone_of(zone)) for each in days]
    statement = COST_BY_QUARTER if any(instant.minute for instant in starts + ends) else COST_BY_HOUR
    return statement.bind(schema, advertisers=ids, days=days, starts=starts, ends=ends)


def judge_day(advertiser: NotifiedAdvertiser, day: date, costs: dict[date, int]) -> Finding | None:
    """None if the day is usual, or if too few weeks have figures to say so."""
    cost, earlier = costs.get(day, 0), [value for each, value in costs.items() if each != day]
    if len(earlier) < FEWEST_WEEKS:
        return None
    usual = UsualCost.of(earlier)
    if not usual.is_far(cost):
        return None

    def money(millionths: float) -> str:
        amount = Decimal(millionths).scaleb(-6).quantize(Decimal("0.01"))
        return f"{format_money(amount, advertiser.currency)} {advertiser.currency}"

    higher = cost > usual.median
    share = f"{abs(cost - usual.median) / usual.median:.0%} " if usual.median else ""
    return Finding(
        SPEND,
        advertiser.id,
        str(day),
        f"Unusually {'high' if higher else 'low'} cost on {long_day(day)}: {money(cost)}",
        f"On {long_day(day)}, the cost was {money(cost)}, {share}{'more' if higher else 'less'} than usual on this "
        f"weekday: the median of the last {WEEKS} weeks is {money(usual.median)} (of {usual.weeks} days), and "
        f"differences of up to {money(DEVIATIONS * usual.deviation)} are usual ({DEVIATIONS} robust standard "
        "deviations).",
        f"/?date_from={day}&date_to={day}",
    )
