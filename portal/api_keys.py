"""GET and POST /keys…: advertiser users create, rotate and revoke their advertiser's API keys.

Every user may revoke every key, whatever its permissions: revoking grants nothing, and a leaked key cannot wait.
"""

from datetime import UTC, datetime
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.api_keys import service as api_keys
from auth.api_keys.listing import ApiKeyDetails, advertiser_api_keys, expiring_api_keys, find_api_key
from auth.api_keys.pages import (
    KeyForm,
    create_key,
    new_key_page,
    read_key_form,
    revoke_page,
    revoked_key,
    rotate_key,
    rotate_page,
)
from auth.api_keys.reminders import dismiss_reminder, key_reminder
from auth.api_keys.request_pages import request_log_page
from auth.scopes import ADVERTISER_SCOPES
from auth.users.guards import OF_ONE_USER, current_user, requires_login
from auth.users.users import User
from portal.advertiser_status import advertiser_of
from tenants.tenant import current_tenant
from web.pages.forms import read_form
from web.pages.rendering import PageLayout, Reminder, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

ROOT = "/keys"
DONE = {
    "revoked": "The API key was revoked and no longer works.",
    "revoked-all": "All API keys were revoked and no longer work.",
}


class AdvertiserApiKeyController(Controller):
    path = ROOT
    guards = [requires_login]

    @get()
    async def list_api_keys(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        user = current_user(request)
        keys = await advertiser_api_keys(current_tenant(), advertiser_of(user))
        return render_page(
            "portal/api_keys.html",
            layout,
            root=ROOT,
            active_keys=[key for key in keys if key.works],
            inactive_keys=[key for key in keys if not key.works],
            rotatable=user.scopes,
            done=DONE.get(request.query_params.get("done", "")),
            revoked=await revoked_key(request, owner=advertiser_of(user)),
        )

    @get("/requests")
    async def requests(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return await request_log_page(request, layout, "portal/requests.html", advertiser_of(current_user(request)))

    @get("/new", opt=OF_ONE_USER)
    async def new(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """`?scope=` preselects a permission."""
        offered = scopes_of(current_user(request))
        chosen = offered if len(offered) == 1 else [request.query_params.get("scope", "")]
        return new_key_page(request, layout, ROOT, KeyForm(scopes=chosen), offered)

    @post("/new")
    async def create(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        user = current_user(request)
        offered = scopes_of(user)
        form = read_key_form(await read_form(request), offered, datetime.now(UTC))
        created = await create_key(request, layout, ROOT, form, advertiser_of(user))
        return created or new_key_page(request, layout, ROOT, form, offered)

    @post("/revoke-all")
    async def revoke_all(self, request: AnyRequest) -> Response[Any]:
        await api_keys.revoke_api_keys(owner=advertiser_of(current_user(request)))
        return redirect(request, f"{ROOT}?done=revoked-all")

    @post("/dismiss-reminder")
    async def dismiss_reminder(self, request: AnyRequest) -> Response[Any]:
        keys = await expiring_api_keys(current_tenant(), advertiser_of(current_user(request)))
        return await dismiss_reminder(request, keys, ROOT)

    @get("/{key_id:int}/rotate", opt=OF_ONE_USER)
    async def rotate_form(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], key_id: FromPath[int]
    ) -> Response[Any]:
        user = current_user(request)
        return rotate_page(layout, ROOT, await own_key_or_404(user, key_id), within=user.scopes)

    @post("/{key_id:int}/rotate")
    async def rotate(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], key_id: FromPath[int]
    ) -> Response[Any]:
        user = current_user(request)
        key = await own_key_or_404(user, key_id)
        return await rotate_key(request, layout, ROOT, key, owner=user.advertiser, within=user.scopes)

    @get("/{key_id:int}/revoke", opt=OF_ONE_USER)
    async def revoke_form(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], key_id: FromPath[int]
    ) -> Response[Any]:
        return revoke_page(layout, ROOT, await own_key_or_404(current_user(request), key_id))

    @post("/{key_id:int}/revoke")
    async def revoke(self, request: AnyRequest, key_id: FromPath[int]) -> Response[Any]:
        user = current_user(request)
        key = await own_key_or_404(user, key_id)
        await api_keys.revoke_api_key(key.id, owner=user.advertiser)
        return redirect(request, f"{ROOT}?done=revoked&key={key.id}")


def scopes_of(user: User) -> list[str]:
    """The scopes that the user may grant to keys, in the order of the form."""
    return [scope for scope in ADVERTISER_SCOPES if scope in user.scopes]


async def own_key_or_404(user: User, key: int) -> ApiKeyDetails:
    """Raises Problem 404, also for a key of another advertiser."""
    found = await find_api_key(current_tenant(), key, owner=advertiser_of(user))
    if found is None:
        raise Problem(404, "API key not found.")
    return found


async def reminder(request: AnyRequest) -> Reminder | None:
    """Shown on every page: keys that expire soon, or that were rotated and are still used."""
    user = current_user(request)
    keys = await expiring_api_keys(current_tenant(), advertiser_of(user))
    may_rotate = bool(keys) and keys[0].can_rotate and set(keys[0].scopes) <= user.scopes
    return key_reminder(request, keys, ROOT, may_rotate=may_rotate)
