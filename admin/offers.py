"""/staff/offers…: finds an offer, and moves it to another advertiser after a preview of the amounts that leave."""

from typing import Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.users.guards import requires_login, requires_role
from catalog.offer_moves import (
    LIST_LIMIT,
    OfferMoveError,
    OfferSummary,
    find_offer,
    list_offers,
    move_offer,
    preview_offer_move,
)
from catalog.service import advertiser_names
from database.pool import connection
from tenants.tenant import current_tenant
from web.pages.forms import read_form
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

ROOT = "/staff/offers"


class OffersController(Controller):
    path = "/offers"
    guards = [requires_login]

    @get()
    async def offers(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        name = request.query_params.get("name", "").replace("\0", "").strip()[:200]
        found = await list_offers(current_tenant(), name)
        moved = parse_uuid(request.query_params.get("moved", ""))
        return render_page(
            "admin/offers.html",
            layout,
            root=ROOT,
            offers=found,
            name=name,
            most=LIST_LIMIT,
            moved=next((offer for offer in found if offer.id == moved), None),
        )

    @get("/{offer:uuid}/move", guards=[requires_role("manager")])
    async def move_form(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], offer: FromPath[UUID]
    ) -> Response[Any]:
        return await move_page(layout, offer, request.query_params.get("to", ""))

    @post("/{offer:uuid}/move", guards=[requires_role("manager")])
    async def move(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], offer: FromPath[UUID]
    ) -> Response[Any]:
        form = await read_form(request)
        owner, target = parse_uuid(form["owner"]), parse_uuid(form["to"])
        if owner is None or target is None:
            return await move_page(layout, offer, form["to"], "Choose the advertiser to move the offer to.", status=400)
        try:
            await move_offer(current_tenant(), offer, owner, target)
        except OfferMoveError as error:
            return await move_page(layout, offer, form["to"], str(error), status=409)
        return redirect(request, f"{ROOT}?name={offer}&moved={offer}")


async def move_page(layout: PageLayout, id_: UUID, to: str, error: str = "", *, status: int = 200) -> Response[Any]:
    """The form, with the preview if `to` is the id of an advertiser. Raises Problem 404."""
    tenant, target, preview = current_tenant(), parse_uuid(to), None
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
        options=await other_advertisers(offer),
        to=to,
        preview=preview,
        error=error,
    )


async def other_advertisers(offer: OfferSummary) -> list[tuple[str, str]]:
    names = await advertiser_names(current_tenant())
    return [("", "Choose an advertiser"), *((id_, name) for id_, name in names.items() if id_ != str(offer.owner))]


def parse_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
