from piccolo.columns import BigSerial, ForeignKey, Integer, Timestamptz, Varchar

from auth.api_keys.tables import ApiKey
from tenants.tenant import TenantTable


class IntakeLog(TenantTable, tablename="intake"):
    """One row for each batch, written in the transaction that stores its records."""

    id = BigSerial(primary_key=True)
    received_at = Timestamptz()
    kind = Varchar(12, help_text="The type of the records.")
    token = ForeignKey(ApiKey, null=True, help_text="The API key. Empty for a file and for corrections by staff.")
    accepted = Integer(help_text="Records that changed something.")
    duplicates = Integer(help_text="Records that were already known.")
    rejected = Integer(help_text="Records that failed validation.")
