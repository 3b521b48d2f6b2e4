"""Advertiser self-service: app.TENANT.<base>/"""

from litestar import Router
from litestar.di import Provide

from accounts.account import AccountController
from accounts.controller import SignInController
from accounts.realms import ADVERTISER
from portal.api import ApiController
from portal.dashboard import DashboardController
from portal.frame import portal_frame
from portal.keys import KeyController
from portal.singular import SingularController

PORTAL = Router(
    path="/",
    route_handlers=[
        SignInController,
        AccountController,
        DashboardController,
        KeyController,
        SingularController,
        ApiController,
    ],
    opt={"realm": ADVERTISER},
    dependencies={"frame": Provide(portal_frame)},
)
