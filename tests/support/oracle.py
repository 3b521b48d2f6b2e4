"""An independent model of the reports, computed naively from every record that was sent."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

QUARTER = timedelta(minutes=15)


class Sums(msgspec.Struct):
    conversions: int = 0
    clicks: int = 0
    views: int = 0
    cost: Decimal = Decimal(0)


class Oracle:
    """The model of one advertiser's reports. `offers` and `partners` map ids to names."""

    def __init__(self, offers: dict[str, str], partners: dict[str, str], tenant: str) -> None:
        self.offers = offers
        self.partners = partners
        self.tenant = tenant
        self.callbacks: dict[str, dict[str, Any]] = {}
        self.events: dict[str, dict[str, Any]] = {}

    def send(self, callback: dict[str, Any]) -> None:
        """Records a conversion callback. The latest `sentAt` wins; of equal times, the greater id wins."""
        known = self.callbacks.get(callback["conversion"]["conversionId"])
        if known is None or rank(callback) > rank(known):
            self.callbacks[callback["conversion"]["conversionId"]] = callback

    def happen(self, event: dict[str, Any]) -> None:
        """Records a view or click. Repetitions of an id do not count."""
        self.events.setdefault(event["id"], event)

    def contributions(self) -> list[tuple[str, str, datetime, Sums]]:
        """What each record adds: (offer id, partner id, time in UTC, sums)."""
        found = []
        for callback in self.callbacks.values():
            c = callback["conversion"]
            if c["status"] == "Success":
                cost = Decimal(str(c["revenue"] or 0)).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
                at = instant(c["userCompletedAt"] or c["createdAt"])
                found.append((c["offerId"], c["partnerId"] or self.tenant, at, Sums(conversions=1, cost=cost)))
        for e in self.events.values():
            one = Sums(clicks=1) if e["type"] == "click" else Sums(views=1)
            found.append((e["offerId"], e["partnerId"] or self.tenant, instant(e["occurredAt"]), one))
        return [each for each in found if each[0] in self.offers]

    def cost_report(self, start: datetime, end: datetime, offer: str | None) -> list[dict[str, Any]]:
        """The rows of the cost report for start <= time < end, in the report's order."""
        sums: dict[tuple[str, str], Sums] = defaultdict(Sums)
        for offer_id, partner_id, at, one in self.contributions():
            if start <= at < end and offer in {None, offer_id}:
                add(sums[offer_id, partner_id], one)
        rows = [
            {
                "offerId": offer_id,
                "offerName": self.offers[offer_id],
                "totalConversions": s.conversions,
                "totalClicks": s.clicks,
                "totalViews": s.views,
                "revenue": s.cost,
                "publisherName": self.partners[partner_id],
            }
            for (offer_id, partner_id), s in sorted(sums.items(), key=lambda item: self.order(*item[0]))
        ]
        return [
            row for row in rows if any(row[k] for k in ("totalConversions", "totalClicks", "totalViews", "revenue"))
        ]

    def by_day(self, offer: str | None) -> dict[date, Sums]:
        sums: dict[date, Sums] = defaultdict(Sums)
        for offer_id, _, at, one in self.contributions():
            if offer in {None, offer_id}:
                add(sums[at.date()], one)
        return sums

    def order(self, offer: str, partner: str) -> tuple[str, str, str, str]:
        return self.offers[offer], self.partners[partner], offer, partner

    def singular(self, start: datetime, end: datetime) -> list[tuple[str, str, str, Decimal, int]]:
        """The rows for start <= time < end: (date, campaign_id, partner_id, cost, clicks), in the report's order."""
        sums: dict[tuple[date, str, str], Sums] = defaultdict(Sums)
        for offer_id, partner_id, at, one in self.contributions():
            if start <= at < end:
                add(sums[at.date(), offer_id, partner_id], one)
        return [
            (str(day), offer, partner, s.cost, s.clicks)
            for (day, offer, partner), s in sorted(sums.items())
            if s.cost or s.clicks
        ]


def plain(value: Any) -> str:
    """The text of a value in CSV."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(value)


def floor_day(at: datetime) -> datetime:
    return at - timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)


def rank(callback: dict[str, Any]) -> tuple[str, str]:
    """Compares times as text: generated times have one length and are in UTC."""
    return callback["sentAt"], callback["id"]


def add(sums: Sums, one: Sums) -> None:
    sums.conversions += one.conversions
    sums.clicks += one.clicks
    sums.views += one.views
    sums.cost += one.cost


def instant(text: str) -> datetime:
    """The time in UTC, truncated to the microsecond."""
    whole, _, rest = text.partition(".")
    digits = rest[:6] if rest else "0"
    offset = text[-6:] if text[-6:-5] in "+-" else "+00:00"
    seconds = datetime.fromisoformat(whole[:19] + offset).astimezone(UTC)
    return seconds + timedelta(microseconds=int(digits.ljust(6, "0")))
