"""What GoKart adds to a tenant: limits of its API keys, retention, and itself as its first partner."""

from datetime import datetime

import asyncpg
from piccolo.columns import Integer, Real, Timestamptz

from tenants.lifecycle import update_tenant
from tenants.tables import TenantRow
from tenants.tenant import Tenant


class GokartTenant(Tenant, frozen=True):
    """What every tenant is here (`piccolo_conf.TENANCY`), so that code may assert it.

    Limits: None is the platform's. Events before `pruned_before` are gone from the ledger; quarter-hour buckets before
    `thinned_before` are not kept.
    """

    token_rate: float | None = None
    token_burst: int | None = None
    token_concurrency: int | None = None
    pruned_before: datetime | None = None
    thinned_before: datetime | None = None


class GokartTenantRow(TenantRow, tablename="tenant"):
    token_rate = Real(null=True, default=None, help_text="Requests a second of an API key; null: the platform's.")
    token_burst = Integer(null=True, default=None)
    token_concurrency = Integer(null=True, default=None)
    pruned_before = Timestamptz(null=True, default=None, help_text="Events before this are gone from the ledger.")
    thinned_before = Timestamptz(null=True, default=None, help_text="Quarter hours before this are not kept.")
    thinned_since = Timestamptz(null=True, default=None, help_text="When thinned_before last changed.")


async def set_tenant_limits(slug: str, rate: float | None, burst: int | None, concurrency: int | None) -> None:
    """Limits of each API key that has none of its own; None: the platform's. Raises GokartError."""
    row = GokartTenantRow
    await update_tenant(slug, {row.token_rate: rate, row.token_burst: burst, row.token_concurrency: concurrency})


async def create_own_partner(db: asyncpg.Connection, tenant: Tenant) -> None:
    """Conversions without a partner are reported under the tenant's own name."""
    await db.execute(f"INSERT INTO {tenant.schema}.partner (id, name) VALUES ($1, $2)", tenant.id, tenant.name)


async def rename_own_partner(db: asyncpg.Connection, tenant: Tenant, name: str) -> None:
    """Unless the partner was given another name. The tenant's own audit log has the change too."""
    await db.execute(
        f"""
        INSERT INTO {tenant.schema}.audit_log (actor, address, action, subject, key, label, before, after)
        SELECT coalesce(nullif(current_setting('gokart.actor', true), ''), 'database:' || session_user),
            nullif(current_setting('gokart.address', true), '')::inet,
            'changed', 'tenant', $1::text, $3::text,
            jsonb_build_object('name', $2::text), jsonb_build_object('name', $3::text)
        WHERE $2::text <> $3::text
        """,
        str(tenant.id),
        tenant.name,
        name,
    )
    await db.execute(
        f"UPDATE {tenant.schema}.partner SET name = $3 WHERE id = $1 AND name = $2", tenant.id, tenant.name, name
    )


async def begin_incarnation(db: asyncpg.Connection, schema: str) -> None:
    """A restored tenant has lost changes that clients may know: their cursors start again."""
    await db.execute(f"UPDATE {schema}.record_state SET incarnation = gen_random_uuid()")
