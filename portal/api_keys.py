"""GET and POST /keys…: an advertiser's people make, rotate and revoke its keys.

Revoking is open to all of them, whatever the key may do: it gives nobody more, and a key that has leaked cannot wait.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.api_keys import service as api_keys
from auth.api_keys.listing import ApiKeyDetails, advertiser_api_keys, expiring_api_keys, find_api_key
from auth.api_keys.pages import (
    KeyForm,
    expiry_notice,
    make_key,
    new_page,
    read_key_form,
    revoke_page,
    rotate_key,
    rotate_page,
)
from auth.users.guards import current_user, requires_login
from auth.users.users import User
from tenants.tenant import current_tenant
from web.pages.forms import read_form
from web.pages.rendering import Notice, PageLayout, format_instant, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

ROOT = "/keys"
DONE = {"revoked": "The key is revoked and does not work any longer."}
MOST_NOTICES = 2


class KeyController(Controller):
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
            working=[key for key in keys if key.works],
            past=[key for key in keys if not key.works],
            mine=user.scopes,
            done=DONE.get(request.query_params.get("done", "")),
        )

    @get("/new")
    async def new(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """`?scope=` has that one ticked."""
        offered = scopes_of(current_user(request))
        chosen = offered if len(offered) == 1 else [request.query_params.get("scope", "")]
        return new_page(request, layout, ROOT, KeyForm(scopes=chosen), offered)

    @post("/new")
    async def make(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        user = current_user(request)
        offered = scopes_of(user)
        form = read_key_form(await read_form(request), offered, datetime.now(UTC))
        made = await make_key(request, layout, ROOT, form, advertiser_of(user))
        return made or new_page(request, layout, ROOT, form, offered)

    @get("/{key_id:int}/rotate")
    async def rotate_form(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], key_id: FromPath[int]
    ) -> Response[Any]:
        user = current_user(request)
        return rotate_page(layout, ROOT, await own_key(user, key_id), within=user.scopes)

    @post("/{key_id:int}/rotate")
    async def rotate(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], key_id: FromPath[int]
    ) -> Response[Any]:
        user = current_user(request)
        key = await own_key(user, key_id)
        return await rotate_key(request, layout, ROOT, key, owner=user.advertiser, within=user.scopes)

    @get("/{key_id:int}/revoke")
    async def revoke_form(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], key_id: FromPath[int]
    ) -> Response[Any]:
        return revoke_page(layout, ROOT, await own_key(current_user(request), key_id))

    @post("/{key_id:int}/revoke")
    async def revoke(self, request: AnyRequest, key_id: FromPath[int]) -> Response[Any]:
        user = current_user(request)
        key = await own_key(user, key_id)
        await api_keys.revoke_api_key(key.id, owner=user.advertiser)
        return redirect(request, f"{ROOT}?done=revoked")


def advertiser_of(user: User) -> UUID:
    assert user.advertiser is not None, "an advertiser's people have one"
    return user.advertiser


def scopes_of(user: User) -> list[str]:
    """What the user's keys can have, in the order to show."""
    return [scope for scope in api_keys.ADVERTISER_SCOPES if scope in user.scopes]


async def own_key(user: User, key: int) -> ApiKeyDetails:
    """Raises Problem 404, for another advertiser's key too."""
    found = await find_api_key(current_tenant(), key, owner=advertiser_of(user))
    if found is None:
        raise Problem(404, "There is no such key.")
    return found


async def expiry_notices(user: User) -> list[Notice]:
    """For every page: which keys stop soon, or have been replaced and are still used."""
    keys = await expiring_api_keys(current_tenant(), advertiser_of(user))
    if len(keys) > MOST_NOTICES:
        text = f"{len(keys)} API keys stop working soon, the first on {format_instant(keys[0].expires_at)}."
        return [Notice("warning", text, ROOT, "See them")]
    return [expiry_notice(key, ROOT, key.can_rotate and set(key.scopes) <= user.scopes) for key in keys]
