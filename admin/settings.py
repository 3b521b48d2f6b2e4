"""/staff/settings: the settings that a tenant's owners manage: its name, logo, support contact and time zone,
two-factor authentication, and when figures are final.
"""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from auth.users.directory import list_users
from auth.users.guards import current_user, requires_login, requires_role
from auth.users.realms import STAFF
from auth.users.tenant_settings import read_support_email, read_support_url, save_logo
from catalog.fields import read_time_zone
from core.errors import GokartError
from core.time_zones import ZONE_NAMES
from database.pool import connection
from database.transactions import transaction
from reporting.finality import MAX_FINAL_AFTER_DAYS
from tenants.cache import notify_changed
from tenants.lifecycle import rename_tenant, validate_name
from tenants.tenant import current_tenant
from web.pages.forms import Form, parse_number, read_form, read_upload, split_field_error
from web.pages.logo import MAX_BYTES, MAX_SIDE, read_logo
from web.pages.rendering import PageLayout, render_page
from web.pages.responses import redirect
from web.requests import AnyRequest

ROOT = "/staff/settings"
TEXTS = ("name", "support_email", "support_url", "time_zone", "final_after_days")


class SettingsController(Controller):
    path = "/settings"
    guards = [requires_login, requires_role("owner")]
    request_max_body_size = MAX_BYTES + 2**16

    @get()
    async def settings(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return await settings_page(request, layout, done="done" in request.query_params)

    @post()
    async def save(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """A text that the form does not have is not changed."""
        form, tenant = await read_form(request), current_tenant()
        try:
            values = read_settings(form)
        except GokartError as error:
            return await settings_page(request, layout, error=error, form=form)
        required = form.has("staff_totp_required")
        if required and not current_user(request).totp:
            problem = GokartError("staff_totp_required: Set up your own two-factor authentication first.")
            return await settings_page(request, layout, error=problem, form=form)
        async with transaction() as db:
            name = values.pop("name", tenant.name)
            columns = {"staff_totp_required": required, **values}
            changes = ", ".join(f"{column} = ${n}" for n, column in enumerate(columns, 1))
            await db.execute(f"UPDATE {tenant.schema}.setting SET {changes}", *columns.values())
            if name != tenant.name:
                await rename_tenant(tenant.slug, str(name))
            await notify_changed(db)
        return redirect(request, f"{ROOT}?done")

    @post("/logo")
    async def logo(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        content = await read_upload(request, "logo", MAX_BYTES + 1)
        try:
            await save_logo(read_logo(content))
        except GokartError as error:
            return await settings_page(request, layout, error=error)
        return redirect(request, f"{ROOT}?done")

    @post("/logo/remove")
    async def remove_logo(self, request: AnyRequest) -> Response[Any]:
        await save_logo(None)
        return redirect(request, f"{ROOT}?done")


def read_settings(form: Form) -> dict[str, str | int | None]:
    """The texts that the form has. Raises GokartError, whose text starts with the field."""
    values: dict[str, str | int | None] = {}
    if form.has("name"):
        values["name"] = validate_name(form["name"])
    if form.has("support_email"):
        values["support_email"] = read_support_email(form["support_email"]) if form["support_email"].strip() else None
    if form.has("support_url"):
        values["support_url"] = read_support_url(form["support_url"]) if form["support_url"].strip() else None
    if form.has("time_zone"):
        try:
            values["time_zone"] = read_time_zone(form["time_zone"].strip())
        except GokartError as error:
            raise GokartError(f"time_zone: {error}") from error
    if form.has("final_after_days"):
        values["final_after_days"] = days = parse_number(form["final_after_days"].strip(), MAX_FINAL_AFTER_DAYS)
        if days is None:
            raise GokartError(f"final_after_days: Enter a whole number of days from 0 to {MAX_FINAL_AFTER_DAYS}.")
    return values


async def settings_page(
    request: AnyRequest,
    layout: PageLayout,
    *,
    error: GokartError | None = None,
    form: Form | None = None,
    done: bool = False,
) -> Response[Any]:
    """With `error`, the form keeps the submitted values."""
    schema = current_tenant().schema
    async with connection() as db:
        row = await db.fetchrow(
            f"""
            SELECT setting.*, '/logo/' || logo.digest AS logo, logo.width, logo.height, length(logo.content) AS bytes
            FROM {schema}.setting LEFT JOIN {schema}.logo ON true
            """
        )
    assert row is not None
    stored = {"name": current_tenant().name, **{name: row[name] for name in TEXTS if name != "name"}}
    given = {name: "" if value is None else value for name, value in stored.items()}
    field, text = split_field_error(error) if error else ("", "")
    return render_page(
        "admin/settings.html",
        layout,
        status=400 if error else 200,
        required=row["staff_totp_required"],
        given=given | {name: form[name] for name in TEXTS if form is not None and form.has(name)},
        errors=dict.fromkeys([*TEXTS, "logo", "staff_totp_required"], "") | {field: text},
        row=row,
        max_final_after_days=MAX_FINAL_AFTER_DAYS,
        max_logo=(MAX_BYTES // 1000, MAX_SIDE),
        zones=sorted(ZONE_NAMES.values()),
        totp=current_user(request).totp,
        without=[member.email for member in await list_users(STAFF, "p.active AND p.totp_secret IS NULL")],
        account=STAFF.path("/account/two-step"),
        done=done,
    )
