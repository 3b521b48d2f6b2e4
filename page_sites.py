"""The sites of HTML pages. They take longer to import and to build than the API, so `main` does it after the start."""

from typing import cast

from litestar import Litestar, Router
from litestar.di import Provide
from starlette.types import ASGIApp

from admin.advertisers import AdvertisersController
from admin.api_keys import StaffKeyController
from admin.corrections import CorrectionsController
from admin.drilldown import StaffDrilldownController
from admin.intake import IntakeController
from admin.layout import staff_layout
from admin.offers import OffersController
from admin.partners import PartnersController
from admin.piccolo.mount import piccolo_proxy
from admin.platform.layout import platform_layout
from admin.platform.staff import PlatformStaffController
from admin.platform.tenants import TenantsController
from admin.rejected import RejectedController
from admin.requests import StaffRequestsController
from admin.saved_views import StaffViewController
from admin.settings import SettingsController
from admin.singular import StaffSingularController
from admin.spend import StaffSpendController
from admin.users import TenantAdvertiserUserController, TenantStaffController, TenantUsersController
from admin.view_as import ViewAsController
from auth.users.account_pages import AccountController
from auth.users.audit import AuditController
from auth.users.guards import LoginRequired, find_view_for_error, redirect_to_login
from auth.users.login_pages import LoginController
from auth.users.realms import ADVERTISER, PLATFORM, STAFF
from portal.advertiser_status import read_advertiser_status
from portal.api_keys import AdvertiserApiKeyController
from portal.api_page import ApiController
from portal.dashboard import DashboardController
from portal.drilldown import DrilldownController
from portal.layout import portal_layout
from portal.notifications import NotificationController
from portal.saved_views import PortalViewController
from portal.singular import SingularPageController
from portal.team import TeamController
from portal.unsubscribe import UnsubscribeController
from web.pages.forms import MAX_FORM_BYTES
from web.pages.logo import logo
from web.pages.responses import error_page_response
from web.pages.security import PageSecurityMiddleware
from web.pages.static_file import static_file

PORTAL = Router(
    path="/",
    route_handlers=[
        LoginController,
        AccountController,
        DashboardController,
        DrilldownController,
        AdvertiserApiKeyController,
        SingularPageController,
        ApiController,
        TeamController,
        logo,
        NotificationController,
        PortalViewController,
        UnsubscribeController,
    ],
    opt={"realm": ADVERTISER},
    dependencies={"advertiser": Provide(read_advertiser_status), "layout": Provide(portal_layout)},
)
ADMIN_PAGES = Router(
    path="/staff",
    route_handlers=[
        LoginController,
        AccountController,
        StaffSpendController,
        StaffViewController,
        UnsubscribeController,
        StaffDrilldownController,
        StaffKeyController,
        TenantUsersController,
        TenantStaffController,
        TenantAdvertiserUserController,
        StaffSingularController,
        AdvertisersController,
        OffersController,
        PartnersController,
        IntakeController,
        RejectedController,
        CorrectionsController,
        ViewAsController,
        SettingsController,
        StaffRequestsController,
        AuditController,
    ],
    opt={"realm": STAFF},
    dependencies={"layout": Provide(staff_layout)},
)
ADMIN = Router(path="/", route_handlers=[ADMIN_PAGES, piccolo_proxy])
PLATFORM_ADMIN = Router(
    path="/",
    route_handlers=[LoginController, AccountController, TenantsController, PlatformStaffController, AuditController],
    opt={"realm": PLATFORM},
    dependencies={"layout": Provide(platform_layout)},
)


def page_site(*routers: Router) -> ASGIApp:
    """An app of HTML pages. Its middleware is outside of Litestar, which would leave out URLs that do not exist."""
    site = Litestar(
        route_handlers=[static_file, *routers],
        after_exception=[find_view_for_error],
        exception_handlers={LoginRequired: redirect_to_login, Exception: error_page_response},
        request_max_body_size=MAX_FORM_BYTES,
        openapi_config=None,
        logging_config=None,
    )
    return PageSecurityMiddleware(cast("ASGIApp", site), before_refusal=find_view_for_error)


SITES = {"app": page_site(PORTAL, ADMIN), "admin": page_site(PLATFORM_ADMIN)}
