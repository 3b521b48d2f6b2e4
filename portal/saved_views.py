"""/views: the user's saved views of the dashboard, and when they are sent by email."""

from datetime import UTC, datetime
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from auth.users.guards import current_user, requires_login, requires_scope
from auth.users.mail import mail_is_on
from core.errors import GokartError
from portal.advertiser_status import AdvertiserStatus
from portal.layout import forbidden_page
from saved_views.service import (
    LARGEST_ID,
    MAX_NAME,
    SCHEDULES,
    add_view,
    change_view,
    delete_view,
    list_views,
)
from tenants.tenant import current_tenant
from web.pages.forms import read_form, split_field_error
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

ROOT = "/views"
DONE = {
    "saved": "The view was saved. Choose below whether you want to have it by email.",
    "changed": "The view was changed.",
    "deleted": "The view was deleted.",
}


class SavedViewController(Controller):
    opt = {"of_one_user": True}
    path = ROOT
    guards = [requires_login]

    @get()
    async def views(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return forbidden_page(request, layout) or await views_page(request, layout)

    @post(guards=[requires_scope("cost-report")])
    async def save(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        form = await read_form(request)
        try:
            await add_view(
                current_tenant().schema, current_user(request), form["name"], form["query"], datetime.now(UTC)
            )
        except GokartError as error:
            field, message = split_field_error(error)
            new = {"name": form["name"], "query": form["query"]}
            return await views_page(request, layout, new=new, errors={field: message})
        return redirect(request, f"{ROOT}?done=saved")

    @post("/{view_id:int}", guards=[requires_scope("cost-report")])
    async def change(
        self,
        request: AnyRequest,
        layout: NamedDependency[PageLayout],
        advertiser: NamedDependency[AdvertiserStatus],
        view_id: FromPath[int],
    ) -> Response[Any]:
        form, user = await read_form(request), current_user(request)
        check_id(view_id)
        try:
            found = await change_view(
                current_tenant().schema,
                user,
                view_id,
                name=form["name"],
                schedule=form["schedule"],
                time_zone=advertiser.time_zone,
                now=datetime.now(UTC),
            )
        except GokartError as error:
            field, message = split_field_error(error)
            return await views_page(request, layout, changed=view_id, errors={field: message})
        if not found:
            raise Problem(404, "Saved view not found.")
        return redirect(request, f"{ROOT}?done=changed")

    @post("/{view_id:int}/delete", guards=[requires_scope("cost-report")])
    async def delete(self, request: AnyRequest, view_id: FromPath[int]) -> Response[Any]:
        check_id(view_id)
        if not await delete_view(current_tenant().schema, current_user(request), view_id):
            raise Problem(404, "Saved view not found.")
        return redirect(request, f"{ROOT}?done=deleted")


def check_id(view_id: int) -> None:
    """Raises Problem 404 for a number that no view can have."""
    if not 0 < view_id <= LARGEST_ID:
        raise Problem(404, "Saved view not found.")


async def views_page(
    request: AnyRequest,
    layout: PageLayout,
    *,
    new: dict[str, str] | None = None,
    changed: int | None = None,
    errors: dict[str, str] | None = None,
) -> Response[Any]:
    """`errors` are those of the view `changed`, or of the `new` one."""
    return render_page(
        "portal/views.html",
        layout,
        status=400 if errors else 200,
        root=ROOT,
        done=DONE.get(request.query_params.get("done", "")),
        views=await list_views(current_tenant().schema, current_user(request)),
        schedules=[(name, label) for name, (label, _) in SCHEDULES.items()],
        new=new,
        changed=changed,
        errors=errors or {},
        longest=MAX_NAME,
        mail_is_on=mail_is_on(),
    )
