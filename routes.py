"""Every URL with its handler. `tests/test_routes.py` compares this list with the app.

API: api.TENANT.<base>; the last two on any host
  /api/v1/costReporting/GoKart/csv                 CostReportController: GET|HEAD csv
  /api/v1/costReporting/GoKart/json                CostReportController: GET|HEAD json
  /api/v1/integrations/cost-report/csv             CostReportController: GET|HEAD csv
  /api/v1/integrations/cost-report/json            CostReportController: GET|HEAD json
  /api/v1/integrations/cost-report/singular/csv    SingularController: GET|HEAD csv
  /api/v1/integrations/cost-report/singular/json   SingularController: GET|HEAD json
  /api/v1/conversions                              ConversionController: GET|HEAD conversions
  /api/v1/offers                                   DimensionController: GET|HEAD offers
  /api/v1/partners                                 DimensionController: GET|HEAD partners
  /api/v1/ingest/conversions                       IngestController: POST conversions
  /api/v1/ingest/events                            IngestController: POST events
  /api/v1/ingest/offers                            IngestController: PUT offers
  /api/v1/ingest/partners                          IngestController: PUT partners
  /api/v1/reports/changes                          ChangesController: GET|HEAD changes
  /api/v1/reports/query                            QueryController: GET|HEAD query
  /api/v1/reports/changes/explain                  ChangesController: GET|HEAD explain
  /api/v1/reports/status                           StatusController: GET|HEAD status
  /docs                                            DocsController: GET|HEAD try_it
  /docs/static/{name:str}                          DocsController: GET|HEAD asset
  /docs/{name:str}                                 DocsController: GET|HEAD text
  /openapi.json                                    DocsController: GET|HEAD openapi
  /healthz                                         GET|HEAD healthz
  /readyz                                          GET|HEAD readyz

Portal, Admin, Platform: on each, below its root (Admin: /staff)
  /forgot                                    LoginController: GET forgot_form, POST forgot
  /link/{token:str}                          LoginController: GET link_form, POST use_link
  /sign-in                                   LoginController: GET form, POST sign_in
  /sign-in/code                              LoginController: GET code_form, POST code
  /sign-out                                  LoginController: POST sign_out
  /account                                   AccountController: GET account
  /account/password                          AccountController: POST password
  /account/sessions/end-all                  AccountController: POST end_all
  /account/sessions/end-others               AccountController: POST end_others
  /account/sessions/{session:int}/end        AccountController: POST end_session
  /account/two-step                          AccountController: GET two_step_form, POST two_step
  /account/two-step/codes                    AccountController: POST codes
  /account/two-step/off                      AccountController: POST two_step_off

Portal: app.TENANT.<base>
  /singular                                  SingularPageController: GET singular
  /singular/request                          SingularPageController: POST request_access
  /                                          DashboardController: GET dashboard
  /changes                                   DrilldownController: GET changes
  /changes.csv                               DrilldownController: GET export_changes
  /conversions                               DrilldownController: GET conversions
  /conversions.csv                           DrilldownController: GET export
  /conversions/{conversion:uuid}             DrilldownController: GET conversion
  /export                                    DashboardController: GET|HEAD export
  /keys                                      AdvertiserApiKeyController: GET list_api_keys
  /keys/dismiss-reminder                     AdvertiserApiKeyController: POST dismiss_reminder
  /keys/new                                  AdvertiserApiKeyController: GET new, POST create
  /keys/requests                             AdvertiserApiKeyController: GET requests
  /keys/revoke-all                           AdvertiserApiKeyController: POST revoke_all
  /keys/{key_id:int}/revoke                  AdvertiserApiKeyController: GET revoke_form, POST revoke
  /keys/{key_id:int}/rotate                  AdvertiserApiKeyController: GET rotate_form, POST rotate
  /api                                       ApiController: GET api
  /team                                      TeamController: GET team
  /team/new                                  TeamController: GET invite_form, POST invite
  /team/{user_id:int}                        TeamController: GET colleague
  /team/{user_id:int}/active                 TeamController: POST set_active
  /team/{user_id:int}/link                   TeamController: POST create_link
  /team/{user_id:int}/permissions            TeamController: POST set_permissions
  /team/{user_id:int}/remove                 TeamController: POST remove
  /team/{user_id:int}/sessions               TeamController: POST end_sessions
  /logo/{digest:str}                         GET|HEAD logo
  /notifications                             NotificationController: GET notifications
  /notifications/choices                     NotificationController: POST save_choices
  /notifications/read                        NotificationController: POST mark_as_read
  /unsubscribe/{token:str}                   UnsubscribeController: GET confirm, POST stop
  /views                                     SavedViewController: GET views, POST save
  /views/{view_id:int}                       SavedViewController: POST change
  /views/{view_id:int}/delete                SavedViewController: POST delete

Admin: app.TENANT.<base>
  /staff                                     StaffSpendController: GET spend
  /staff/export                              StaffSpendController: GET|HEAD export
  /staff/unsubscribe/{token:str}             UnsubscribeController: GET confirm, POST stop
  /staff/views                               SavedViewController: GET views, POST save
  /staff/views/{view_id:int}                 SavedViewController: POST change
  /staff/views/{view_id:int}/delete          SavedViewController: POST delete
  /staff/keys                                StaffKeyController: GET list_all
  /staff/keys/dismiss-reminder               StaffKeyController: POST dismiss_reminder
  /staff/keys/new                            StaffKeyController: GET new, POST create
  /staff/keys/new-ingest                     StaffKeyController: GET new_ingest, POST create_ingest
  /staff/keys/revoke-all                     StaffKeyController: POST revoke_all
  /staff/keys/{key_id:int}/first-record      StaffKeyController: GET first_record
  /staff/keys/{key_id:int}/revoke            StaffKeyController: GET revoke_form, POST revoke
  /staff/keys/{key_id:int}/rotate            StaffKeyController: GET rotate_form, POST rotate
  /staff/people                              TenantUsersController: GET users
  /staff/people/staff/new                    UserController: GET invite_form, POST invite
  /staff/people/staff/{user_id:int}          UserController: GET user
  /staff/people/staff/{user_id:int}/active   UserController: POST set_active
  /staff/people/staff/{user_id:int}/link     UserController: POST create_link
  /staff/people/staff/{user_id:int}/role     StaffUserController: POST set_role
  /staff/people/staff/{user_id:int}/sessions  UserController: POST end_sessions
  /staff/people/staff/{user_id:int}/two-step  UserController: POST disable_totp
  /staff/people/logins/new                   UserController: GET invite_form, POST invite
  /staff/people/logins/{user_id:int}         UserController: GET user
  /staff/people/logins/{user_id:int}/active  UserController: POST set_active
  /staff/people/logins/{user_id:int}/admin   AdvertiserUserController: POST set_admin
  /staff/people/logins/{user_id:int}/link    UserController: POST create_link
  /staff/people/logins/{user_id:int}/scopes  AdvertiserUserController: POST set_scopes
  /staff/people/logins/{user_id:int}/sessions  UserController: POST end_sessions
  /staff/people/logins/{user_id:int}/two-step  UserController: POST disable_totp
  /staff/singular                            StaffSingularController: GET advertisers
  /staff/singular/{advertiser:uuid}          StaffSingularController: GET advertiser, POST switch
  /staff/advertisers                         CatalogueController: GET list_rows
  /staff/advertisers/export                  CatalogueFileController: GET export
  /staff/advertisers/import                  CatalogueFileController: GET import_form, POST upload
  /staff/advertisers/import/apply            CatalogueFileController: POST apply
  /staff/advertisers/new                     CatalogueController: GET new, POST create
  /staff/advertisers/options                 AdvertisersController: GET options
  /staff/advertisers/status                  CatalogueController: GET status_form, POST change_status
  /staff/advertisers/{row_id:uuid}           CatalogueController: GET row
  /staff/advertisers/{row_id:uuid}/changes   StaffDrilldownController: GET changes
  /staff/advertisers/{row_id:uuid}/changes.csv  StaffDrilldownController: GET export_changes
  /staff/advertisers/{row_id:uuid}/conversions  StaffDrilldownController: GET conversions
  /staff/advertisers/{row_id:uuid}/conversions.csv  StaffDrilldownController: GET export
  /staff/advertisers/{row_id:uuid}/conversions/{conversion:uuid}  StaffDrilldownController: GET conversion
  /staff/advertisers/{row_id:uuid}/delete    CatalogueController: POST delete
  /staff/advertisers/{row_id:uuid}/edit      CatalogueController: GET edit_form, POST edit
  /staff/offers                              CatalogueController: GET list_rows
  /staff/offers/export                       CatalogueFileController: GET export
  /staff/offers/import                       CatalogueFileController: GET import_form, POST upload
  /staff/offers/import/apply                 CatalogueFileController: POST apply
  /staff/offers/new                          CatalogueController: GET new, POST create
  /staff/offers/status                       CatalogueController: GET status_form, POST change_status
  /staff/offers/{row_id:uuid}                CatalogueController: GET row
  /staff/offers/{row_id:uuid}/delete         CatalogueController: POST delete
  /staff/offers/{row_id:uuid}/edit           CatalogueController: GET edit_form, POST edit
  /staff/offers/{row_id:uuid}/move           OffersController: GET move_form, POST move
  /staff/partners                            CatalogueController: GET list_rows
  /staff/partners/export                     CatalogueFileController: GET export
  /staff/partners/import                     CatalogueFileController: GET import_form, POST upload
  /staff/partners/import/apply               CatalogueFileController: POST apply
  /staff/partners/new                        CatalogueController: GET new, POST create
  /staff/partners/status                     CatalogueController: GET status_form, POST change_status
  /staff/partners/{row_id:uuid}              CatalogueController: GET row
  /staff/partners/{row_id:uuid}/delete       CatalogueController: POST delete
  /staff/partners/{row_id:uuid}/edit         CatalogueController: GET edit_form, POST edit
  /staff/intake                              IntakeController: GET health
  /staff/intake/rejected                     RejectedController: GET causes
  /staff/intake/rejected/causes/{cause:uuid}  RejectedController: GET cause
  /staff/intake/rejected/causes/{cause:uuid}/dismiss  RejectedController: POST dismiss_all
  /staff/intake/rejected/causes/{cause:uuid}/replay  RejectedController: POST replay_all
  /staff/intake/rejected/{record:int}        RejectedController: GET record
  /staff/intake/rejected/{record:int}/dismiss  RejectedController: POST dismiss_one
  /staff/intake/rejected/{record:int}/replay  RejectedController: POST replay
  /staff/corrections                         CorrectionsController: GET upload_form, POST upload
  /staff/corrections/apply                   CorrectionsController: POST apply
  /staff/corrections/rejects                 CorrectionsController: POST rejects
  /staff/settings                            SettingsController: GET settings, POST save
  /staff/requests                            StaffRequestsController: GET requests
  /staff/advertisers/{advertiser:uuid}/view  ViewAsController: POST start
  /staff/view/stop                           ViewAsController: POST stop
  /staff/settings/logo                       SettingsController: POST logo
  /staff/settings/logo/remove                SettingsController: POST remove_logo
  /staff/audit                               AuditController: GET log
  /staff/audit/export                        AuditController: GET export
  /admin                                     ANY piccolo_proxy

Platform: admin.<base>
  /staff                                     PlatformStaffController: GET staff
  /staff/new                                 UserController: GET invite_form, POST invite
  /staff/{user_id:int}                       UserController: GET user
  /staff/{user_id:int}/active                UserController: POST set_active
  /staff/{user_id:int}/link                  UserController: POST create_link
  /staff/{user_id:int}/role                  StaffUserController: POST set_role
  /staff/{user_id:int}/sessions              UserController: POST end_sessions
  /staff/{user_id:int}/two-step              UserController: POST disable_totp
  /                                          TenantsController: GET tenants
  /new                                       TenantsController: GET new, POST create
  /tenants/{slug:str}                        TenantsController: GET tenant
  /tenants/{slug:str}/limits                 TenantsController: POST limit
  /tenants/{slug:str}/migrate                TenantsController: POST migrate
  /tenants/{slug:str}/name                   TenantsController: POST rename
  /tenants/{slug:str}/owners                 TenantsController: POST invite
  /tenants/{slug:str}/owners/{person:int}/link   TenantsController: POST owner_link
  /tenants/{slug:str}/resume                 TenantsController: POST resume
  /tenants/{slug:str}/suspend                TenantsController: POST suspend
  /audit                                     AuditController: GET log
  /audit/export                              AuditController: GET export
"""

from litestar import route
from litestar.types import ControllerRouterHandler

from apidocs.controller import DocsController
from ingest.api import IngestController
from reporting.api import CostReportController, SingularController
from reporting.changes.api import ChangesController, StatusController
from reporting.conversions.api import ConversionController
from reporting.dimensions import DimensionController
from reporting.query.api import QueryController
from tenants.migrations import check_version
from tenants.tables import load_tenant
from web.requests import READ_METHODS


@route("/healthz", http_method=READ_METHODS, include_in_schema=False)
async def healthz() -> dict[str, str]:
    """This process answers."""
    return {"status": "ok"}


@route("/readyz", http_method=READ_METHODS, include_in_schema=False)
async def readyz() -> dict[str, str]:
    """This process can use its database (else 503)."""
    await load_tenant("")
    await check_version()
    return {"status": "ok"}


API: list[ControllerRouterHandler] = [
    CostReportController,
    SingularController,
    StatusController,
    ChangesController,
    ConversionController,
    DimensionController,
    QueryController,
    IngestController,
    DocsController,
    healthz,
    readyz,
]
