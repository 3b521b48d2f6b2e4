"""The tenant's staff: app.TENANT.<base>/staff, and all tables at /admin/"""

from litestar import Router
from litestar.di import Provide

from admin.api_keys import StaffKeyController
from admin.corrections import CorrectionsController
from admin.layout import staff_layout
from admin.overview import OverviewController
from admin.piccolo.proxy import piccolo_proxy
from admin.settings import SettingsController
from admin.singular import StaffSingularController
from admin.users import AdvertiserUserController, PeopleController, StaffController
from auth.users.account_pages import AccountController
from auth.users.audit import AuditController
from auth.users.login_pages import LoginController
from auth.users.realms import STAFF

PAGES = Router(
    path="/staff",
    route_handlers=[
        LoginController,
        AccountController,
        OverviewController,
        StaffKeyController,
        PeopleController,
        StaffController,
        AdvertiserUserController,
        StaffSingularController,
        CorrectionsController,
        SettingsController,
        AuditController,
    ],
    opt={"realm": STAFF},
    dependencies={"layout": Provide(staff_layout)},
)
STAFF_ADMIN = Router(path="/", route_handlers=[PAGES, piccolo_proxy])
