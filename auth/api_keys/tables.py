from piccolo.columns import Array, Bytea, ForeignKey, Integer, Real, Serial, Timestamptz, Varchar

from catalog.tables import Advertiser
from database.columns import Inet
from tenants.tenant import TenantTable


class ApiKey(TenantTable, tablename="api_token"):
    """An API key's digest and permissions. The key itself is shown once, when it is created, and never stored."""

    id = Serial(primary_key=True)
    advertiser = ForeignKey(Advertiser, null=True, help_text="Empty for an ingest key, which belongs to the tenant.")
    replaces: ForeignKey["ApiKey"] = ForeignKey(
        "self", null=True, help_text="The key that was rotated to create this one."
    )
    name = Varchar(200)
    digest = Bytea(secret=True)
    hint = Varchar(20, help_text="The first and last characters of the key.")
    scopes = Array(Varchar(20), help_text="What the key may be used for.")
    networks = Array(
        Varchar(50), help_text="IP ranges from which the key may be used, such as 203.0.113.0/24. Empty: any."
    )
    rate = Real(null=True, default=None, help_text="Sustained requests per second. Empty: the tenant's limit.")
    burst = Integer(null=True, default=None, help_text="Requests in a burst. Empty: the tenant's limit.")
    concurrency = Integer(null=True, default=None, help_text="Concurrent requests. Empty: the tenant's limit.")
    created_by = Varchar(400)
    created_at = Timestamptz()
    expires_at = Timestamptz(null=True, default=None)
    revoked_at = Timestamptz(null=True, default=None, help_text="The key is rejected from then on.")
    last_used_at = Timestamptz(null=True, default=None, help_text="To the minute.")
    last_used_from = Inet(null=True, default=None, help_text="The IP address of the last use.")
