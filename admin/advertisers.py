"""/staff/advertisers…: the tenant's advertisers. An advertiser's page lists the steps to set it up."""

from typing import Any

from asyncpg import Record
from litestar import Response, get
from litestar.di import NamedDependency

from admin.catalogue import CatalogueController, RecordForm
from admin.catalogue_lists import ACTIVE_KEYS, ADVERTISER_LIST_MISSING, CatalogueList
from admin.recent_spend import recent_spend
from admin.singular_advertisers import get_advertiser
from auth.api_keys.listing import advertiser_api_keys
from auth.users.directory import list_users
from auth.users.realms import ADVERTISER
from catalog.advertiser_choice import suggest_advertisers
from catalog.fields import ADVERTISERS
from database.pool import connection
from singular.requirements import flawed_offers
from tenants.tenant import current_tenant
from web.pages.branding import current_branding
from web.pages.forms import Form
from web.pages.lists import Sort
from web.pages.rendering import PageLayout, render_page
from web.requests import AnyRequest

SHOWN = 10


class AdvertisersController(CatalogueController):
    path = "/advertisers"
    kind = ADVERTISERS
    sorts = {"name": Sort("lower(t.name)"), "created": Sort("t.created_at", "timestamptz", descending=True)}
    groups = [
        ("Advertiser", ["name", "currency", "time_zone"]),
        ("Contact", ["contact_name", "contact_email", "contact_phone"]),
        ("Billing", ["billing_name", "billing_email", "billing_address", "tax_id"]),
    ]
    catalogue_list = CatalogueList(
        ADVERTISERS,
        f"""t.id, t.name, t.status, t.currency, t.created_at, t.singular_enabled, t.singular_requested_at,
            t.contact_email IS NULL AS no_contact, t.billing_email IS NULL AS no_billing,
            (SELECT count(*) FROM {{s}}.offer o WHERE o.advertiser = t.id AND o.status <> 'archived') AS offers,
            (SELECT count(*) FROM {{s}}.advertiser_login u WHERE u.advertiser = t.id AND u.active) AS users,
            (SELECT count(*) FROM {ACTIVE_KEYS}) AS api_keys""",
        missing=ADVERTISER_LIST_MISSING,
    )
    export_columns = {
        "id": "t.id",
        **{field.name: f"t.{field.name}" for field in ADVERTISERS.fields},
        "status": "t.status",
        "singular_enabled": "t.singular_enabled",
        "created_at": "t.created_at",
    }

    @get("/options")
    async def options(self, request: AnyRequest, layout: NamedDependency[PageLayout]) -> Response[Any]:
        """Suggestions for a text field that chooses an advertiser. The only parameter, of any name, is its text."""
        text = next(iter(request.query_params.values()), "")
        found = await suggest_advertisers(current_tenant(), text.replace("\0", ""))
        return render_page("admin/advertiser_options.html", layout, options=found)

    async def new_form(self, request: AnyRequest, form: Form | None) -> RecordForm:
        found = await super().new_form(request, form)
        return found if form else RecordForm({**found.values, "time_zone": current_branding().time_zone})

    async def record_page(self, request: AnyRequest, layout: PageLayout, row: Record, **context: Any) -> Response[Any]:
        tenant, id_ = current_tenant(), row["id"]
        keys = [key for key in await advertiser_api_keys(tenant, id_) if key.works]
        users = await list_users(ADVERTISER, "p.advertiser = $1", id_)
        singular = await get_advertiser(tenant, id_)
        flawed = await flawed_offers(tenant, id_)
        async with connection() as db:
            offers = await db.fetch(
                f"""
                SELECT id, name, campaign_name, os, status FROM {tenant.schema}.offer
                WHERE advertiser = $1 AND status <> 'archived' ORDER BY lower(name), id LIMIT {SHOWN + 1}
                """,
                id_,
            )
            state = await db.fetchrow(
                f"""
                SELECT EXISTS (
                    SELECT FROM {tenant.schema}.offer o JOIN {tenant.schema}.by_month m ON m.offer = o.key
                    WHERE o.advertiser = $1
                ) AS has_figures, EXISTS (
                    SELECT FROM {tenant.schema}.api_token
                    WHERE advertiser IS NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
                ) AS has_ingest_key, EXISTS (SELECT FROM {tenant.schema}.offer WHERE advertiser = $1) AS has_offers
                """,
                id_,
            )
        assert state is not None, "the statement has one row"
        missing = [
            label
            for label, there in [
                ("a contact email", row["contact_email"]),
                ("an email for invoices", row["billing_email"]),
                ("a billing address", row["billing_address"]),
            ]
            if not there
        ]
        return render_page(
            "admin/advertiser.html",
            layout,
            row=row,
            spend=await recent_spend(tenant, row["currency"], advertiser_id=str(id_)),
            offers=offers,
            keys=keys,
            users=users,
            singular=singular,
            flawed=len(flawed),
            missing=missing,
            most=SHOWN,
            has_figures=state["has_figures"],
            has_ingest_key=state["has_ingest_key"],
            removable=not (state["has_offers"] or keys or users),
            **context,
        )
