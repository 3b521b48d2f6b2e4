"""/staff/offers…: the offers of all advertisers. An offer moves to another advertiser after a preview of the amounts
that move with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from asyncpg import Record
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from admin.catalogue import CatalogueController, RecordForm, back_to_advertiser, linking_advertiser, parse_uuid
from admin.catalogue_lists import OFFER_LIST_MISSING, CatalogueList, ListFilter
from admin.recent_spend import recent_spend
from auth.users.guards import requires_role
from catalog.advertiser_choice import advertiser_choice, find_chosen_advertiser, id_at_end
from catalog.fields import OFFERS
from catalog.offer_moves import OfferMoveError, find_offer, move_offer, offer_moves, preview_offer_move
from core.errors import GokartError
from database.pool import connection
from singular.requirements import flaws_of
from tenants.tenant import Tenant, current_tenant
from web.pages.forms import Form, read_form, split_field_error
from web.pages.lists import Sort
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

ROOT = OFFERS.root


class OffersController(CatalogueController):
    path = "/offers"
    kind = OFFERS
    sorts = {
        "name": Sort("lower(t.name)"),
        "advertiser": Sort("lower(a.name)"),
        "campaign": Sort("lower(coalesce(t.campaign_name, ''))"),
        "created": Sort("t.created_at", "timestamptz", descending=True),
    }
    groups = [("Offer", ["name", "campaign_name"]), ("App", ["app_name", "store_id", "os"])]
    catalogue_list = CatalogueList(
        OFFERS,
        """t.id, t.name, t.campaign_name, t.app_name, t.store_id, t.os, t.status, t.created_at,
            a.id AS advertiser, a.name AS advertiser_name""",
        "JOIN {s}.advertiser a ON a.id = t.advertiser",
        missing=OFFER_LIST_MISSING,
        by_advertiser=True,
        by_os=True,
    )
    export_columns = {
        "id": "t.id",
        "advertiser_id": "a.id",
        "advertiser_name": "a.name",
        **{field.name: f"t.{field.name}" for field in OFFERS.fields},
        "status": "t.status",
        "created_at": "t.created_at",
    }

    async def new_form(self, request: AnyRequest, form: Form | None) -> RecordForm:
        found = await super().new_form(request, form)
        given = form["advertiser"] if form else request.query_params.get("advertiser", "")
        found.choice = await advertiser_choice(current_tenant(), given)
        return found

    async def read_keys(self, form: Form, errors: dict[str, str]) -> dict[str, UUID]:
        try:
            return {"advertiser": await find_chosen_advertiser(current_tenant(), form["advertiser"])}
        except GokartError as error:
            field, text = split_field_error(error)
            errors[field] = text
            return {}

    def after_creation(self, request: AnyRequest, id_: UUID, form: Form) -> str:
        """Another new form, or else the advertiser's page if it linked to the form."""
        if form["another"]:
            advertiser = linking_advertiser(request) or id_at_end(form["advertiser"]) or ""
            return f"{ROOT}/new?advertiser={advertiser}&done=created"
        back = back_to_advertiser(request)
        return f"{back[0]}?done=offer" if back else super().after_creation(request, id_, form)

    def back_of(self, request: AnyRequest, row: Record | None) -> tuple[str, str]:
        return back_to_advertiser(request) or super().back_of(request, row)

    async def list_filters(self, tenant: Tenant, filters: Mapping[str, str]) -> Sequence[ListFilter]:
        found = list(await super().list_filters(tenant, filters))
        choice = await advertiser_choice(tenant, filters.get("advertiser", ""))
        return [ListFilter("advertiser", "Advertiser", [], choice), *found]

    async def record_page(self, request: AnyRequest, layout: PageLayout, row: Record, **context: Any) -> Response[Any]:
        tenant = current_tenant()
        async with connection() as db:
            moves = await offer_moves(db, tenant, row["key"])
            has_figures = await db.fetchval(f"SELECT {tenant.schema}.has_amounts($1)", row["key"])
        if request.query_params.get("done") == "moved":
            context["done"] = f"{row['name']} belongs to {row['owner_name']} now, with its past figures."
        return render_page(
            "admin/offer.html",
            layout,
            row=row,
            spend=await recent_spend(tenant, row["owner_currency"], offer_id=str(row["id"])),
            flaws=flaws_of(row["os"], row["store_id"], row["campaign_name"]),
            moves=moves,
            removable=not has_figures,
            **context,
        )

    @get("/{row_id:uuid}/move", guards=[requires_role("manager")])
    async def move_form(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], row_id: FromPath[UUID]
    ) -> Response[Any]:
        return await move_page(layout, row_id, request.query_params.get("to", ""))

    @post("/{row_id:uuid}/move", guards=[requires_role("manager")])
    async def move(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], row_id: FromPath[UUID]
    ) -> Response[Any]:
        form = await read_form(request)
        owner, target = parse_uuid(form["owner"]), parse_uuid(form["to"])
        if owner is None or target is None:
            return await move_page(layout, row_id, "", "Choose the advertiser to move the offer to.", status=400)
        try:
            await move_offer(current_tenant(), row_id, owner, target)
        except OfferMoveError as error:
            return await move_page(layout, row_id, form["to"], str(error), status=409)
        return redirect(request, f"{ROOT}/{row_id}?done=moved")


async def move_page(layout: PageLayout, id_: UUID, to: str, error: str = "", *, status: int = 200) -> Response[Any]:
    """The form, with the preview if `to` chooses an advertiser. Raises Problem 404."""
    tenant, target, preview = current_tenant(), None, None
    if to and not error:
        try:
            target = await find_chosen_advertiser(tenant, to)
        except GokartError as problem:
            error, status = split_field_error(problem)[1], 400
    elif to:
        target = parse_uuid(to)
    async with connection() as db:
        offer = await find_offer(db, tenant, id_)
        if offer is None:
            raise Problem(404, "Offer not found.")
        if target:
            try:
                preview = await preview_offer_move(db, tenant, offer, target)
            except OfferMoveError as problem:
                error, status = error or str(problem), max(status, 400)
    return render_page(
        "admin/offer_move.html",
        layout,
        status=status,
        root=ROOT,
        offer=offer,
        choice=await advertiser_choice(tenant, to),
        preview=preview,
        error=error,
    )
