"""Moving an offer to another advertiser, with all of its past figures: a preview, and the move. Only staff do it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from core.errors import GokartError
from database.pool import Connection
from database.transactions import transaction
from tenants.tenant import Tenant


class OfferMoveError(GokartError):
    """The offer cannot be moved. Nothing was changed."""


class OfferSummary(msgspec.Struct, frozen=True):
    """An offer with its advertiser, the owner of its figures. `currency` is the owner's."""

    id: UUID
    key: int
    name: str
    campaign: str | None
    owner: UUID
    owner_name: str
    currency: str


class MonthFigures(msgspec.Struct, frozen=True):
    """What an offer adds to its advertiser's reports in a month (UTC). `cost` is in units of the currency."""

    month: date
    conversions: int
    clicks: int
    views: int
    cost: Decimal


class OfferMove(msgspec.Struct, frozen=True):
    """`figures` leave the offer's owner for `target`, the latest month first; `cost` is their sum."""

    offer: OfferSummary
    target: UUID
    target_name: str
    figures: list[MonthFigures]

    @property
    def cost(self) -> Decimal:
        return sum((month.cost for month in self.figures), Decimal(0))

    @property
    def conversions(self) -> int:
        return sum(month.conversions for month in self.figures)


class PastMove(msgspec.Struct, frozen=True):
    """Names are current ones; None if the advertiser has been deleted."""

    moved_at: datetime
    from_advertiser: UUID
    from_name: str | None
    to_advertiser: UUID
    to_name: str | None


def summary_sql(tenant: Tenant) -> str:
    return f"""
        SELECT o.id, o.key, o.name, o.campaign_name AS campaign, a.id AS owner, a.name AS owner_name, a.currency
        FROM {tenant.schema}.offer o JOIN {tenant.schema}.advertiser a ON a.id = o.advertiser
    """


async def find_offer(db: Connection, tenant: Tenant, offer: UUID) -> OfferSummary | None:
    row = await db.fetchrow(f"{summary_sql(tenant)} WHERE o.id = $1", offer)
    return OfferSummary(**row) if row else None


async def offer_moves(db: Connection, tenant: Tenant, offer_key: int) -> list[PastMove]:
    """The latest first."""
    rows: list[Any] = await db.fetch(
        f"""
        SELECT m.moved_at, m.from_advertiser, f.name AS from_name, m.to_advertiser, t.name AS to_name
        FROM {tenant.schema}.offer_move m LEFT JOIN {tenant.schema}.advertiser f ON f.id = m.from_advertiser
            LEFT JOIN {tenant.schema}.advertiser t ON t.id = m.to_advertiser
        WHERE m.offer = $1 ORDER BY m.id DESC
        """,
        offer_key,
    )
    return [PastMove(**row) for row in rows]


async def preview_offer_move(db: Connection, tenant: Tenant, offer: OfferSummary, target: UUID) -> OfferMove:
    """Raises OfferMoveError."""
    found = await db.fetchrow(f"SELECT name, currency FROM {tenant.schema}.advertiser WHERE id = $1", target)
    if found is None:
        raise OfferMoveError("Choose the advertiser to move the offer to.")
    if target == offer.owner:
        raise OfferMoveError(f"The offer belongs to {offer.owner_name} already.")
    rows = await db.fetch(
        f"""
        SELECT bucket AS month, sum(conversions)::bigint AS conversions, sum(clicks)::bigint AS clicks,
            sum(views)::bigint AS views, sum(cost) / 1000000 AS cost
        FROM {tenant.schema}.by_month WHERE offer = $1 GROUP BY bucket ORDER BY bucket DESC
        """,
        offer.key,
    )
    different = found["currency"] != offer.currency
    if different and await db.fetchval(f"SELECT {tenant.schema}.has_amounts($1)", offer.key):
        raise OfferMoveError(
            f"The amounts of this offer are in {offer.currency}, and {found['name']} is billed in {found['currency']}. "
            "Moving the offer would change the currency of past amounts."
        )
    return OfferMove(offer, target, found["name"], [MonthFigures(**row) for row in rows])


async def move_offer(tenant: Tenant, offer: UUID, owner: UUID, target: UUID) -> OfferMove:
    """Moves the offer from `owner`, as the current actor. Its version rises, so the ETags of both advertisers change.

    Raises OfferMoveError, also if the offer belongs to another advertiser by now.
    """
    async with transaction() as db:
        await db.execute(f"SELECT FROM {tenant.schema}.offer WHERE id = $1 FOR NO KEY UPDATE", offer)
        found = await find_offer(db, tenant, offer)
        if found is None or found.owner != owner:
            raise OfferMoveError("The offer has another advertiser since the preview. Check the new preview.")
        done = await preview_offer_move(db, tenant, found, target)
        await db.execute(f"UPDATE {tenant.schema}.offer SET advertiser = $2 WHERE id = $1", offer, target)
    return done
