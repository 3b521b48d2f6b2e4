"""The pages of the user's saved views, and when they are sent by email: the same for advertiser users and staff."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from auth.users.guards import current_user, requires_login, requires_scope
from auth.users.mail import mail_is_on
from auth.users.realms import ADVERTISER
from core.errors import GokartError
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
from web.requests import AnyConnection, AnyRequest

DONE = {
    "saved": "The view was saved. Choose below whether you want to have it by email.",
    "changed": "The view was changed.",
    "deleted": "The view was deleted.",
}


def sees_costs(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """A guard, after `requires_login`. All staff do. Raises Problem 403."""
    user = current_user(connection)
    if user.realm.name == ADVERTISER.name:
        requires_scope("cost-report")(connection, handler)


class SavedViewController(Controller):
    """`root` is the path of the pages, `home` the path and title of the page whose views they are."""

    path = "/views"
    guards = [requires_login]
    root: ClassVar[str]
    home: ClassVar[tuple[str, str]]

    async def time_zone(self, request: AnyRequest) -> str:
        """Of the days of the page whose views they are."""
        raise NotImplementedError

    def forbidden_page(self, request: AnyRequest, layout: PageLayout) -> Response[Any] | None:
        """The response for users who may not see the page whose views they are."""
        return None

    @get()
    async def views(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return self.forbidden_page(request, layout) or await self.page(request, layout)

    @post(guards=[sees_costs])
    async def save(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        form = await read_form(request)
        try:
            await add_view(
                current_tenant().schema, current_user(request), form["name"], form["query"], datetime.now(UTC)
            )
        except GokartError as error:
            field, message = split_field_error(error)
            new = {"name": form["name"], "query": form["query"]}
            return await self.page(request, layout, new=new, errors={field: message})
        return redirect(request, f"{self.root}?done=saved")

    @post("/{view_id:int}", guards=[sees_costs])
    async def change(
        self,
        request: AnyRequest,
        layout: NamedDependency[PageLayout],
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
                time_zone=await self.time_zone(request),
                now=datetime.now(UTC),
            )
        except GokartError as error:
            field, message = split_field_error(error)
            return await self.page(request, layout, changed=view_id, errors={field: message})
        if not found:
            raise Problem(404, "Saved view not found.")
        return redirect(request, f"{self.root}?done=changed")

    @post("/{view_id:int}/delete", guards=[sees_costs])
    async def delete(self, request: AnyRequest, view_id: FromPath[int]) -> Response[Any]:
        check_id(view_id)
        if not await delete_view(current_tenant().schema, current_user(request), view_id):
            raise Problem(404, "Saved view not found.")
        return redirect(request, f"{self.root}?done=deleted")

    async def page(
        self,
        request: AnyRequest,
        layout: PageLayout,
        *,
        new: dict[str, str] | None = None,
        changed: int | None = None,
        errors: dict[str, str] | None = None,
    ) -> Response[Any]:
        """`errors` are those of the view `changed`, or of the `new` one."""
        return render_page(
            "saved_views/page.html",
            layout,
            status=400 if errors else 200,
            root=self.root,
            home=self.home,
            done=DONE.get(request.query_params.get("done", "")),
            views=await list_views(current_tenant().schema, current_user(request)),
            schedules=[(name, label) for name, (label, _) in SCHEDULES.items()],
            new=new,
            changed=changed,
            errors=errors or {},
            longest=MAX_NAME,
            mail_is_on=mail_is_on(),
        )


def check_id(view_id: int) -> None:
    """Raises Problem 404 for a number that no view can have."""
    if not 0 < view_id <= LARGEST_ID:
        raise Problem(404, "Saved view not found.")
