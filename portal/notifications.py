"""GET /notifications: the user's notifications, and which kinds are shown on the page or sent by email."""

from datetime import UTC, datetime
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from auth.users.guards import OF_ONE_USER, current_user, requires_login
from auth.users.mail import mail_is_on
from database.pool import connection
from notifications.kinds import KINDS, kinds_for
from notifications.service import NotificationChoice, choose, count_unread, mark_read, read_choices
from settings import settings
from tenants.tenant import current_tenant
from web.pages.forms import parse_number, read_form
from web.pages.lists import Sort, read_list_page, read_list_request
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.requests import AnyRequest

ROOT = "/notifications"
LARGEST_ID = 2**63 - 1
PAGE = 25
SORTS = {"created": Sort("created_at", "timestamptz", descending=True)}
DONE = {"saved": "Your settings were saved.", "read": "All notifications are marked as read."}


class NotificationController(Controller):
    opt = OF_ONE_USER
    path = ROOT
    guards = [requires_login]

    @get()
    async def notifications(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        tenant, user = current_tenant(), current_user(request)
        async with connection() as db:
            page = await read_list_page(
                db,
                read_list_request(request, SORTS),
                "id, created_at, read_at, kind, title, text, path",
                f"{tenant.schema}.notification",
                [user.id, user.advertiser, kinds_for(user.scopes)],
                where="login = $1 AND advertiser = $2 AND portal AND kind = ANY($3::text[])",
                id_="id",
                id_type="bigint",
                size=PAGE,
            )
        return render_page(
            "portal/notifications.html",
            layout,
            root=ROOT,
            done=DONE.get(request.query_params.get("done", "")),
            page=page,
            unread=await count_unread(tenant.schema, user),
            kinds=KINDS,
            choices=await read_choices(tenant.schema, user),
            mail_is_on=mail_is_on(),
            kept_days=settings.log_retention_days,
        )

    @post("/read")
    async def mark_as_read(self, request: AnyRequest) -> Response[Any]:
        """The notification in the field `id`, or all if it is empty."""
        form = await read_form(request)
        one = parse_number(form["id"], LARGEST_ID)
        if one is not None or not form["id"]:
            await mark_read(current_tenant().schema, current_user(request), datetime.now(UTC), one)
        return redirect(request, ROOT if form["id"] else f"{ROOT}?done=read")

    @post("/choices")
    async def save_choices(self, request: AnyRequest) -> Response[Any]:
        """The fields `portal` and `email` have the chosen kinds."""
        user, schema = current_user(request), current_tenant().schema
        form = await read_form(request)
        portal, email = set(form.all("portal")), set(form.all("email"))
        offered = await read_choices(schema, user)
        await choose(schema, user, {name: NotificationChoice(name in portal, name in email) for name in offered})
        return redirect(request, f"{ROOT}?done=saved")
