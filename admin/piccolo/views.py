"""The database views that exist for Piccolo Admin only."""

from piccolo.columns import UUID, BigInt, BigSerial, Integer, SmallInt, Text, Varchar

from admin.piccolo.choices import ConversionStatus, RecordKind
from admin.piccolo.columns import Money, Seconds
from tenants.tenant import TenantTable


class ConversionList(
    TenantTable, help_text="Conversions and their current status. Correct them in Admin, under Intake, Corrections."
):
    id = UUID(primary_key=True)
    occurred_at = Seconds(help_text="When the user completed the action: the day on which it counts.")
    status = Varchar(10, choices=ConversionStatus, help_text="Only a Success counts and costs.")
    cost = Money(help_text="What the advertiser owes for it, if it is a Success.")
    offer = Varchar(500)
    advertiser = Varchar(500)
    partner = Varchar(500)
    click = UUID(null=True, default=None, help_text="The click that led to it.")
    rejection_reason = Text(null=True, default=None)
    received_at = Seconds(help_text="When it was first received.")


class IntakeRejectList(TenantTable, help_text="Records that were rejected, and why."):
    id = BigSerial(primary_key=True)
    received_at = Seconds()
    kind = Varchar(12, choices=RecordKind)
    index = Integer(help_text="The position in the batch, from 0.")
    record = Varchar(200, null=True, default=None, help_text="The record's id, if it had one.")
    field = Varchar(100)
    message = Text()
    token = Varchar(200, null=True, default=None, help_text="The name of the API key.")


class SingularPullList(TenantTable, help_text="The log of Singular's requests."):
    id = BigSerial(primary_key=True)
    at = Seconds()
    advertiser = Varchar(500)
    token = Varchar(200, help_text="The name of the API key.")
    hint = Varchar(20, help_text="The first and last characters of the API key.")
    format = Varchar(4)
    starts_at = Seconds(null=True, default=None, help_text="The requested range.")
    ends_at = Seconds(null=True, default=None, help_text="Exclusive.")
    status = SmallInt(help_text="The HTTP status: 200 is a success.")
    rows = BigInt(null=True, default=None)
    milliseconds = Integer()
