"""A naive model of `GET /api/v1/reports/query`, built on `zoneinfo`: it looks at each record by itself."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st

from tests.support.oracle import QUARTER, Sums, add

METRICS = ["cost", "conversions", "clicks", "views"]
RATIOS = {
    "costPerConversion": ("cost", "conversions"),
    "costPerClick": ("cost", "clicks"),
    "conversionRate": ("conversions", "clicks"),
    "clickRate": ("clicks", "views"),
}
TIME_GROUPS = ["hour", "day", "week", "month"]
# Daylight saving in both hemispheres, by half an hour too, and offsets of half hours and quarters of an hour.
ZONES = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/St_Johns",
    "Pacific/Kiritimati",
]
Contribution = tuple[str, str, datetime, Sums]  # offer id, partner id, time in UTC, what it adds


class OfferFacts(msgspec.Struct, frozen=True):
    name: str
    app: str | None = None
    store_id: str | None = None
    os: str | None = None
    campaign: str | None = None


class Query(msgspec.Struct, frozen=True):
    """Both days are inclusive and in the zone."""

    first: date
    last: date
    zone: str
    groups: list[str]
    metrics: list[str]
    filters: dict[str, list[str]]

    @property
    def parameters(self) -> dict[str, str]:
        return {
            "date_from": str(self.first),
            "date_to": str(self.last),
            "time_zone": self.zone,
            "metrics": ",".join(self.metrics),
            **({"group_by": ",".join(self.groups)} if self.groups else {}),
            **{name: ",".join(values) for name, values in self.filters.items()},
        }


class QueryModel:
    """`offers` by id; `partners` are names by id."""

    def __init__(
        self, contributions: Iterable[Contribution], offers: dict[str, OfferFacts], partners: dict[str, str]
    ) -> None:
        self.contributions = list(contributions)
        self.offers = offers
        self.partners = partners

    def rows(self, query: Query) -> list[dict[str, Any]]:
        """Without ids and states, in any order. A row is there if one of the four figures is not zero."""
        sums: dict[tuple[Any, ...], Sums] = defaultdict(Sums)
        for offer, partner, at, one in self.selected(query):
            add(sums[tuple(self.group(name, offer, partner, at, ZoneInfo(query.zone)) for name in query.groups)], one)
        if not query.groups:
            return [measured(sums[()], query.metrics)]
        return [
            {key: value for part in group for key, value in part} | measured(s, query.metrics)
            for group, s in sums.items()
            if s.conversions or s.clicks or s.views or s.cost
        ]

    def totals(self, query: Query) -> dict[str, Any]:
        total = Sums()
        for *_, one in self.selected(query):
            add(total, one)
        return measured(total, query.metrics)

    def selected(self, query: Query) -> Iterable[Contribution]:
        zone = ZoneInfo(query.zone)
        for offer, partner, at, one in self.contributions:
            facts = self.offers[offer]
            present = {
                "offer_id": offer,
                "partner_id": partner,
                "os": facts.os,
                "app": facts.app,
                "campaign": facts.campaign,
            }
            if query.first <= at.astimezone(zone).date() <= query.last and all(
                present[name] in values for name, values in query.filters.items()
            ):
                yield offer, partner, at, one

    def group(
        self, name: str, offer: str, partner: str, at: datetime, zone: ZoneInfo
    ) -> tuple[tuple[str, str | None], ...]:
        """The columns of a group, with their values."""
        facts, day = self.offers[offer], at.astimezone(zone).date()
        return {
            "hour": (("hour", start_of_hour(at, zone)),),
            "day": (("day", str(day)),),
            "week": (("week", str(day - timedelta(days=day.weekday()))),),
            "month": (("month", str(day.replace(day=1))),),
            "offer": (("offerId", offer), ("offerName", facts.name)),
            "partner": (("partnerId", partner), ("partnerName", self.partners[partner])),
            "app": (("app", facts.app), ("storeId", facts.store_id)),
            "os": (("os", facts.os),),
            "campaign": (("campaign", facts.campaign),),
        }[name]


def start_of_hour(at: datetime, zone: ZoneInfo) -> str:
    """The local time with its offset at which clocks began to show this hour with this offset."""

    def shown(instant: datetime) -> tuple[date, int, timedelta | None]:
        local = instant.astimezone(zone)
        return local.date(), local.hour, local.utcoffset()

    first = at - timedelta(minutes=at.minute % 15, seconds=at.second, microseconds=at.microsecond)
    while shown(first - QUARTER) == shown(at):
        first -= QUARTER
    return first.astimezone(zone).isoformat()


def measured(sums: Sums, metrics: Iterable[str]) -> dict[str, Any]:
    figures: dict[str, Decimal | int]
    figures = {"cost": sums.cost, "conversions": sums.conversions, "clicks": sums.clicks, "views": sums.views}
    ratios = {name: ratio(figures[above], figures[below]) for name, (above, below) in RATIOS.items()}
    return {name: (figures | ratios)[name] for name in metrics}


def ratio(above: Decimal | int, below: Decimal | int) -> Decimal | None:
    """Six places, half-even, from the exact quotient."""
    if not below:
        return None
    scaled = Decimal(above).scaleb(6)
    whole, rest = divmod(int(scaled), int(below))
    double = 2 * rest
    if double > below or (double == below and whole % 2):
        whole += 1
    return Decimal(whole).scaleb(-6)


@st.composite
def queries(draw: st.DrawFn, offers: list[str], partners: list[str], facts: dict[str, OfferFacts]) -> Query:
    days = st.dates(date(2023, 12, 28), date(2025, 1, 5))
    first, last = sorted([draw(days), draw(days)])
    time_groups = draw(st.lists(st.sampled_from(TIME_GROUPS), max_size=1))
    others = draw(st.lists(st.sampled_from(["offer", "partner", "app", "os", "campaign"]), max_size=3, unique=True))
    metrics = draw(st.lists(st.sampled_from([*METRICS, *RATIOS]), min_size=1, max_size=4, unique=True))
    values: dict[str, list[str]] = {
        "offer_id": offers,
        "partner_id": partners,
        "os": sorted({each.os for each in facts.values() if each.os}),
        "app": sorted({each.app for each in facts.values() if each.app}),
        "campaign": sorted({each.campaign for each in facts.values() if each.campaign}),
    }
    names = draw(st.lists(st.sampled_from([name for name in values if values[name]]), max_size=2, unique=True))
    filters = {
        name: draw(st.lists(st.sampled_from(values[name]), min_size=1, max_size=2, unique=True)) for name in names
    }
    zone = draw(st.sampled_from(ZONES))
    return Query(first, last, zone, draw(st.permutations(time_groups + others)), metrics, filters)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
