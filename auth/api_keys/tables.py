from piccolo.columns import Array, Bytea, ForeignKey, Integer, Real, Serial, Timestamptz, Varchar

from catalog.tables import Advertiser
from tenants.tenant import TenantTable


class ApiKey(TenantTable, tablename="api_token"):
    """An API key's digest and permissions. The key itself is shown once, when it is created, and never stored."""

    id = Serial(primary_key=True)
    advertiser = ForeignKey(Advertiser, null=True, help_text="Null for an ingest key, which belongs to the tenant.")
    replaces = Integer(null=True, default=None, help_text="The key that was rotated to create this one.")
    name = Varchar(200)
    digest = Bytea(secret=True)
    hint = Varchar(20, help_text="The first and last characters of the key.")
    scopes = Array(Varchar(20))
    networks = Array(Varchar(50), help_text="CIDR ranges from which the key may be used; empty: any.")
    rate = Real(null=True, default=None, help_text="Requests per second; null: the tenant's default.")
    burst = Integer(null=True, default=None)
    concurrency = Integer(null=True, default=None)
    created_by = Varchar(400)
    created_at = Timestamptz()
    expires_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)
    last_used_at = Timestamptz(null=True, default=None, help_text="To the minute.")
    last_used_from = Varchar(50, null=True, default=None)
