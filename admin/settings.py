"""/staff/settings: settings of the tenant that its owners manage: two-factor authentication, final figures."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from auth.users.directory import list_users
from auth.users.guards import current_user, requires_login, requires_role
from auth.users.realms import STAFF
from database.pool import connection
from database.transactions import transaction
from reporting.finality import MAX_FINAL_AFTER_DAYS
from tenants.tenant import current_tenant
from web.pages.forms import parse_number, read_form
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.requests import AnyRequest

ROOT = "/staff/settings"


class SettingsController(Controller):
    path = "/settings"
    guards = [requires_login, requires_role("owner")]

    @get()
    async def settings(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return await settings_page(request, layout, done="done" in request.query_params)

    @post()
    async def save(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        form = await read_form(request)
        required = form.has("staff_totp_required")
        days = parse_number(form["final_after_days"].strip(), MAX_FINAL_AFTER_DAYS)
        if form.has("final_after_days") and days is None:
            return await settings_page(
                request, layout, days_error=f"Enter a whole number of days from 0 to {MAX_FINAL_AFTER_DAYS}."
            )
        if required and not current_user(request).totp:
            return await settings_page(request, layout, error="Set up your own two-factor authentication first.")
        async with transaction() as db:
            await db.execute(
                f"""
                UPDATE {current_tenant().schema}.setting
                SET staff_totp_required = $1, final_after_days = coalesce($2, final_after_days)
                """,
                required,
                days,
            )
        return redirect(request, f"{ROOT}?done")


async def settings_page(
    request: AnyRequest, layout: PageLayout, *, error: str = "", days_error: str = "", done: bool = False
) -> Response[Any]:
    async with connection() as db:
        row = await db.fetchrow(f"SELECT staff_totp_required, final_after_days FROM {current_tenant().schema}.setting")
    assert row is not None
    return render_page(
        "admin/settings.html",
        layout,
        status=400 if error or days_error else 200,
        required=row["staff_totp_required"],
        final_after_days=row["final_after_days"],
        max_final_after_days=MAX_FINAL_AFTER_DAYS,
        days_error=days_error,
        totp=current_user(request).totp,
        without=[member.email for member in await list_users(STAFF, "p.active AND p.totp_secret IS NULL")],
        account=STAFF.path("/account/two-step"),
        error=error,
        done=done,
    )
