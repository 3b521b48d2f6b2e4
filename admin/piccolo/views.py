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


class RequestList(TenantTable, help_text="The last 10,000 requests with API keys."):
    id = BigSerial(primary_key=True)
    at = Seconds()
    token = Varchar(200, help_text="The name of the API key.")
    hint = Varchar(20, help_text="The first and last characters of the API key.")
    advertiser = Varchar(500, help_text="Empty for an ingest key.")
    endpoint = Varchar(100)
    status = SmallInt(help_text="The HTTP status: 200 is a success.")
    rows = BigInt(null=True, default=None, help_text="Of the report, or the records of the batch.")
    accepted = Integer(null=True, default=None, help_text="Records of a batch.")
    rejected = Integer(null=True, default=None, help_text="Records of a batch.")
    sent = BigInt(null=True, default=None, help_text="Bytes of the response.")
    milliseconds = Integer()
    address = Varchar(43, null=True, default=None, help_text="The client's IP address.")
