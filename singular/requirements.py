"""What Singular would refuse, or count for nobody, of what an advertiser's offers say of themselves."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from database.pool import connection
from settings import settings
from tenants.tenant import Tenant

RECENT = timedelta(days=90)
APP_STORE_ID = re.compile(r"[0-9]{1,20}")
PACKAGE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+")
# The same as `flaws_of`, in SQL: {o} is the table of offers.
FLAWED = r"""
    coalesce({o}.os, '') = '' OR coalesce(btrim({o}.campaign_name), '') = ''
    OR coalesce(btrim({o}.store_id), '') = '' AND {o}.os <> 'WEB'
    OR {o}.os = 'IOS' AND (btrim({o}.store_id) !~ '^[0-9]+$' OR length(btrim({o}.store_id)) > 20)
    OR {o}.os = 'ANDROID' AND btrim({o}.store_id) !~ '^[A-Za-z][A-Za-z0-9_]*([.][A-Za-z][A-Za-z0-9_]*)+$'
"""


class Flaw(msgspec.Struct, frozen=True):
    """`field` is named as Singular's report has it (store_id, os, campaign_name); `message` says what is wrong."""

    field: str
    message: str


class FlawedOffer(msgspec.Struct, frozen=True):
    """`recent`: it had figures in the last 90 days, so that Singular is being told of it."""

    id: UUID
    name: str
    os: str | None
    store_id: str | None
    campaign_name: str | None
    recent: bool
    flaws: list[Flaw]


async def flawed_offers(tenant: Tenant, advertiser: UUID) -> list[FlawedOffer]:
    """The advertiser's offers with anything missing or plainly wrong; none, if all is well. Those with figures in the
    last 90 days come first, then by name. Raises DatabaseUnavailable.
    """
    async with connection() as db:
        rows = await db.fetch(
            f"""
            SELECT id, name, os, store_id, campaign_name, EXISTS (
                SELECT FROM {tenant.schema}.by_day WHERE offer = key AND bucket >= $2
                    AND (conversions <> 0 OR clicks <> 0 OR views <> 0 OR cost <> 0)
            ) AS recent
            FROM {tenant.schema}.offer WHERE advertiser = $1
            ORDER BY recent DESC, name COLLATE "C", id
            """,
            advertiser,
            (datetime.now(UTC) - RECENT).date(),
            timeout=settings.report_timeout,
        )
    offers = [FlawedOffer(**row, flaws=flaws_of(row["os"], row["store_id"], row["campaign_name"])) for row in rows]
    return [offer for offer in offers if offer.flaws]


def flaws_of(os: str | None, store_id: str | None, campaign_name: str | None) -> list[Flaw]:
    """Of one offer; blanks are as good as nothing."""
    flaws = []
    if not os:
        flaws.append(Flaw("os", "is missing: IOS, ANDROID or WEB"))
    store = (store_id or "").strip()
    if not store and os != "WEB":
        flaws.append(Flaw("store_id", "is missing; only an offer on the web goes without"))
    elif os == "IOS" and not APP_STORE_ID.fullmatch(store):
        flaws.append(Flaw("store_id", f"is {store!r}; an iOS app's is its App Store number, such as 1463728190"))
    elif os == "ANDROID" and not PACKAGE_NAME.fullmatch(store):
        flaws.append(Flaw("store_id", f"is {store!r}; an Android app's is its package name, such as com.test"))
    if not (campaign_name or "").strip():
        flaws.append(Flaw("campaign_name", "is missing: the advertiser's own name for the offer"))
    return flaws
