"""The platform's own tables, in schema public. No SQL joins them with a tenant's."""

from piccolo.columns import UUID, ForeignKey, Integer, Real, Serial, Text, Timestamptz, Varchar
from piccolo.table import Table

from tenants.tenant import Tenant


class TenantRow(Table, tablename="tenant"):
    id = UUID(primary_key=True)
    slug = Varchar(60, unique=True, help_text="Its label in host names: api.SLUG.<base>.")
    schema = Varchar(63, unique=True)
    name = Varchar(200, help_text="Display name; also the publisher's name for conversions without a partner.")
    status = Varchar(10, default="active", help_text="active or suspended")
    created_at = Timestamptz()
    token_rate = Real(null=True, default=None, help_text="Requests a second of a token; null: the platform's.")
    token_burst = Integer(null=True, default=None)
    token_concurrency = Integer(null=True, default=None)
    pruned_before = Timestamptz(null=True, default=None, help_text="Events before this are gone from the ledger.")
    thinned_before = Timestamptz(null=True, default=None, help_text="Quarters of an hour before this are not kept.")
    thinned_since = Timestamptz(null=True, default=None, help_text="When thinned_before became what it is.")
    version = Varchar(100, null=True, default=None, help_text="The last migration that its schema has seen.")
    migration_error = Text(null=True, default=None, help_text="Why its last migration failed; null when it did not.")


class TenantMigration(Table, tablename="tenant_migration"):
    """The ledger: which tenant has seen which migration."""

    id = Serial(primary_key=True)
    tenant = ForeignKey(TenantRow)
    migration = Varchar(100)
    ran_at = Timestamptz()


TENANT_COLUMNS = (
    "id, slug, name, status = 'suspended' AS suspended, created_at, token_rate, token_burst, token_concurrency, "
    "pruned_before, thinned_before"
)


def tenant_from_row(row: dict[str, object]) -> Tenant:
    """From a row of TENANT_COLUMNS."""
    return Tenant(**row)  # type: ignore[arg-type]
