"""The Singular page: what is done and what is still to do, the values to enter there, and what Singular has pulled."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from auth.api_keys.listing import ApiKeyDetails, advertiser_api_keys
from auth.users.guards import current_user, requires_login, requires_scope
from database.pool import connection
from portal.advertiser_status import advertiser_of, read_advertiser_status, request_singular
from portal.formatting import span
from portal.layout import forbidden_page
from reporting.dashboard.formats import format_count
from singular.request_log import CLIENT_GONE, SingularRequest, recent_singular_requests
from singular.requirements import FlawedOffer, flawed_offers
from tenants.tenant import Tenant, current_tenant
from web.pages.forms import parse_number
from web.pages.origins import api_origin
from web.pages.rendering import Notice, PageLayout, render_page
from web.pages.responses import redirect
from web.requests import AnyRequest

ROOT = "/singular"
SCOPE = "singular"
ENDPOINT = "/api/v1/integrations/cost-report/singular"
PAGE = 25
LARGEST_ID = 2**63 - 1
QUIET = timedelta(days=2)  # Singular pulls twice a day

DONE = {"requested": "The staff have been told. You see here when Singular is enabled."}

# What Singular calls each field of the report, and what it is.
MAPPING = [
    ("date", "Date", "The UTC day"),
    ("campaign_id", "Campaign ID", "The offer"),
    ("offer_name", "Campaign name", "The offer's name as users see it"),
    ("os", "OS", "IOS, ANDROID or WEB"),
    ("partner_id", "Publisher site", "The publisher who showed the offer"),
    ("store_id", "Store ID", "The app's package name or App Store number"),
    ("clicks", "Clicks", "Times somebody was sent on to you"),
    ("cost", "Original cost", "What you owe for the day's successful conversions"),
]

MEANINGS = {
    200: ("success", "Figures sent"),
    304: ("success", "Nothing had changed since the pull before"),
    400: ("danger", "The range asked for made no sense"),
    403: (
        "danger",
        "Refused: Singular was not enabled, the account was paused, or the key may not do this, or not from there",
    ),
    415: ("danger", "The request was of a form that is not understood"),
    429: ("warning", "Too many requests at once; Singular tries again by itself"),
    CLIENT_GONE: ("warning", "Singular hung up before everything was sent"),
    503: ("warning", "We could not answer just then; Singular tries again by itself"),
}


class Shown(msgspec.Struct, frozen=True):
    """A pull in words."""

    pull: SingularRequest
    days: str
    rows: str
    kind: str
    meaning: str


class SingularController(Controller):
    path = ROOT
    guards = [requires_login]

    @get()
    async def singular(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        refused = forbidden_page(request, layout)
        if refused:
            return refused
        tenant, advertiser = current_tenant(), advertiser_of(request)
        before = page_of(request.query_params.get("before", ""))
        pulls = await recent_singular_requests(tenant, advertiser, PAGE + 1, before)
        keys = [key for key in await advertiser_api_keys(tenant, advertiser) if key.works and SCOPE in key.scopes]
        last = await last_success(tenant, advertiser)
        flawed = await flawed_offers(tenant, advertiser)
        done = DONE.get(request.query_params.get("done", ""))
        return render_page(
            "portal/singular.html",
            layout,
            notice=Notice("success", done) if done else None,
            standing=await read_advertiser_status(tenant, advertiser),
            offers=await count_offers(tenant, advertiser),
            flawed=flawed,
            flawed_text=in_text(flawed),
            keys=keys,
            last=last,
            quiet=last is not None and datetime.now(UTC) - last > QUIET,
            used_at=last_use(keys),
            endpoint=api_origin(request) + ENDPOINT,
            api=api_origin(request),
            mapping=MAPPING,
            pulls=[shown(pull) for pull in pulls[:PAGE]],
            newest=before is None,
            older=pulls[PAGE - 1].id if len(pulls) > PAGE else None,
        )

    @post("/request", guards=[requires_scope(SCOPE)])
    async def ask(self, request: AnyRequest) -> Response[Any]:
        await request_singular(current_tenant(), current_user(request))
        return redirect(request, f"{ROOT}?done=requested")


def page_of(text: str) -> int | None:
    """The last entry shown on the page before; None for what is no number, which shows the first page."""
    return parse_number(text, LARGEST_ID)


def last_use(keys: list[ApiKeyDetails]) -> datetime | None:
    return max((key.last_used_at for key in keys if key.last_used_at), default=None)


def shown(pull: SingularRequest) -> Shown:
    kind, meaning = MEANINGS.get(pull.status, ("danger", "Something went wrong on our side"))
    if pull.status == 200 and pull.rows == 0:
        meaning = "No cost and no clicks on these days"
    first, last = pull.first_day, pull.last_day
    days = span(first, last) if first and last else "\u2013"
    return Shown(pull, days, format_count(pull.rows) if pull.rows is not None else "\u2013", kind, meaning)


def in_text(offers: list[FlawedOffer]) -> str:
    """To be sent to whoever can mend it."""
    return "\n".join(
        f"{offer.name} ({offer.id})\n" + "\n".join(f"  {flaw.field} {flaw.message}" for flaw in offer.flaws)
        for offer in offers
    )


async def last_success(tenant: Tenant, advertiser: UUID) -> datetime | None:
    """When Singular last got what it had asked for."""
    async with connection() as db:
        at: datetime | None = await db.fetchval(
            f"SELECT max(at) FROM {tenant.schema}.singular_pull WHERE advertiser = $1 AND status IN (200, 304)",
            advertiser,
        )
    return at


async def count_offers(tenant: Tenant, advertiser: UUID) -> int:
    async with connection() as db:
        number: int = await db.fetchval(f"SELECT count(*) FROM {tenant.schema}.offer WHERE advertiser = $1", advertiser)
    return number
