"""How Piccolo Admin lists its tables and views.

A table with a `link_column` must not list its id: the page of a list with both stays empty.
"""

from piccolo.columns import Column
from piccolo_admin.endpoints import TableConfig
from piccolo_api.crud.endpoints import OrderBy

from admin.piccolo.tables import (
    AdvertiserAdmin,
    AdvertiserUserAdmin,
    ApiKeyAdmin,
    AuditLogAdmin,
    IntakeLogAdmin,
    OfferAdmin,
    PartnerAdmin,
    StaffUserAdmin,
    TenantSettingsAdmin,
)
from admin.piccolo.views import ConversionList, IntakeRejectList, RequestList

CATALOGUE, ACCESS, DATA, LOGS = "Catalogue", "Access", "Data in", "Logs"


def by(column: Column) -> list[OrderBy]:
    return [OrderBy(column)]


def newest(column: Column) -> list[OrderBy]:
    return [OrderBy(column, ascending=False)]


TABLES = [
    TableConfig(
        AdvertiserAdmin,
        menu_group=CATALOGUE,
        visible_columns=[
            AdvertiserAdmin.name,
            AdvertiserAdmin.status,
            AdvertiserAdmin.singular_enabled,
            AdvertiserAdmin.singular_requested_at,
            AdvertiserAdmin.contact_name,
            AdvertiserAdmin.contact_email,
            AdvertiserAdmin.currency,
            AdvertiserAdmin.created_at,
        ],
        visible_filters=[
            AdvertiserAdmin.name,
            AdvertiserAdmin.status,
            AdvertiserAdmin.singular_enabled,
            AdvertiserAdmin.singular_requested_at,
            AdvertiserAdmin.contact_email,
            AdvertiserAdmin.currency,
        ],
        link_column=AdvertiserAdmin.name,
        order_by=by(AdvertiserAdmin.name),
    ),
    TableConfig(
        OfferAdmin,
        menu_group=CATALOGUE,
        exclude_visible_columns=[OfferAdmin.id],
        exclude_visible_filters=[OfferAdmin.created_at],
        link_column=OfferAdmin.name,
        order_by=by(OfferAdmin.name),
    ),
    TableConfig(
        PartnerAdmin,
        menu_group=CATALOGUE,
        exclude_visible_columns=[PartnerAdmin.id],
        link_column=PartnerAdmin.name,
        order_by=by(PartnerAdmin.name),
    ),
    TableConfig(
        ApiKeyAdmin,
        menu_group=ACCESS,
        visible_columns=[
            ApiKeyAdmin.name,
            ApiKeyAdmin.hint,
            ApiKeyAdmin.advertiser,
            ApiKeyAdmin.scopes,
            ApiKeyAdmin.last_used_at,
            ApiKeyAdmin.expires_at,
            ApiKeyAdmin.revoked_at,
        ],
        visible_filters=[
            ApiKeyAdmin.name,
            ApiKeyAdmin.hint,
            ApiKeyAdmin.advertiser,
            ApiKeyAdmin.scopes,
            ApiKeyAdmin.created_by,
            ApiKeyAdmin.expires_at,
            ApiKeyAdmin.last_used_at,
        ],
        link_column=ApiKeyAdmin.name,
        order_by=newest(ApiKeyAdmin.id),
    ),
    TableConfig(
        AdvertiserUserAdmin,
        menu_group=ACCESS,
        exclude_visible_columns=[AdvertiserUserAdmin.id, AdvertiserUserAdmin.created_at],
        visible_filters=[AdvertiserUserAdmin.email, AdvertiserUserAdmin.advertiser, AdvertiserUserAdmin.active],
        link_column=AdvertiserUserAdmin.email,
        order_by=by(AdvertiserUserAdmin.email),
    ),
    TableConfig(
        StaffUserAdmin,
        menu_group=ACCESS,
        exclude_visible_columns=[StaffUserAdmin.id, StaffUserAdmin.created_at],
        visible_filters=[StaffUserAdmin.email, StaffUserAdmin.role, StaffUserAdmin.active],
        link_column=StaffUserAdmin.email,
        order_by=by(StaffUserAdmin.email),
    ),
    TableConfig(
        TenantSettingsAdmin,
        menu_group=ACCESS,
        exclude_visible_columns=[TenantSettingsAdmin.id],
        link_column=TenantSettingsAdmin.name,
    ),
    TableConfig(
        ConversionList,
        menu_group=DATA,
        exclude_visible_columns=[ConversionList.click, ConversionList.received_at],
        order_by=newest(ConversionList.occurred_at),
        time_resolution={ConversionList.occurred_at: 1, ConversionList.received_at: 1},
    ),
    TableConfig(
        IntakeLogAdmin,
        menu_group=DATA,
        order_by=newest(IntakeLogAdmin.id),
        time_resolution={IntakeLogAdmin.received_at: 1},
    ),
    TableConfig(
        IntakeRejectList,
        menu_group=DATA,
        order_by=newest(IntakeRejectList.id),
        time_resolution={IntakeRejectList.received_at: 1},
    ),
    TableConfig(
        RequestList,
        menu_group=LOGS,
        order_by=newest(RequestList.at),
        time_resolution={RequestList.at: 1},
    ),
    TableConfig(
        AuditLogAdmin,
        menu_group=LOGS,
        exclude_visible_columns=[AuditLogAdmin.key],
        exclude_visible_filters=[AuditLogAdmin.before, AuditLogAdmin.after],
        order_by=newest(AuditLogAdmin.id),
        time_resolution={AuditLogAdmin.at: 1},
    ),
]
