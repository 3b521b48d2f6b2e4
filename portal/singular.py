"""The Singular page: setup status, connection values, offers with missing data, and Singular's requests."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from auth.api_keys.listing import ApiKeyDetails, advertiser_api_keys
from auth.users.guards import current_user, requires_login, requires_scope
from database.pool import connection
from portal.advertiser_status import AdvertiserStatus, request_singular
from portal.layout import forbidden_page
from reporting.changes.status import read_status
from settings import settings
from singular.descriptions import describe_request, missing_data_as_text
from singular.request_log import IS_SINGULARS, recent_singular_requests
from singular.requirements import flawed_offers
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
SILENCE = timedelta(days=2)  # Singular sends requests twice a day

DONE = {"requested": "Your request was sent to the staff. This page shows when Singular is enabled."}

# Column of the report, field in Singular, description.
MAPPING = [
    ("date", "Date", "The day, in UTC"),
    ("campaign_id", "Campaign ID", "The offer's ID"),
    ("offer_name", "Campaign name", "The offer's name, as users see it"),
    ("os", "OS", "IOS, ANDROID or WEB"),
    ("partner_id", "Publisher site", "The partner who showed the offer"),
    ("store_id", "Store ID", "The app's package name or App Store number"),
    ("clicks", "Clicks", "Number of clicks on the offer"),
    ("cost", "Original cost", "The cost of the day's successful conversions"),
]


class SingularPageController(Controller):
    path = ROOT
    guards = [requires_login]

    @get()
    async def singular(
        self,
        request: AnyRequest,
        layout: NamedDependency[PageLayout],
        advertiser: NamedDependency[AdvertiserStatus],
    ) -> Response[Any]:
        forbidden = forbidden_page(request, layout)
        if forbidden:
            return forbidden
        tenant = current_tenant()
        before = read_page_id(request.query_params.get("before", ""))
        requests = await recent_singular_requests(tenant, advertiser.id, PAGE + 1, before)
        keys = [key for key in await advertiser_api_keys(tenant, advertiser.id) if key.works and SCOPE in key.scopes]
        last = await last_success(tenant, advertiser.id)
        flawed = await flawed_offers(tenant, advertiser.id)
        done = DONE.get(request.query_params.get("done", ""))
        return render_page(
            "portal/singular.html",
            layout,
            notice=Notice("success", done) if done else None,
            advertiser=advertiser,
            offers=await count_offers(tenant, advertiser.id),
            flawed=flawed,
            flawed_text=missing_data_as_text(flawed),
            keys=keys,
            last=last,
            quiet=last is not None and datetime.now(UTC) - last > SILENCE,
            used_at=last_key_use(keys),
            endpoint=api_origin(request) + ENDPOINT,
            api=api_origin(request),
            mapping=MAPPING,
            lookback=(await read_status(tenant, advertiser.id))[0].recommended_lookback_days,
            requests=[describe_request(each) for each in requests[:PAGE]],
            log_days=settings.request_retention_days,
            newest=before is None,
            older=requests[PAGE - 1].id if len(requests) > PAGE else None,
        )

    @post("/request", guards=[requires_scope(SCOPE)])
    async def request_access(self, request: AnyRequest) -> Response[Any]:
        await request_singular(current_tenant(), current_user(request))
        return redirect(request, f"{ROOT}?done=requested")


def read_page_id(text: str) -> int | None:
    """The last request on the previous page; None, for the first page, if it is invalid."""
    return parse_number(text, LARGEST_ID)


def last_key_use(keys: list[ApiKeyDetails]) -> datetime | None:
    return max((key.last_used_at for key in keys if key.last_used_at), default=None)


async def last_success(tenant: Tenant, advertiser: UUID) -> datetime | None:
    """The time of the last request with status 200 or 304."""
    async with connection() as db:
        at: datetime | None = await db.fetchval(
            f"""
            SELECT max(at) FROM {tenant.schema}.request_log
            WHERE advertiser = $1 AND {IS_SINGULARS} AND status IN (200, 304)
            """,
            advertiser,
        )
    return at


async def count_offers(tenant: Tenant, advertiser: UUID) -> int:
    async with connection() as db:
        number: int = await db.fetchval(f"SELECT count(*) FROM {tenant.schema}.offer WHERE advertiser = $1", advertiser)
    return number
