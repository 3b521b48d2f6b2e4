"""The tables of the staff admin: for each the columns that staff may see, and how they are told.

What is not named here (digests, passwords, second factors) is in no query of Piccolo Admin, so in no answer of it.
"""

from enum import Enum

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    BigInt,
    BigSerial,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    Numeric,
    Real,
    Serial,
    SmallInt,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.columns.choices import Choice
from piccolo.columns.readable import Readable
from piccolo.querystring import QueryString

from tenants.tenant import TenantTable


class Status(Enum):
    active = Choice("active", "Active")
    paused = Choice("paused", "Paused")


class Os(Enum):
    ios = Choice("IOS", "iOS")
    android = Choice("ANDROID", "Android")
    web = Choice("WEB", "Web")


class Scope(Enum):
    cost_report = Choice("cost-report", "Cost report")
    singular = Choice("singular", "Singular")
    ingest = Choice("ingest", "Data in")


class ConversionStatus(Enum):
    pending = Choice("Pending", "Pending")
    success = Choice("Success", "Success")
    rejected = Choice("Rejected", "Rejected")


class Kind(Enum):
    conversions = Choice("conversions", "Conversions")
    events = Choice("events", "Views and clicks")
    offers = Choice("offers", "Offers")
    partners = Choice("partners", "Partners")
    corrections = Choice("corrections", "Corrections")


class Action(Enum):
    created = Choice("created", "Created")
    changed = Choice("changed", "Changed")
    deleted = Choice("deleted", "Deleted")


class LoginScope(Enum):
    cost_report = Choice("cost-report", "Cost report")
    singular = Choice("singular", "Singular")


class Role(Enum):
    owner = Choice("owner", "Owner")
    manager = Choice("manager", "Manager")
    viewer = Choice("viewer", "Viewer")


def selected(column: Column, value: str, *, with_alias: bool) -> QueryString:
    """The column as `value` says, where {} is its name."""
    sql = value.format(column._meta.get_full_name(with_alias=False))
    return QueryString(f'{sql} AS "{column._meta.name}"' if with_alias else sql)


class Inet(Varchar):
    """An address, as text: Piccolo knows no such type."""

    def get_select_string(self, engine_type: str, with_alias: bool = True) -> QueryString:
        return selected(self, "host({})", with_alias=with_alias)


class Money(Numeric):
    """Without the zeros that a division leaves behind."""

    def get_select_string(self, engine_type: str, with_alias: bool = True) -> QueryString:
        return selected(self, "trim_scale({})", with_alias=with_alias)


class Instant(Timestamptz):
    """To the second, as Piccolo's form knows it too."""

    def get_select_string(self, engine_type: str, with_alias: bool = True) -> QueryString:
        return selected(self, "date_trunc('second', {})", with_alias=with_alias)

    def get_where_string(self, engine_type: str) -> QueryString:
        return selected(self, "{}", with_alias=False)  # as its index has it


class Advertiser(
    TenantTable,
    tablename="advertiser",
    help_text="Companies that pay for results on your offers, and pull their cost reports.",
):
    id = UUID(primary_key=True)
    name = Varchar(500, help_text="As its own people see it.")
    status = Varchar(10, default="active", choices=Status, help_text="A paused advertiser's API keys get 403.")
    singular_enabled = Boolean(default=False, help_text="Whether Singular may pull this advertiser's costs.")
    singular_requested_at = Instant(null=True, default=None, help_text="When its people asked for Singular.")
    singular_requested_by = Varchar(320, null=True, default=None, help_text="Who of its people asked for Singular.")
    contact_name = Varchar(200, null=True, default=None)
    contact_email = Varchar(320, null=True, default=None)
    contact_phone = Varchar(50, null=True, default=None)
    billing_name = Varchar(200, null=True, default=None, help_text="The name that invoices are made out to.")
    billing_email = Varchar(320, null=True, default=None, help_text="Where invoices go.")
    billing_address = Text(null=True, default=None)
    tax_id = Varchar(50, null=True, default=None, help_text="VAT number, EIN or the like.")
    currency = Varchar(3, default="USD", help_text="In which it is billed: three letters, such as EUR (ISO 4217).")
    created_at = Instant(null=True, default=None)

    @classmethod
    def get_readable(cls) -> Readable:
        return Readable("%s", [cls.name])


class Offer(TenantTable, tablename="offer", help_text="The campaigns of advertisers."):
    id = UUID(primary_key=True)
    name = Varchar(500, help_text="As people see it who are shown the offer.")
    advertiser = ForeignKey(Advertiser, null=False, help_text="Who owes for its conversions, past ones included.")
    campaign_name = Varchar(500, null=True, default=None, help_text="The advertiser's own name for it.")
    app_name = Varchar(500, null=True, default=None)
    store_id = Varchar(500, null=True, default=None, help_text="Such as com.test, or an App Store number.")
    os = Varchar(10, null=True, default=None, choices=Os, help_text="Singular needs it, as it does a store id.")
    created_at = Instant(null=True, default=None)

    @classmethod
    def get_readable(cls) -> Readable:
        return Readable("%s", [cls.name])


class Partner(
    TenantTable,
    tablename="partner",
    help_text="Publishers: who shows the offers. You are one yourself, for conversions without another.",
):
    id = UUID(primary_key=True)
    name = Varchar(500, help_text="The publisher's name in cost reports.")
    created_at = Instant(null=True, default=None)

    @classmethod
    def get_readable(cls) -> Readable:
        return Readable("%s", [cls.name])


class ApiToken(
    TenantTable,
    tablename="api_token",
    help_text="API keys. They are made, rotated and revoked at the desk, under API keys.",
):
    id = Serial(primary_key=True)
    name = Varchar(200, help_text="What it is told from others by.")
    hint = Varchar(20, help_text="The visible ends of the key. The rest is kept nowhere.")
    advertiser = ForeignKey(Advertiser, null=True, help_text="Empty for a key that data comes in with.")
    scopes = Array(Varchar(20), choices=Scope, help_text="What it may do.")
    networks = Array(
        Varchar(50), help_text="Networks that it may be used from, such as 203.0.113.0/24. None: from anywhere."
    )
    rate = Real(null=True, default=None, help_text="Requests a second that it may sustain. Empty: the tenant's limit.")
    burst = Integer(null=True, default=None, help_text="Requests at once when rested. Empty: the tenant's limit.")
    concurrency = Integer(null=True, default=None, help_text="Requests at a time. Empty: the tenant's limit.")
    replaces: ForeignKey["ApiToken"] = ForeignKey(
        "self", null=True, help_text="The key that was rotated to make this one."
    )
    created_by = Varchar(200)
    created_at = Instant(null=True, default=None)
    expires_at = Instant(
        null=True, default=None, help_text="May be brought forward, never put off: rotate the key instead."
    )
    revoked_at = Instant(null=True, default=None, help_text="Dead from then on, for ever.")
    last_used_at = Instant(null=True, default=None, help_text="To the minute.")
    last_used_from = Inet(50, null=True, default=None, help_text="The address of the last use.")

    @classmethod
    def get_readable(cls) -> Readable:
        return Readable("%s", [cls.name])


class AdvertiserLogin(
    TenantTable,
    tablename="advertiser_login",
    help_text="The people of advertisers, who sign in to the portal. They are invited at the desk, under People.",
):
    id = Serial(primary_key=True)
    email = Varchar(320, help_text="What they sign in with.")
    name = Varchar(200)
    advertiser = ForeignKey(Advertiser, null=False)
    scopes = Array(Varchar(20), choices=LoginScope, help_text="No key that they make can do more.")
    active = Boolean(default=True, help_text="Whoever is not cannot sign in, and is signed out.")
    created_at = Instant(null=True, default=None)
    last_sign_in_at = Instant(null=True, default=None)

    @classmethod
    def get_readable(cls) -> Readable:
        return Readable("%s", [cls.email])


class Staff(
    TenantTable,
    tablename="staff",
    help_text="Your colleagues, who sign in here. They are invited at the desk, under People.",
):
    id = Serial(primary_key=True)
    email = Varchar(320, help_text="What they sign in with.")
    name = Varchar(200)
    role = Varchar(
        10,
        choices=Role,
        help_text="Viewers look. Managers change all but staff and settings. Owners change everything.",
    )
    active = Boolean(default=True, help_text="Whoever is not cannot sign in, and is signed out.")
    created_at = Instant(null=True, default=None)
    last_sign_in_at = Instant(null=True, default=None)

    @classmethod
    def get_readable(cls) -> Readable:
        return Readable("%s", [cls.email])


class Setting(TenantTable, tablename="setting", help_text="What holds for the whole tenant."):
    id = Serial(primary_key=True)
    name = Varchar(10)
    staff_totp_required = Boolean(
        default=False, help_text="Staff without two-step sign-in must set it up before anything else."
    )

    @classmethod
    def get_readable(cls) -> Readable:
        return Readable("%s", [cls.name])


class ConversionList(
    TenantTable,
    tablename="conversion_list",
    help_text="Conversions as they stand now. They are corrected at the desk, under Corrections.",
):
    id = UUID(primary_key=True)
    occurred_at = Instant(help_text="When the user completed the action: the day on which it counts.")
    status = Varchar(10, choices=ConversionStatus, help_text="Only a Success counts and costs.")
    cost = Money(digits=(19, 6), help_text="What the advertiser owes for it, if it is a Success.")
    offer = Varchar(500)
    advertiser = Varchar(500)
    partner = Varchar(500)
    click = UUID(null=True, default=None, help_text="The click that it came from.")
    rejection_reason = Text(null=True, default=None)
    received_at = Instant(help_text="When it was first taken in.")


class Intake(TenantTable, tablename="intake", help_text="Calls by which data came in."):
    id = BigSerial(primary_key=True)
    received_at = Instant()
    kind = Varchar(12, choices=Kind, help_text="What was sent.")
    token = ForeignKey(ApiToken, null=True, help_text="The API key. Empty for a file, or a correction at the desk.")
    accepted = Integer(help_text="Records that changed something.")
    duplicates = Integer(help_text="Records that were known already.")
    rejected = Integer(help_text="Records that made no sense.")

    @classmethod
    def get_readable(cls) -> Readable:
        return Readable("%s", [cls.id])


class IntakeRejectList(
    TenantTable, tablename="intake_reject_list", help_text="Records that were not taken in, and why."
):
    id = BigSerial(primary_key=True)
    received_at = Instant()
    kind = Varchar(12, choices=Kind)
    index = Integer(help_text="Its place in what was sent, from 0.")
    record = Varchar(200, null=True, default=None, help_text="Its id, where it had one.")
    field = Varchar(100)
    message = Text()
    token = Varchar(200, null=True, default=None, help_text="The name of the API key.")


class SingularPullList(TenantTable, tablename="singular_pull_list", help_text="When Singular pulled what."):
    id = BigSerial(primary_key=True)
    at = Instant()
    advertiser = Varchar(500)
    token = Varchar(200, help_text="The name of the API key.")
    hint = Varchar(20, help_text="The visible ends of the API key.")
    format = Varchar(4)
    starts_at = Instant(null=True, default=None, help_text="The range that it asked for.")
    ends_at = Instant(null=True, default=None, help_text="Not included.")
    status = SmallInt(help_text="The HTTP status: 200 is a success.")
    rows = BigInt(null=True, default=None)
    milliseconds = Integer()


class AuditLog(
    TenantTable, tablename="audit_log", help_text="Who changed what, from where. The database writes it itself."
):
    id = BigSerial(primary_key=True)
    at = Instant()
    actor = Varchar(400, help_text="Whose change it was: staff, an advertiser's person, the platform's, or a command.")
    address = Inet(50, null=True, default=None, help_text="From which address. Empty at the command line.")
    action = Varchar(10, choices=Action)
    subject = Varchar(63, help_text="The table.")
    key = Varchar(100, help_text="The row's id.")
    label = Varchar(500, help_text="The row's name.")
    before = JSONB(null=True, default=None, help_text="The columns that changed, before.")
    after = JSONB(null=True, default=None, help_text="The columns that changed, after.")
