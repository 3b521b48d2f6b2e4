"""The names of the offers and partners that a page shows, and the options of its filters."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import msgspec

from database.pool import Connection
from database.sql import SqlFile
from reporting.dashboard.options import OFFERS, PARTNERS, SHORT_ID, Option, fetch_options, named
from tenants.tenant import Tenant
from web.pages.formatting import os_name

SQL = Path(__file__).parent / "sql" / "names.sql"
OFFER_NAMES = SqlFile(SQL, "offers")
PARTNER_NAMES = SqlFile(SQL, "partners")


class OfferAndPartnerNames(msgspec.Struct, frozen=True):
    """By id. `offer_notes` tell apart offers of the same name."""

    offers: Mapping[str, str]
    partners: Mapping[str, str]
    offer_notes: Mapping[str, str]

    def offer(self, id_: object) -> str:
        return self.offers.get(str(id_), f"Offer {str(id_)[:SHORT_ID]}")

    def offer_note(self, id_: object) -> str:
        """OS, campaign, and the beginning of the id if that is not enough."""
        return self.offer_notes.get(str(id_), "")

    def partner(self, id_: object) -> str:
        return self.partners.get(str(id_), f"Partner {str(id_)[:SHORT_ID]}")


async def read_names(
    db: Connection, tenant: Tenant, advertiser: UUID, offers: Iterable[object], partners: Iterable[object]
) -> OfferAndPartnerNames:
    """Of these ids. Offers of other advertisers have no name."""
    wanted_offers, wanted_partners = list(set(offers)), list(set(partners))
    of_offers = OFFER_NAMES.bind(tenant.schema, advertiser=advertiser, offers=wanted_offers)
    of_partners = PARTNER_NAMES.bind(tenant.schema, partners=wanted_partners)
    offer_rows = await db.fetch(of_offers.sql, *of_offers.args) if wanted_offers else []
    partner_rows = await db.fetch(of_partners.sql, *of_partners.args) if wanted_partners else []
    notes = {
        str(row["id"]): " · ".join(
            filter(None, [os_name(row["os"]), row["campaign"], str(row["id"])[:SHORT_ID] if row["shared"] else ""])
        )
        for row in offer_rows
    }
    offer_names, partner_names = ({str(row["id"]): row["name"] for row in rows} for rows in (offer_rows, partner_rows))
    return OfferAndPartnerNames(offer_names, partner_names, notes)


async def read_filter_options(
    db: Connection, tenant: Tenant, advertiser: UUID, given: Mapping[str, str]
) -> dict[str, list[Option]]:
    """By filter, as on the dashboard. `given` are the page's filters."""
    found = {}
    for noun, statement in (("offer", OFFERS), ("partner", PARTNERS)):
        chosen = given.get(f"{noun}_id", "")
        rows = await fetch_options(db, tenant, statement, advertiser=str(advertiser), chosen=only_id(chosen))
        found[f"{noun}_id"] = options_of(named(rows), noun, chosen)
    return found


def only_id(given: str) -> str | None:
    """None for several ids, and for what is none."""
    with suppress(ValueError):
        return str(UUID(given))
    return None


def options_of(listed: Sequence[Option], noun: str, given: str) -> list[Option]:
    """With `given`, also if it is several ids, or one that is unknown."""
    known = not given or any(value == given for value, _ in listed)
    chosen = [] if known else [(given, describe_ids(given, noun))]
    return [("", f"All {noun}s"), *chosen, *listed]


def describe_ids(given: str, noun: str) -> str:
    count = given.count(",") + 1
    return f"{count} {noun}s" if count > 1 else f"Unknown {noun} ({given[:36]})"
