"""The values of columns with a fixed set of values, and their labels in Piccolo Admin."""

from enum import Enum

from piccolo.columns.choices import Choice


class AdvertiserStatusChoice(Enum):
    active = Choice("active", "Active")
    paused = Choice("paused", "Paused")
    archived = Choice("archived", "Archived")


class OfferStatusChoice(Enum):
    active = Choice("active", "Active")
    paused = Choice("paused", "Paused")
    archived = Choice("archived", "Archived")


class PartnerStatusChoice(Enum):
    active = Choice("active", "Active")
    archived = Choice("archived", "Archived")


class OsName(Enum):
    ios = Choice("IOS", "iOS")
    android = Choice("ANDROID", "Android")
    web = Choice("WEB", "Web")


class ApiKeyScope(Enum):
    cost_report = Choice("cost-report", "Cost report")
    singular = Choice("singular", "Singular")
    conversions = Choice("conversions", "Conversions")
    ingest = Choice("ingest", "Ingest")


class AdvertiserUserScope(Enum):
    cost_report = Choice("cost-report", "Cost report")
    singular = Choice("singular", "Singular")
    conversions = Choice("conversions", "Conversions")


class StaffRole(Enum):
    owner = Choice("owner", "Owner")
    manager = Choice("manager", "Manager")
    viewer = Choice("viewer", "Viewer")


class ConversionStatus(Enum):
    pending = Choice("Pending", "Pending")
    success = Choice("Success", "Success")
    rejected = Choice("Rejected", "Rejected")


class RecordKind(Enum):
    conversions = Choice("conversions", "Conversions")
    events = Choice("events", "Views and clicks")
    offers = Choice("offers", "Offers")
    partners = Choice("partners", "Partners")
    corrections = Choice("corrections", "Corrections")


class AuditAction(Enum):
    created = Choice("created", "Created")
    changed = Choice("changed", "Changed")
    deleted = Choice("deleted", "Deleted")
