"""How Piccolo Admin lists the tables of `admin.piccolo.tables`.

Where another column leads to the row, the id must not be listed: its page knows no such column then, and stays empty.
"""

from piccolo.columns import Column
from piccolo_admin.endpoints import TableConfig
from piccolo_api.crud.endpoints import OrderBy

from admin.piccolo import tables as t

CATALOGUE, ACCESS, DATA, LOGS = "Catalogue", "Access", "Data in", "Logs"


def by(column: Column) -> list[OrderBy]:
    return [OrderBy(column)]


def newest(column: Column) -> list[OrderBy]:
    return [OrderBy(column, ascending=False)]


TABLES = [
    TableConfig(
        t.Advertiser,
        menu_group=CATALOGUE,
        visible_columns=[
            t.Advertiser.name,
            t.Advertiser.status,
            t.Advertiser.singular_enabled,
            t.Advertiser.singular_requested_at,
            t.Advertiser.contact_name,
            t.Advertiser.contact_email,
            t.Advertiser.currency,
            t.Advertiser.created_at,
        ],
        visible_filters=[
            t.Advertiser.name,
            t.Advertiser.status,
            t.Advertiser.singular_enabled,
            t.Advertiser.singular_requested_at,
            t.Advertiser.contact_email,
            t.Advertiser.currency,
        ],
        link_column=t.Advertiser.name,
        order_by=by(t.Advertiser.name),
    ),
    TableConfig(
        t.Offer,
        menu_group=CATALOGUE,
        exclude_visible_columns=[t.Offer.id],
        exclude_visible_filters=[t.Offer.created_at],
        link_column=t.Offer.name,
        order_by=by(t.Offer.name),
    ),
    TableConfig(
        t.Partner,
        menu_group=CATALOGUE,
        exclude_visible_columns=[t.Partner.id],
        link_column=t.Partner.name,
        order_by=by(t.Partner.name),
    ),
    TableConfig(
        t.ApiToken,
        menu_group=ACCESS,
        visible_columns=[
            t.ApiToken.name,
            t.ApiToken.hint,
            t.ApiToken.advertiser,
            t.ApiToken.scopes,
            t.ApiToken.last_used_at,
            t.ApiToken.expires_at,
            t.ApiToken.revoked_at,
        ],
        visible_filters=[
            t.ApiToken.name,
            t.ApiToken.hint,
            t.ApiToken.advertiser,
            t.ApiToken.scopes,
            t.ApiToken.created_by,
            t.ApiToken.expires_at,
            t.ApiToken.last_used_at,
        ],
        link_column=t.ApiToken.name,
        order_by=newest(t.ApiToken.id),
    ),
    TableConfig(
        t.AdvertiserLogin,
        menu_group=ACCESS,
        exclude_visible_columns=[t.AdvertiserLogin.id, t.AdvertiserLogin.created_at],
        visible_filters=[t.AdvertiserLogin.email, t.AdvertiserLogin.advertiser, t.AdvertiserLogin.active],
        link_column=t.AdvertiserLogin.email,
        order_by=by(t.AdvertiserLogin.email),
    ),
    TableConfig(
        t.Staff,
        menu_group=ACCESS,
        exclude_visible_columns=[t.Staff.id, t.Staff.created_at],
        visible_filters=[t.Staff.email, t.Staff.role, t.Staff.active],
        link_column=t.Staff.email,
        order_by=by(t.Staff.email),
    ),
    TableConfig(
        t.Setting,
        menu_group=ACCESS,
        exclude_visible_columns=[t.Setting.id],
        link_column=t.Setting.name,
    ),
    TableConfig(
        t.ConversionList,
        menu_group=DATA,
        exclude_visible_columns=[t.ConversionList.click, t.ConversionList.received_at],
        order_by=newest(t.ConversionList.occurred_at),
        time_resolution={t.ConversionList.occurred_at: 1, t.ConversionList.received_at: 1},
    ),
    TableConfig(t.Intake, menu_group=DATA, order_by=newest(t.Intake.id), time_resolution={t.Intake.received_at: 1}),
    TableConfig(
        t.IntakeRejectList,
        menu_group=DATA,
        order_by=newest(t.IntakeRejectList.id),
        time_resolution={t.IntakeRejectList.received_at: 1},
    ),
    TableConfig(
        t.SingularPullList,
        menu_group=LOGS,
        order_by=newest(t.SingularPullList.id),
        time_resolution={t.SingularPullList.at: 1},
    ),
    TableConfig(
        t.AuditLog,
        menu_group=LOGS,
        exclude_visible_columns=[t.AuditLog.key],
        exclude_visible_filters=[t.AuditLog.before, t.AuditLog.after],
        order_by=newest(t.AuditLog.id),
        time_resolution={t.AuditLog.at: 1},
    ),
]
