"""Pages about tenants: the list, one tenant, and what platform staff can do to it."""

from math import isfinite
from typing import Any, TypeVar

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from admin.platform.listing import TENANT_FILTERS, list_tenants, read_tenant_search
from admin.platform.usage import read_tenant_counts, read_tenant_usage
from auth.api_keys.listing import LARGEST_ID
from auth.users.directory import UserDetails, list_users
from auth.users.guards import current_user, requires_login, requires_role
from auth.users.invitations import IssuedLink, invite_staff_user, renew_link
from auth.users.pages import issued_link_page
from auth.users.realms import STAFF
from catalog.tenants import GokartTenant, set_tenant_limits
from core.errors import GokartError
from database.audit_context import current_actor
from database.pool import SCHEMA_ERRORS, DatabaseUnavailable
from settings import settings
from tenants import lifecycle
from tenants.migrations import latest_version, migrate_tenants
from tenants.nodes import nodes_of
from tenants.tables import TenantMigration, TenantRow
from tenants.tenant import SLUG_PATTERN, Tenant, bound_to, schema_of
from web.pages.forms import Form, read_form, split_field_error
from web.pages.origins import api_origin, app_origin
from web.pages.rendering import Notice, PageLayout, render_page
from web.pages.responses import redirect
from web.problems import Problem
from web.requests import AnyRequest

MANAGER = [requires_role("manager")]
MAX_RATE = 100_000
MAX_REQUESTS = 1_000_000
DONE = {
    "suspended": "The tenant is suspended: its API and pages return 403. Its data is kept.",
    "resumed": "The tenant is active again.",
    "renamed": "The name is saved.",
    "limits": "The rate limits are saved.",
    "migrated": "The schema is up to date.",
}
NEW_FIELDS = ("name", "slug", "owner", "email")
N = TypeVar("N", int, float)


class TenantsController(Controller):
    guards = [requires_login]

    @get()
    async def tenants(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        search = read_tenant_search(request)
        found = await list_tenants(search)
        return render_page(
            "platform/tenants.html",
            layout,
            found=found,
            states=[
                (f"{label} ({found.counts[state]:,})", search.url(state=state, page=1), state == search.state)
                for state, label in TENANT_FILTERS.items()
            ],
            usage=await read_tenant_usage([tenant.slug for tenant in found.tenants]),
            nodes=await nodes_of((tenant.slug, schema_of(tenant.slug)) for tenant in found.tenants),
            may_create=current_user(request).is_at_least("manager"),
        )

    @get("/new", guards=MANAGER)
    async def new(self, layout: NamedDependency[PageLayout]) -> Response[Any]:
        return new_tenant_page(layout, Form([]))

    @post("/new", guards=MANAGER)
    async def create(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """Creates the tenant and its first owner's invitation in one transaction."""
        form = await read_form(request)
        invited: list[IssuedLink] = []

        async def invite(tenant: Tenant) -> None:
            with bound_to(tenant):
                invited.append(await invite_owner(form))

        try:
            tenant = await lifecycle.create_tenant(form["slug"].strip().lower(), form["name"], invite)
        except GokartError as error:
            return new_tenant_page(layout, form, error=error)
        return await owner_link_page(
            request, layout, tenant, invited[0], notice=f"The tenant {tenant.name} was created."
        )

    @get("/tenants/{slug:str}")
    async def tenant(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], slug: FromPath[str]
    ) -> Response[Any]:
        done = DONE.get(request.query_params.get("done", ""))
        return await tenant_page(request, layout, slug, notice=Notice("success", done) if done else None)

    @post("/tenants/{slug:str}/suspend", guards=MANAGER)
    async def suspend(self, request: AnyRequest, slug: FromPath[str]) -> Response[Any]:
        await lifecycle.set_tenant_status((await tenant_or_404(slug)).slug, "suspended")
        return redirect(request, f"/tenants/{slug}?done=suspended")

    @post("/tenants/{slug:str}/resume", guards=MANAGER)
    async def resume(self, request: AnyRequest, slug: FromPath[str]) -> Response[Any]:
        await lifecycle.set_tenant_status((await tenant_or_404(slug)).slug, "active")
        return redirect(request, f"/tenants/{slug}?done=resumed")

    @post("/tenants/{slug:str}/name", guards=MANAGER)
    async def rename(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], slug: FromPath[str]
    ) -> Response[Any]:
        form = await read_form(request)
        await tenant_or_404(slug)
        try:
            await lifecycle.rename_tenant(slug, form["name"])
        except GokartError as error:
            return await tenant_page(request, layout, slug, error=error, form=form)
        return redirect(request, f"/tenants/{slug}?done=renamed")

    @post("/tenants/{slug:str}/limits", guards=MANAGER)
    async def limit(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], slug: FromPath[str]
    ) -> Response[Any]:
        form = await read_form(request)
        await tenant_or_404(slug)
        try:
            await set_tenant_limits(
                slug,
                read_rate_limit(form, "rate", float, MAX_RATE),
                read_rate_limit(form, "burst", int, MAX_REQUESTS),
                read_rate_limit(form, "concurrency", int, MAX_REQUESTS),
            )
        except GokartError as error:
            return await tenant_page(request, layout, slug, error=error, form=form)
        return redirect(request, f"/tenants/{slug}?done=limits")

    @post("/tenants/{slug:str}/migrate", guards=MANAGER)
    async def migrate(self, request: AnyRequest, slug: FromPath[str]) -> Response[Any]:
        """An error is stored with the tenant and shown on its page."""
        await tenant_or_404(slug)
        outcomes = [outcome async for outcome in migrate_tenants([slug])]
        return redirect(request, f"/tenants/{slug}" + ("" if outcomes[0].error else "?done=migrated"))

    @post("/tenants/{slug:str}/owners", guards=MANAGER)
    async def invite(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], slug: FromPath[str]
    ) -> Response[Any]:
        form, tenant = await read_form(request), await tenant_or_404(slug)
        try:
            with bound_to(tenant):
                invited = await invite_owner(form)
        except GokartError as error:
            return await tenant_page(request, layout, slug, error=error, form=form)
        return await owner_link_page(request, layout, tenant, invited)

    @post("/tenants/{slug:str}/owners/{person:int}/link", guards=MANAGER)
    async def owner_link(
        self, request: AnyRequest, layout: NamedDependency[PageLayout], slug: FromPath[str], person: FromPath[int]
    ) -> Response[Any]:
        """For owners only: a tenant's owners manage its other staff."""
        tenant, not_found = await tenant_or_404(slug), Problem(404, "Owner not found.")
        if not 0 < person <= LARGEST_ID:
            raise not_found
        with bound_to(tenant):
            if not await list_users(STAFF, "p.id = $1 AND p.role = 'owner' AND p.active", person):
                raise not_found
            invited = await renew_link(STAFF, person, actor_name())
        return await owner_link_page(request, layout, tenant, invited)


def actor_name() -> str:
    actor = current_actor()
    assert actor is not None, "the guard `signed_in` sets it"
    return actor.name


async def invite_owner(form: Form) -> IssuedLink:
    """Invites an owner of the bound tenant. Raises GokartError, whose text starts with the form's field."""
    try:
        return await invite_staff_user(STAFF, form["email"], form["owner"], "owner", actor_name())
    except SCHEMA_ERRORS as error:
        raise GokartError("email: The tenant's schema is outdated. Migrate it first.") from error
    except GokartError as error:
        field, text = split_field_error(error)
        raise GokartError(f"{'owner' if field == 'name' else 'email'}: {text}") from error


async def tenant_or_404(slug: str) -> Tenant:
    """Raises Problem 404."""
    if not SLUG_PATTERN.fullmatch(slug):
        raise Problem(404, "Tenant not found.")
    try:
        return await lifecycle.get_tenant(slug)
    except DatabaseUnavailable:
        raise
    except GokartError as error:
        raise Problem(404, str(error)) from error


def read_rate_limit(form: Form, name: str, kind: type[N], most: int) -> N | None:
    """None where the field is empty. Raises GokartError, whose text starts with the field."""
    text = form[name].strip()
    if not text:
        return None
    try:
        value = kind(text)
    except ValueError:
        value = kind(0)
    if not isfinite(value) or not 0 < value <= most:
        number = "number" if name == "rate" else "whole number"
        raise GokartError(f"{name}: Enter a {number} above 0 and at most {most:,}, or leave the field empty.")
    return value


def new_tenant_page(layout: PageLayout, form: Form, *, error: GokartError | None = None) -> Response[Any]:
    field, text = split_field_error(error) if error else ("", "")
    return render_page(
        "platform/new_tenant.html",
        layout,
        status=400 if error else 200,
        base=settings.base_host,
        given={name: form[name] for name in NEW_FIELDS},
        errors=dict.fromkeys(NEW_FIELDS, "") | {field or "slug": text},
    )


async def tenant_page(
    request: AnyRequest,
    layout: PageLayout,
    slug: str,
    *,
    notice: Notice | None = None,
    error: GokartError | None = None,
    form: Form | None = None,
) -> Response[Any]:
    """With `error`, the form keeps the submitted values."""
    tenant = await tenant_or_404(slug)
    assert isinstance(tenant, GokartTenant)
    row = await TenantRow.select(TenantRow.version, TenantRow.migration_error).where(TenantRow.id == tenant.id).first()
    field, text = split_field_error(error) if error else ("", "")
    kept = {
        "name": tenant.name,
        "rate": f"{tenant.token_rate:g}" if tenant.token_rate else "",
        "burst": str(tenant.token_burst or ""),
        "concurrency": str(tenant.token_concurrency or ""),
        "email": "",
        "owner": "",
    }
    with bound_to(tenant):
        hosts = {"api": api_origin(request), "app": app_origin(request)}
    return render_page(
        "platform/tenant.html",
        layout,
        status=400 if error else 200,
        this=tenant,
        hosts=hosts,
        usage=(await read_tenant_usage([slug]))[slug],
        nodes=await nodes_of([(slug, tenant.schema)]),
        counts=await read_tenant_counts(tenant),
        owners=await read_tenant_owners(tenant),
        version=row["version"] if row else None,
        latest=latest_version(),
        migration_error=row["migration_error"] if row else None,
        migrations=await TenantMigration.select(TenantMigration.migration, TenantMigration.ran_at)
        .where(TenantMigration.tenant == tenant.id)
        .order_by(TenantMigration.migration, ascending=False),
        platform=settings,
        given=kept | {name: form[name] for name in kept if form is not None and form.has(name)},
        errors=dict.fromkeys(kept, "") | {field: text},
        notice=notice,
        may_act=current_user(request).is_at_least("manager"),
    )


async def read_tenant_owners(tenant: Tenant) -> list[UserDetails] | None:
    """None where the tenant's schema has no tables for staff yet."""
    try:
        with bound_to(tenant):
            return await list_users(STAFF, "p.role = 'owner'")
    except SCHEMA_ERRORS:
        return None


async def owner_link_page(
    request: AnyRequest, layout: PageLayout, tenant: Tenant, invited: IssuedLink, *, notice: str = ""
) -> Response[Any]:
    with bound_to(tenant):
        origin = app_origin(request)
    return await issued_link_page(layout, invited, origin, back=(f"/tenants/{tenant.slug}", tenant.name), notice=notice)
