"""Who owes, for what, through whom."""

from piccolo.columns import UUID, BigInt, Boolean, ForeignKey, Integer, Timestamptz, Varchar

from tenants.tenant import TenantTable


class Advertiser(TenantTable):
    id = UUID(primary_key=True)
    name = Varchar(500)
    status = Varchar(10, default="active", help_text="active or paused; a paused advertiser's tokens get 403")
    singular_enabled = Boolean(default=False, help_text="Whether Singular may pull this advertiser's costs.")
    created_at = Timestamptz()


class Offer(TenantTable):
    """`key` stands for it in the ledger and roll-ups; `version` rises with each change that a report shows."""

    id = UUID(primary_key=True)
    key = Integer()
    advertiser = ForeignKey(Advertiser)
    name = Varchar(500, help_text="User-facing.")
    campaign_name = Varchar(500, null=True, default=None, help_text="The advertiser's own name for it.")
    app_name = Varchar(500, null=True, default=None)
    store_id = Varchar(500, null=True, default=None, help_text="com.test, or an App Store number.")
    os = Varchar(10, null=True, default=None, help_text="IOS, ANDROID or WEB")
    version = BigInt(default=1)
    created_at = Timestamptz()


class Partner(TenantTable):
    """A publisher. The tenant itself is one, under the tenant's own id."""

    id = UUID(primary_key=True)
    key = Integer()
    name = Varchar(500)
    version = BigInt(default=1)
    created_at = Timestamptz()
