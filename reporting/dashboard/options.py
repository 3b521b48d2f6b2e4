"""The options of filters, on dashboards and the pages behind them. Lists have at most MAX_OPTIONS: the tables of a
dashboard link to every other one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from database.pool import Connection, connection
from database.sql import SqlFile
from reporting.dashboard.choices import Choices
from reporting.dashboard.spend import SpendScope
from tenants.tenant import Tenant
from web.pages.formatting import OS_NAMES, os_name

SQL = Path(__file__).parent / "sql" / "options.sql"
OFFERS = SqlFile(SQL, "offers")
PARTNERS = SqlFile(SQL, "partners")
ALL_PARTNERS = SqlFile(SQL, "all_partners")
ADVERTISERS = SqlFile(SQL, "advertisers")
MAX_OPTIONS = 500
SHORT_ID = 8  # characters

Option = tuple[str, str]  # value and label


class FilterField(msgspec.Struct, frozen=True):
    """A select: `name` is that of the parameter, and `everything` the label of no filter."""

    name: str
    label: str
    everything: str
    options: Sequence[Option]
    chosen: str


async def read_filter_fields(scope: SpendScope, choices: Choices) -> list[FilterField]:
    """Those that have options. The staff's have offers and campaigns once an advertiser is chosen."""
    filters = choices.filters
    async with connection() as db:
        if isinstance(scope.advertiser, UUID):
            advertiser: str | None = str(scope.advertiser)
            partners = await fetch_options(
                db, scope.tenant, PARTNERS, advertiser=advertiser, chosen=filters.get("partner_id")
            )
            fields = []
        else:
            advertiser = filters.get("advertiser_id")
            partners = await fetch_options(db, scope.tenant, ALL_PARTNERS, chosen=filters.get("partner_id"))
            advertisers = await fetch_options(
                db, scope.tenant, ADVERTISERS, currency=scope.context.currency, chosen=filters.get("advertiser_id")
            )
            fields = [field("advertiser_id", "Advertiser", named(advertisers), choices)]
        offers = []
        if advertiser or "offer_id" in filters:
            offers = await fetch_options(
                db, scope.tenant, OFFERS, advertiser=advertiser, chosen=filters.get("offer_id")
            )
    campaigns = sorted({row["campaign"] for row in offers if row["campaign"]})
    systems = {row["os"] for row in offers if row["os"]} if isinstance(scope.advertiser, UUID) else set(OS_NAMES)
    fields += [
        field("offer_id", "Offer", named(offers), choices),
        field("partner_id", "Partner", named(partners), choices),
        field("os", "OS", [(each, os_name(each)) for each in OS_NAMES if each in systems], choices, "All systems"),
        field("campaign", "Campaign", [(each, each) for each in campaigns], choices),
    ]
    return [each for each in fields if each.options]


async def fetch_options(db: Connection, tenant: Tenant, statement: SqlFile, **parameters: str | None) -> list[Any]:
    """Rows with `id` and `name`, at most MAX_OPTIONS; of offers, with `os` and `campaign`."""
    query = statement.bind(tenant.schema, most=MAX_OPTIONS, **parameters)
    return list(await db.fetch(query.sql, *query.args))


def named(rows: Iterable[Any]) -> list[Option]:
    """With what tells apart records of the same name: OS, campaign and, if they are the same too, a short id."""
    options = [
        (str(row["id"]), " · ".join(filter(None, [row["name"], os_name(row.get("os")), row.get("campaign")])))
        for row in rows
    ]
    times = Counter(label for _, label in options)
    return [(id_, f"{label} · {id_[:SHORT_ID]}" if times[label] > 1 else label) for id_, label in options]


def field(
    name: str, label: str, options: Sequence[Option], choices: Choices, everything: str | None = None
) -> FilterField:
    """Has the chosen value, even if it is none of the options, to show that the figures are filtered."""
    chosen = choices.filters.get(name, "")
    if chosen and all(value != chosen for value, _ in options):
        options = [(chosen, f"Unknown {label.lower()} ({chosen})"), *options]
    return FilterField(name, label, everything or f"All {label.lower()}s", options, chosen)
