"""The tenant's staff: app.TENANT.<base>/staff, and all tables at /admin/"""

from litestar import Router
from litestar.di import Provide

from accounts.account import AccountController
from accounts.audit import AuditController
from accounts.controller import SignInController
from accounts.realms import STAFF
from admin.corrections import CorrectionsController
from admin.frame import staff_frame
from admin.gate import gate
from admin.keys import StaffKeyController
from admin.overview import OverviewController
from admin.people import LoginController, PeopleController, StaffController
from admin.settings import SettingsController
from admin.singular import StaffSingularController

PAGES = Router(
    path="/staff",
    route_handlers=[
        SignInController,
        AccountController,
        OverviewController,
        StaffKeyController,
        PeopleController,
        StaffController,
        LoginController,
        StaffSingularController,
        CorrectionsController,
        SettingsController,
        AuditController,
    ],
    opt={"realm": STAFF},
    dependencies={"frame": Provide(staff_frame)},
)
DESK = Router(path="/", route_handlers=[PAGES, gate])
