"""The tables of Piccolo Admin: which of the declared columns staff may see, and how.

Columns that are missing here (digests, passwords, second factors) are in no query of Piccolo Admin.
"""

from piccolo.columns import ForeignKey

from admin.piccolo.choices import (
    AdvertiserStatusChoice,
    AdvertiserUserScope,
    ApiKeyScope,
    AuditAction,
    OfferStatusChoice,
    OsName,
    PartnerStatusChoice,
    RecordKind,
    StaffRole,
)
from admin.piccolo.columns import ReadableByEmail, ReadableByName, shown
from auth.api_keys.tables import ApiKey
from auth.users.tables import AdvertiserUser, AuditLog, StaffUser, TenantSettings
from catalog.tables import Advertiser, Offer, Partner
from ingest.tables import IntakeLog
from tenants.tenant import TenantTable
from web.pages.branding import current_branding


def default_time_zone() -> str:
    """Of new advertisers: the tenant's."""
    return current_branding().time_zone


class AdvertiserAdmin(
    ReadableByName,
    TenantTable,
    tablename="advertiser",
    help_text="Companies that pay for conversions of your offers and read their cost reports.",
):
    id = shown(Advertiser.id)
    name = shown(Advertiser.name)
    status = shown(Advertiser.status, choices=AdvertiserStatusChoice)
    singular_enabled = shown(Advertiser.singular_enabled)
    singular_requested_at = shown(Advertiser.singular_requested_at)
    singular_requested_by = shown(Advertiser.singular_requested_by)
    contact_name = shown(Advertiser.contact_name)
    contact_email = shown(Advertiser.contact_email)
    contact_phone = shown(Advertiser.contact_phone)
    billing_name = shown(Advertiser.billing_name)
    billing_email = shown(Advertiser.billing_email)
    billing_address = shown(Advertiser.billing_address)
    tax_id = shown(Advertiser.tax_id)
    currency = shown(Advertiser.currency)
    time_zone = shown(Advertiser.time_zone, default=default_time_zone)
    created_at = shown(Advertiser.created_at)


class OfferAdmin(ReadableByName, TenantTable, tablename="offer", help_text="The campaigns of advertisers."):
    id = shown(Offer.id)
    name = shown(Offer.name)
    status = shown(Offer.status, choices=OfferStatusChoice)
    advertiser = shown(Offer.advertiser, references=AdvertiserAdmin)
    campaign_name = shown(Offer.campaign_name)
    app_name = shown(Offer.app_name)
    store_id = shown(Offer.store_id)
    os = shown(Offer.os, choices=OsName)
    created_at = shown(Offer.created_at)


class PartnerAdmin(
    ReadableByName,
    TenantTable,
    tablename="partner",
    help_text="Partners that show the offers. You are one of them: conversions without a partner are yours.",
):
    id = shown(Partner.id)
    name = shown(Partner.name)
    status = shown(Partner.status, choices=PartnerStatusChoice)
    created_at = shown(Partner.created_at)


class ApiKeyAdmin(
    ReadableByName,
    TenantTable,
    tablename="api_token",
    help_text="API keys of advertisers, and ingest keys. A new key is shown once. To rotate one, open it in Admin.",
):
    id = shown(ApiKey.id)
    name = shown(ApiKey.name)
    hint = shown(ApiKey.hint)
    advertiser = shown(ApiKey.advertiser, references=AdvertiserAdmin)
    scopes = shown(ApiKey.scopes, choices=ApiKeyScope)
    networks = shown(ApiKey.networks)
    rate = shown(ApiKey.rate)
    burst = shown(ApiKey.burst)
    concurrency = shown(ApiKey.concurrency)
    replaces: ForeignKey["ApiKey"] = shown(ApiKey.replaces)
    created_by = shown(ApiKey.created_by)
    created_at = shown(ApiKey.created_at)
    expires_at = shown(ApiKey.expires_at, "Can only be moved earlier. To extend it, rotate the key.")
    revoked_at = shown(ApiKey.revoked_at, "Any time revokes the key now, for good.")
    last_used_at = shown(ApiKey.last_used_at)
    last_used_from = shown(ApiKey.last_used_from)


class AdvertiserUserAdmin(
    ReadableByEmail,
    TenantTable,
    tablename="advertiser_login",
    help_text="Users of advertisers, who sign in to the portal. Invite them in Admin, under Users.",
):
    id = shown(AdvertiserUser.id)
    email = shown(AdvertiserUser.email)
    name = shown(AdvertiserUser.name)
    advertiser = shown(AdvertiserUser.advertiser, references=AdvertiserAdmin)
    scopes = shown(AdvertiserUser.scopes, choices=AdvertiserUserScope)
    active = shown(AdvertiserUser.active)
    created_at = shown(AdvertiserUser.created_at)
    last_sign_in_at = shown(AdvertiserUser.last_sign_in_at)


class StaffUserAdmin(
    ReadableByEmail,
    TenantTable,
    tablename="staff",
    help_text="Your colleagues, who sign in here. Invite them in Admin, under Users.",
):
    id = shown(StaffUser.id)
    email = shown(StaffUser.email)
    name = shown(StaffUser.name)
    role = shown(StaffUser.role, choices=StaffRole)
    active = shown(StaffUser.active)
    created_at = shown(StaffUser.created_at)
    last_sign_in_at = shown(StaffUser.last_sign_in_at)


class TenantSettingsAdmin(ReadableByName, TenantTable, tablename="setting", help_text="Settings of the whole tenant."):
    id = shown(TenantSettings.id)
    name = shown(TenantSettings.name)
    staff_totp_required = shown(TenantSettings.staff_totp_required)
    final_after_days = shown(TenantSettings.final_after_days)
    support_email = shown(TenantSettings.support_email)
    support_url = shown(TenantSettings.support_url)
    time_zone = shown(TenantSettings.time_zone)


class IntakeLogAdmin(TenantTable, tablename="intake", help_text="Batches of data that were received."):
    id = shown(IntakeLog.id)
    received_at = shown(IntakeLog.received_at)
    kind = shown(IntakeLog.kind, choices=RecordKind)
    token = shown(IntakeLog.token, references=ApiKeyAdmin)
    accepted = shown(IntakeLog.accepted)
    duplicates = shown(IntakeLog.duplicates)
    rejected = shown(IntakeLog.rejected)


class AuditLogAdmin(
    TenantTable, tablename="audit_log", help_text="Who changed what, and from where. The database writes it."
):
    id = shown(AuditLog.id)
    at = shown(AuditLog.at)
    actor = shown(AuditLog.actor)
    address = shown(AuditLog.address)
    action = shown(AuditLog.action, choices=AuditAction)
    subject = shown(AuditLog.subject)
    key = shown(AuditLog.key)
    label = shown(AuditLog.label)
    before = shown(AuditLog.before)
    after = shown(AuditLog.after)
