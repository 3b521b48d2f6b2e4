"""The platform's own staff: admin.<base>"""

from litestar import Router
from litestar.di import Provide

from accounts.account import AccountController
from accounts.audit import AuditController
from accounts.controller import SignInController
from accounts.realms import PLATFORM
from platform_admin.frame import platform_frame
from platform_admin.staff import StaffController
from platform_admin.tenants import TenantsController

PLATFORM_ADMIN = Router(
    path="/",
    route_handlers=[SignInController, AccountController, TenantsController, StaffController, AuditController],
    opt={"realm": PLATFORM},
    dependencies={"frame": Provide(platform_frame)},
)
