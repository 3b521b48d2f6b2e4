"""The platform's own staff: admin.<base>"""

from litestar import Router
from litestar.di import Provide

from admin.platform.layout import platform_layout
from admin.platform.staff import StaffController
from admin.platform.tenants import TenantsController
from auth.users.account_pages import AccountController
from auth.users.audit import AuditController
from auth.users.login_pages import LoginController
from auth.users.realms import PLATFORM

PLATFORM_ADMIN = Router(
    path="/",
    route_handlers=[LoginController, AccountController, TenantsController, StaffController, AuditController],
    opt={"realm": PLATFORM},
    dependencies={"layout": Provide(platform_layout)},
)
