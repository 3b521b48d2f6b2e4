"""Advertisers, their offers, and the partners that show the offers."""

from piccolo.columns import UUID, BigInt, Boolean, ForeignKey, Integer, Text, Timestamptz, Varchar

from tenants.tenant import TenantTable


class Advertiser(TenantTable):
    id = UUID(primary_key=True)
    name = Varchar(500, help_text="As the advertiser's own users see it.")
    status = Varchar(
        10,
        default="active",
        help_text="The API keys of a paused or archived advertiser are rejected with 403. Lists hide archived ones.",
    )
    singular_enabled = Boolean(default=False, help_text="Whether Singular may read this advertiser's costs.")
    singular_requested_at = Timestamptz(
        null=True, default=None, help_text="When a user of the advertiser requested access for Singular."
    )
    singular_requested_by = Varchar(
        320, null=True, default=None, help_text="The user who requested access for Singular."
    )
    contact_name = Varchar(200, null=True, default=None)
    contact_email = Varchar(320, null=True, default=None)
    contact_phone = Varchar(50, null=True, default=None)
    billing_name = Varchar(200, null=True, default=None, help_text="The name on invoices.")
    billing_email = Varchar(320, null=True, default=None, help_text="Where invoices are sent.")
    billing_address = Text(null=True, default=None)
    tax_id = Varchar(50, null=True, default=None, help_text="For example a VAT number or an EIN.")
    currency = Varchar(
        3,
        default="USD",
        help_text="The billing currency: a code of ISO 4217, such as EUR. It stays once there are amounts.",
    )
    time_zone = Varchar(
        64, default="UTC", help_text="The IANA name of the time zone of its days on pages and in flexible reports."
    )
    time_zone_since = Timestamptz(null=True, default=None, help_text="When the time zone was changed last.")
    created_at = Timestamptz()


class Offer(TenantTable):
    """`key` identifies it in the ledger and roll-ups; `version` rises with each change that a report shows."""

    id = UUID(primary_key=True)
    key = Integer()
    advertiser = ForeignKey(
        Advertiser, null=False, help_text="The advertiser that pays for its conversions, past ones included."
    )
    name = Varchar(500, help_text="The name that end users see.")
    campaign_name = Varchar(500, null=True, default=None, help_text="The advertiser's own name for it.")
    app_name = Varchar(500, null=True, default=None)
    store_id = Varchar(500, null=True, default=None, help_text="A bundle id such as com.test, or an App Store number.")
    os = Varchar(10, null=True, default=None, help_text="Singular requires it, and the store id.")
    status = Varchar(10, default="active", help_text="Paused and archived offers are counted and reported as before.")
    version = BigInt(default=1)
    created_at = Timestamptz()
    updated_at = Timestamptz(null=True)


class Partner(TenantTable):
    """The tenant itself is one, under the tenant's own id. `key` and `version` are as those of an offer."""

    id = UUID(primary_key=True)
    key = Integer()
    name = Varchar(500, help_text="The partner's name in cost reports.")
    status = Varchar(10, default="active", help_text="Archived partners are counted and reported as before.")
    version = BigInt(default=1)
    created_at = Timestamptz()
    updated_at = Timestamptz(null=True)
