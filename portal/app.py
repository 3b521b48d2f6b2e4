"""Advertiser self-service: app.TENANT.<base>/"""

from litestar import Router
from litestar.di import Provide

from auth.users.account_pages import AccountController
from auth.users.login_pages import LoginController
from auth.users.realms import ADVERTISER
from portal.api_keys import KeyController
from portal.api_page import ApiController
from portal.dashboard import DashboardController
from portal.layout import portal_layout
from portal.singular import SingularController

PORTAL = Router(
    path="/",
    route_handlers=[
        LoginController,
        AccountController,
        DashboardController,
        KeyController,
        SingularController,
        ApiController,
    ],
    opt={"realm": ADVERTISER},
    dependencies={"layout": Provide(portal_layout)},
)
