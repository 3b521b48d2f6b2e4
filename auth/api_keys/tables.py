from piccolo.columns import Array, Bytea, ForeignKey, Integer, Real, Serial, Timestamptz, Varchar

from catalog.tables import Advertiser
from tenants.tenant import TenantTable


class ApiKey(TenantTable, tablename="api_token"):
    """A token's digest and what it may do. The token itself is shown once, to whoever makes it, and kept nowhere."""

    id = Serial(primary_key=True)
    advertiser = ForeignKey(Advertiser, null=True, help_text="Null for an ingest token, which is the tenant's.")
    replaces = Integer(null=True, default=None, help_text="The token that was rotated to make this one.")
    name = Varchar(200)
    digest = Bytea(secret=True)
    hint = Varchar(20, help_text="The visible ends of the token.")
    scopes = Array(Varchar(20))
    networks = Array(Varchar(50), help_text="CIDR networks it may be used from; none: any.")
    rate = Real(null=True, default=None, help_text="Requests a second it may sustain; null: the tenant's.")
    burst = Integer(null=True, default=None)
    concurrency = Integer(null=True, default=None)
    created_by = Varchar(400)
    created_at = Timestamptz()
    expires_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None)
    last_used_at = Timestamptz(null=True, default=None, help_text="To the minute.")
    last_used_from = Varchar(50, null=True, default=None)
