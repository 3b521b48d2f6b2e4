"""Users of a tenant, the tenant's settings, and its audit log.

Schema public has the same `staff` and `audit_log` for platform staff.
"""

from piccolo.columns import (
    JSONB,
    Array,
    BigInt,
    BigSerial,
    Boolean,
    Bytea,
    ForeignKey,
    Integer,
    Serial,
    Timestamptz,
    Varchar,
)

from catalog.tables import Advertiser
from database.columns import Inet
from tenants.tenant import TenantTable


class UserColumns:
    """What every kind of user has."""

    id = Serial(primary_key=True)
    email = Varchar(320, help_text="The user signs in with it.")
    name = Varchar(200)
    active = Boolean(default=True, help_text="A deactivated user is signed out and cannot sign in.")
    password = Varchar(255, null=True, default=None, secret=True)
    totp_secret = Varchar(64, null=True, default=None, secret=True)
    totp_step = BigInt(null=True, default=None)
    recovery_codes = Array(Bytea(), secret=True)
    created_at = Timestamptz()
    last_sign_in_at = Timestamptz(null=True, default=None)


class StaffUser(UserColumns, TenantTable, tablename="staff"):
    role = Varchar(
        10,
        help_text="Viewers read. Managers change everything except staff and settings. Owners change everything.",
    )


class AdvertiserUser(UserColumns, TenantTable, tablename="advertiser_login"):
    advertiser = ForeignKey(Advertiser, null=False)
    scopes = Array(Varchar(20), help_text="The permissions that the user may give to API keys.")
    admin = Boolean(default=False, help_text="An administrator invites and manages the advertiser's other users.")
    deactivated_by_team = Boolean(
        default=False, help_text="An administrator deactivated the user, so administrators can reactivate the user."
    )


class TenantSettings(TenantTable, tablename="setting"):
    """One row."""

    id = Serial(primary_key=True)
    name = Varchar(10, default="settings")
    staff_totp_required = Boolean(
        default=False, help_text="Staff must set up two-factor authentication before they do anything else."
    )
    final_after_days = Integer(
        default=30, help_text="A day's figures are final when it ended more than this number of days ago."
    )
    support_email = Varchar(320, null=True, default=None, help_text="Pages and emails show it as the support contact.")
    support_url = Varchar(500, null=True, default=None, help_text="An https URL that pages and emails show as support.")
    time_zone = Varchar(
        64, default="UTC", help_text="IANA name: of the days of staff pages, and what new advertisers get."
    )


class AuditLog(TenantTable):
    """Triggers write it. `before` and `after` are the columns that changed, with their values."""

    id = BigSerial(primary_key=True)
    at = Timestamptz()
    actor = Varchar(400, help_text="Who made the change: staff, an advertiser user, platform staff, or a command.")
    address = Inet(null=True, default=None, help_text="The actor's IP address. Empty for a command.")
    action = Varchar(10)
    subject = Varchar(63, help_text="The table.")
    key = Varchar(100, help_text="The row's id.")
    label = Varchar(500, help_text="The row's name.")
    before = JSONB(null=True, default=None, help_text="The changed columns, before.")
    after = JSONB(null=True, default=None, help_text="The changed columns, after.")
