"""The reports' rows and documents, as JSON has them. Numbers of money are exact JSON numbers."""

from collections.abc import Sequence
from typing import Any, Self
from uuid import UUID

import msgspec


class CostRow(msgspec.Struct):
    offerId: UUID  # noqa: N815  # the documented names
    offerName: str  # noqa: N815
    totalConversions: int  # noqa: N815
    totalClicks: int  # noqa: N815
    totalViews: int  # noqa: N815
    revenue: msgspec.Raw
    publisherName: str  # noqa: N815

    @classmethod
    def of(cls, record: Sequence[Any]) -> Self:
        """From a row of `queries.cost_report`."""
        offer, name, conversions, clicks, views, revenue, publisher = record
        return cls(offer, name, conversions, clicks, views, msgspec.Raw(revenue), publisher)


class SingularItem(msgspec.Struct):
    date: str  # YYYY-MM-DD, a UTC day
    offer_name: str
    partner_id: UUID
    app: str | None
    store_id: str | None
    os: str | None
    campaign_name: str | None
    campaign_id: UUID
    cost: msgspec.Raw
    clicks: int

    @classmethod
    def of(cls, record: Sequence[Any]) -> Self:
        """From a row of `queries.singular`."""
        day, offer_name, partner, app, store, os, campaign, offer, cost, clicks = record
        return cls(day, offer_name, partner, app, store, os, campaign, offer, msgspec.Raw(cost), clicks)


Row = type[CostRow] | type[SingularItem]
