from piccolo.columns import Serial, Text

from tenants.tenant import TenantTable


class Note(TenantTable):
    id = Serial(primary_key=True)
    text = Text()
