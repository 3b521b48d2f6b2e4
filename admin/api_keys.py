"""/staff/keys…: the API keys of all advertisers, and the tenant's ingest keys."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from admin.catalogue import back_to_advertiser
from admin.ingest_key import POLLS, latest_batches, sample_calls
from auth.api_keys import service as api_keys
from auth.api_keys.listing import (
    API_KEY_STATUSES,
    LARGEST_ID,
    PAGE,
    ApiKeyDetails,
    ApiKeyStatus,
    expiring_api_keys,
    find_api_key,
    list_api_keys,
)
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
from auth.scopes import ADVERTISER_SCOPES, INGEST
from auth.users.guards import current_user, requires_login, requires_role
from catalog.advertiser_choice import AdvertiserChoice, advertiser_choice, find_chosen_advertiser
from catalog.service import advertiser_names
from core.errors import GokartError
from tenants.tenant import current_tenant
from web.pages.forms import parse_number, read_form
from web.pages.rendering import PageLayout, Reminder, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

ROOT = "/staff/keys"
ALL = "all"  # keys of every advertiser, and ingest keys
DONE = {
    "revoked": "The API key is revoked and no longer works.",
    "revoked-all": "The API keys are revoked and no longer work.",
}


class StaffKeyController(Controller):
    path = "/keys"
    guards = [requires_login]

    @get()
    async def list_all(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """Ignores filters with unknown values."""
        query = request.query_params
        tenant = current_tenant()
        owner, state, before = query.get("advertiser", ""), query.get("state", ""), query.get("before", "")
        advertiser = None
        with suppress(GokartError):
            advertiser = await find_chosen_advertiser(tenant, owner) if owner not in ("", INGEST) else None
        own = (INGEST, f"{tenant.name} (ingest keys)")
        choice = await advertiser_choice(tenant, str(advertiser or ""))
        choice = AdvertiserChoice(
            [own, *choice.options], INGEST if owner == INGEST else choice.value, choice.searchable
        )
        names = await advertiser_names(tenant, [advertiser] if advertiser else [])
        keys = await list_api_keys(
            tenant,
            advertiser=advertiser,
            ingest=owner == INGEST,
            state=cast(ApiKeyStatus, state) if state in API_KEY_STATUSES else None,
            before=parse_number(before, LARGEST_ID),
        )
        older = {"advertiser": owner, "state": state, "before": keys[-1].id} if len(keys) == PAGE else None
        return render_page(
            "admin/api_keys.html",
            layout,
            root=ROOT,
            keys=keys,
            choice=choice,
            owner=str(advertiser) if advertiser else INGEST if owner == INGEST else ALL,
            owner_name=names[advertiser] if advertiser else own[1] if owner == INGEST else "",
            states=[("", "All"), *API_KEY_STATUSES.items()],
            state=state,
            filtered=bool(owner or state or before),
            newest=f"{ROOT}?{urlencode({'advertiser': owner, 'state': state})}" if before else None,
            older=f"{ROOT}?{urlencode(older)}" if older else None,
            done=DONE.get(query.get("done", "")),
            revoked=await revoked_key(request),
        )

    @get("/new", guards=[requires_role("manager")])
    async def new(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        form = KeyForm(scopes=[request.query_params.get("scope", "")])
        return await new_advertiser_key_page(request, layout, form, request.query_params.get("advertiser", ""))

    @post("/new", guards=[requires_role("manager")])
    async def create(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        sent = await read_form(request)
        form = read_key_form(sent, ADVERTISER_SCOPES, datetime.now(UTC))
        form_owner: UUID | None = None
        try:
            form_owner = await find_chosen_advertiser(current_tenant(), sent["advertiser"])
        except GokartError as error:
            form.add_error(error)
        created = await create_key(request, layout, ROOT, form, form_owner, back=back_to_advertiser(request))
        return created or await new_advertiser_key_page(request, layout, form, sent["advertiser"])

    @get("/new-ingest", guards=[requires_role("manager")])
    async def new_ingest(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return new_ingest_key_page(request, layout, KeyForm())

    @post("/new-ingest", guards=[requires_role("manager")])
    async def create_ingest(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        form = read_key_form(await read_form(request), [INGEST], datetime.now(UTC), scopes=[INGEST])
        shown = await ingest_key_context()
        created = await create_key(request, layout, ROOT, form, None, back=back_to_advertiser(request), **shown)
        return created or new_ingest_key_page(request, layout, form)

    @post("/revoke-all", guards=[requires_role("manager")])
    async def revoke_all(self, request: AnyRequest) -> Response[Any]:
        """`advertiser` is an id, `ingest`, or `all`."""
        owner = (await read_form(request))["advertiser"]
        if owner in {INGEST, ALL}:
            await api_keys.revoke_api_keys(ingest=owner == INGEST)
            return redirect(request, f"{ROOT}?done=revoked-all")
        try:
            await api_keys.revoke_api_keys(owner=await find_chosen_advertiser(current_tenant(), owner))
        except GokartError as error:
            raise Problem(400, "Choose whose API keys to revoke.", title="Bad Request") from error
        return redirect(request, f"{ROOT}?done=revoked-all")

    @post("/dismiss-reminder")
    async def dismiss_reminder(self, request: AnyRequest) -> Response[Any]:
        return await dismiss_reminder(request, await expiring_ingest_keys(), ROOT)

    @get("/{key_id:int}/rotate", guards=[requires_role("manager")])
    async def rotate_form(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], key_id: FromPath[int]
    ) -> Response[Any]:
        return rotate_page(layout, ROOT, await key_or_404(key_id))

    @post("/{key_id:int}/rotate", guards=[requires_role("manager")])
    async def rotate(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], key_id: FromPath[int]
    ) -> Response[Any]:
        key = await key_or_404(key_id)
        shown = {} if key.advertiser else await ingest_key_context()
        return await rotate_key(request, layout, ROOT, key, **shown)

    @get("/{key_id:int}/first-record")
    async def first_record(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], key_id: FromPath[int]
    ) -> Response[Any]:
        """What arrived with an ingest key. The page that shows a new key polls it, at most `polls` more times."""
        key = await key_or_404(key_id)
        if key.advertiser:
            raise Problem(404, "API key not found.")
        return render_page(
            "admin/first_record.html",
            layout,
            root=ROOT,
            key=key,
            batches=await latest_batches(current_tenant(), key.id),
            polls=parse_number(request.query_params.get("polls", str(POLLS)), POLLS) or 0,
        )

    @get("/{key_id:int}/revoke", guards=[requires_role("manager")])
    async def revoke_form(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], key_id: FromPath[int]
    ) -> Response[Any]:
        return revoke_page(layout, ROOT, await key_or_404(key_id))

    @post("/{key_id:int}/revoke", guards=[requires_role("manager")])
    async def revoke(self, request: AnyRequest, key_id: FromPath[int]) -> Response[Any]:
        await api_keys.revoke_api_key((await key_or_404(key_id)).id)
        return redirect(request, f"{ROOT}?done=revoked&key={key_id}")


async def ingest_key_context() -> dict[str, Any]:
    """For the page that shows a new ingest key."""
    samples = await sample_calls(current_tenant())
    return {"template": "admin/ingest_key_shown.html", "samples": samples, "polls": POLLS}


async def key_or_404(key: int) -> ApiKeyDetails:
    """Raises Problem 404."""
    found = await find_api_key(current_tenant(), key)
    if found is None:
        raise Problem(404, "API key not found.")
    return found


async def new_advertiser_key_page(request: AnyRequest, layout: PageLayout, form: KeyForm, owner: str) -> Response[Any]:
    return new_key_page(
        request,
        layout,
        ROOT,
        form,
        ADVERTISER_SCOPES,
        template="admin/api_keys_new.html",
        choice=await advertiser_choice(current_tenant(), owner),
        back=back_to_advertiser(request),
    )


def new_ingest_key_page(request: AnyRequest, layout: PageLayout, form: KeyForm) -> Response[Any]:
    template = "admin/api_keys_ingest.html"
    return new_key_page(request, layout, ROOT, form, [INGEST], template=template, back=back_to_advertiser(request))


async def expiring_ingest_keys() -> list[ApiKeyDetails]:
    return [key for key in await expiring_api_keys(current_tenant()) if key.advertiser is None]


async def ingest_key_reminder(request: AnyRequest) -> Reminder | None:
    """Shown on every staff page, because ingest stops when an ingest key expires. Advertisers manage their own keys."""
    keys = await expiring_ingest_keys()
    may_rotate = bool(keys) and keys[0].can_rotate and current_user(request).is_at_least("manager")
    return key_reminder(request, keys, ROOT, may_rotate=may_rotate)
