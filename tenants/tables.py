"""The tables of `tenants` in schema public, and a tenant from its row. No SQL joins them with a tenant's tables."""

from functools import cache

from piccolo.columns import UUID, ForeignKey, Serial, Text, Timestamptz, Varchar

from database.engine import engine
from database.pool import SCHEMA_ERRORS, SchemaOutdated, connection
from tenants.config import tenancy
from tenants.tenant import PublicTable, Tenant


class TenantRow(PublicTable, tablename="tenant"):
    id = UUID(primary_key=True)
    slug = Varchar(60, unique=True, help_text="The tenant's label in host names.")
    schema = Varchar(63, unique=True)
    name = Varchar(200, help_text="Display name.")
    status = Varchar(10, default="active", help_text="active or suspended")
    created_at = Timestamptz()
    version = Varchar(100, null=True, default=None, help_text="The last migration that has run in the schema.")
    migration_error = Text(null=True, default=None, help_text="Why the last migration failed; null if it succeeded.")


class TenantMigration(PublicTable, tablename="tenant_migration"):
    """Which migrations have run for which tenant."""

    id = Serial(primary_key=True)
    tenant = ForeignKey(TenantRow, null=False)
    migration = Varchar(100)
    ran_at = Timestamptz()


@cache
def tenant_columns() -> str:
    """The select list that `tenant_from_row` needs."""
    columns = (field for field in tenancy().tenant_type.__struct_fields__ if field != "suspended")
    return ", ".join([*columns, "status = 'suspended' AS suspended"])


def tenant_from_row(row: dict[str, object]) -> Tenant:
    """From a row of `tenant_columns`."""
    return tenancy().tenant_type(**row)  # type: ignore[arg-type]


async def load_tenant(slug: str) -> Tenant | None:
    """Reads the database. Raises DatabaseUnavailable, or SchemaOutdated before the platform's first migration."""
    sql = f"SELECT {tenant_columns()} FROM tenant WHERE slug = $1"
    async with connection(generic_plans=True) as db:
        try:
            row = await db.fetchrow(sql, slug, timeout=engine().options.timeout)
        except SCHEMA_ERRORS as error:
            raise SchemaOutdated(error) from error
    return tenant_from_row(dict(row)) if row else None
